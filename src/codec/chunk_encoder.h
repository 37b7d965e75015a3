// SPDX-License-Identifier: BSD-3-Clause
//
// Encodes ranges of chunks. All a chunk's bytes depend on is the plan and its own weights, so
// ranges may be encoded in any order and on any number of threads; whoever writes them puts them
// together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codec/families_format.h"
#include "layout/tile_order.h"
#include "unweight/codec.h"
#include "unweight/result.h"

namespace unweight::codec {

/// Everything fixed before the first chunk is encoded.
struct EncodePlan {
  Family family = Family::kHuffman;  ///< all but kRaw
  layout::TileGrid grid;
  Palette palette{};  ///< kRadix: a run, of which codes 0 .. 10 are used
  bool palette_is_run = false;
  std::uint8_t padding_code = 0;
  HuffmanCode code;  ///< kHuffman only
};

/// A row-major window of whole rows of the tensor: rows [first_row, first_row + num_rows).
struct SourceWindow {
  const std::uint16_t* data = nullptr;
  std::uint64_t first_row = 0;
  std::uint64_t num_rows = 0;
  std::uint64_t stride_elems = 0;
};

struct ChunkRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

/// The encoded form of a range. Indices inside are relative to the range: the writer adds its
/// running totals to stream offsets and first_verbatim_row. Buffers are reused
/// from call to call.
struct EncodedChunks {
  std::vector<std::uint8_t> sign_mantissa;         ///< tiles * 1024
  std::vector<std::uint8_t> codes;                 ///< tiles * 512 (Huffman: scratch); radix: 448
  std::vector<std::uint8_t> stream;                ///< Huffman: the chunks' streams, back to back
  std::vector<ChunkStreamEntry> chunk_streams;     ///< Huffman: one per chunk
  std::vector<VerbatimIndexEntry> verbatim_index;  ///< one per chunk
  std::vector<std::uint16_t> verbatim_positions;   ///< VerbatimPosition; radix: EscapePosition
  std::vector<std::uint8_t> verbatim_rows;         ///< 8 bytes each; radix: 1
};

/// Rows of the tensor that a range of chunks needs: whole strips, clipped to the matrix.
struct RowRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};
[[nodiscard]] RowRange rows_of_chunks(const layout::TileGrid& grid, ChunkRange chunks);

/// `source` must cover rows_of_chunks(). Weights beyond the matrix edge are padding: sign_mantissa
/// 0, exponent palette[padding_code].
void encode_chunks(const EncodePlan& plan, const SourceWindow& source, ChunkRange chunks,
                   EncodedChunks& out);

}  // namespace unweight::codec
