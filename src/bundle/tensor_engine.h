// SPDX-License-Identifier: BSD-3-Clause
//
// The seam for engines that encode and decode whole tensors elsewhere than in the CPU codec: on a
// GPU, say. A bundle's bytes are the same whichever engine made them; the CPU codec is what an
// engine is held to. Engines live in rooms right of this one and come in through the options of
// unweight/bundle.h.
//
//   compress:  begin_encode -> append_rows* -> analyze -> encode -> self_check -> read_chunks*
//              (without encode and what follows, where the tensor turns out not to shrink)
//   restore:   begin_decode -> append_section* -> decode -> read_rows*
//
// Threads: one call at a time, over an engine and all of its encoders and decoders, but not always
// from the same thread. Host memory of an argument may be reused when the call returns.
//
// Lifetime: at most one encoder or decoder at a time, destroyed before the next can_... or
// begin_...; destroying one, after an error or half-way, gives up all that it holds.
//
// Errors: kOutOfMemory where memory of the engine ran out: the CPU codec then takes the tensor.
// Every other error ends the whole call, but for kInvalidFormat of decode(); kInternal is a bug.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "codec/chunk_encoder.h"
#include "layout/tile_order.h"
#include "packed/packed_format.h"
#include "packed/tensor_analyzer.h"
#include "unweight/codec.h"
#include "unweight/result.h"

namespace unweight {

/// Statistics of a whole tensor: exponents over its real weights, pairs and verbatim rows over the
/// padded matrix, under the palette that analysis::choose_palette chooses.
using EngineStatistics = packed::TensorCounts;

/// One tensor on its way through the encoder. Calls come in the order in which they stand here.
class EngineEncoder {
 public:
  virtual ~EngineEncoder() = default;

  /// The next rows, densely, row-major: a multiple of grid.cols weights. In order, and all rows of
  /// the tensor in the end.
  virtual Result<void> append_rows(std::span<const std::uint16_t> rows) = 0;

  /// After the last row.
  virtual Result<EngineStatistics> analyze() = 0;

  /// Encodes all rows. Palette, padding code and Huffman code of the plan come from the statistics
  /// that analyze() gave; kInternal where the engine's own differ. Any family but
  /// kRaw.
  virtual Result<void> encode(const codec::EncodePlan& plan) = 0;

  /// Decodes what was encoded, on the engine, and compares it with the rows: kInternal where a
  /// weight differs. Left out if the caller wants no self-check.
  virtual Result<void> self_check() = 0;

  /// The encoded form of some chunks, as codec::encode_chunks gives it: indices relative to the
  /// range. All fields of `out` are set; `codes` may be left empty for kHuffman. Ranges come in
  /// order, and make up the whole tensor.
  virtual Result<void> read_chunks(codec::ChunkRange chunks, codec::EncodedChunks& out) = 0;
};

/// One packed tensor on its way through the decoder. Calls come in the order in which they stand
/// here.
class EngineDecoder {
 public:
  virtual ~EngineDecoder() = default;

  /// The next bytes of a section. Section after section by ascending id, the bytes of each in
  /// order, and all of them in the end, the stream's tail included; empty sections are left out.
  /// Index sections have been validated (packed::check_indices). What is in the others is as
  /// untrusted as the file.
  virtual Result<void> append_section(packed::SectionId id, std::span<const std::byte> bytes) = 0;

  /// Decodes the whole tensor. Comes only after the checksums of all sections have held.
  /// kInvalidFormat when a lane's codes do not end where its string does; the CPU codec then says
  /// where.
  virtual Result<void> decode() = 0;

  /// Rows [first, first + count), densely, into `out` (count * cols weights). Any range of rows of
  /// the matrix, any number of times.
  virtual Result<void> read_rows(std::uint64_t first, std::uint64_t count,
                                 std::span<std::uint16_t> out) = 0;
};

class TensorEngine {
 public:
  virtual ~TensorEngine() = default;

  /// Whether a tensor of this size can be taken now (memory). false: the CPU codec does it. `grid`
  /// is representable and has at least one weight.
  virtual bool can_encode(const layout::TileGrid& grid) = 0;
  /// `packed_bytes`: the whole packed tensor. Any family but kRaw.
  virtual bool can_decode(const layout::TileGrid& grid, Family family,
                          std::uint64_t packed_bytes) = 0;

  virtual Result<std::unique_ptr<EngineEncoder>> begin_encode(const layout::TileGrid& grid) = 0;
  /// `header` has been validated (packed::parse_header).
  virtual Result<std::unique_ptr<EngineDecoder>> begin_decode(
      const packed::PackedHeader& header) = 0;
};

}  // namespace unweight
