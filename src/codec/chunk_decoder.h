// SPDX-License-Identifier: BSD-3-Clause
//
// Decodes ranges of chunks from validated sections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "codec/families_format.h"
#include "layout/tile_order.h"
#include "unweight/codec.h"
#include "unweight/result.h"

namespace unweight::codec {

/// What a decoder needs, with every index already validated (packed/packed_reader.h does it):
/// each chunk's stream lies inside the section where its entry says; verbatim entries are
/// consistent. The spans may be a *window* of the tensor: element 0 of per-chunk spans is chunk
/// `first_chunk`, element 0 of per-tile spans its first tile, and so on; *_base say what the stored
/// indices count from. A whole tensor in memory has all of them 0.
struct EncodedView {
  Family family = Family::kHuffman;
  layout::TileGrid grid;
  Palette palette{};
  DecodeTable table{};  ///< kHuffman

  std::uint64_t first_chunk = 0;
  std::span<const ChunkStreamEntry> chunk_streams;     ///< kHuffman: chunks
  std::span<const VerbatimIndexEntry> verbatim_index;  ///< chunks
  std::span<const std::uint16_t> verbatim_positions;   ///< VerbatimPosition, or EscapePosition
  std::span<const std::uint8_t> verbatim_rows;
  std::span<const std::uint8_t> sign_mantissa;  ///< tiles * 1024
  std::span<const std::uint8_t> codes;          ///< kPalette: tiles * 512; kRadix: tiles * 448
  /// kHuffman: bytes from stream_base on, with kStreamTailBytes readable bytes behind the last
  /// chunk's (any content).
  std::span<const std::uint8_t> stream;
  std::uint64_t stream_base = 0;        ///< stored stream_offset of the window's first chunk
  std::uint64_t verbatim_row_base = 0;  ///< stored first_verbatim_row of the window's first entry
};

/// A row-major window of whole rows to decode into.
struct DestinationWindow {
  std::uint16_t* data = nullptr;
  std::uint64_t first_row = 0;
  std::uint64_t num_rows = 0;
  std::uint64_t stride_elems = 0;
};

/// Decodes those tiles of chunks [first, first + count), numbered from the tensor's beginning and
/// all inside the view, whose rows lie in `destination` (its first_row is a multiple of 16; it ends
/// at one or at the matrix edge); other tiles are skipped. The caller splits chunks over threads:
/// two chunks never write the same weight. Error: kInvalidFormat when a lane's codes do not end
/// where its string does.
Result<void> decode_chunks(const EncodedView& view, std::uint64_t first, std::uint64_t count,
                           const DestinationWindow& destination);

}  // namespace unweight::codec
