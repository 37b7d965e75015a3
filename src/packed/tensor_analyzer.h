// SPDX-License-Identifier: BSD-3-Clause
//
// Analyses a tensor that need not fit into memory, in two passes over windows of its rows, on any
// number of workers:
//
//   TensorAnalyzer analyzer(grid, pool.num_threads());
//   ...  analyzer.count_exponents(window, worker);      // every row exactly once, any order
//   UNWEIGHT_TRY(analyzer.finish_exponents());
//   ...  analyzer.count_codes(window, chunks, worker);  // every chunk exactly once, any order
//   UNWEIGHT_TRY_ASSIGN(TensorAnalysis analysis, analyzer.finish());
//
// Whoever has the counts already (a GPU) goes straight to finish_with(counts).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "analysis/exponent_stats.h"
#include "codec/chunk_encoder.h"
#include "layout/tile_order.h"
#include "packed/encode_plan.h"
#include "unweight/codec.h"
#include "unweight/result.h"

namespace unweight::packed {

/// What the passes count; every choice follows from it.
struct TensorCounts {
  analysis::ExponentCounts exponents{};  ///< over the rows*cols real weights
  codec::PairCounts pairs{};             ///< of palette codes, over the padded matrix
  std::uint64_t num_verbatim_rows = 0;   ///< of 8 weights, over the padded matrix
};

class TensorAnalyzer {
 public:
  /// `grid` must be representable.
  TensorAnalyzer(const layout::TileGrid& grid, unsigned num_workers);

  /// Pass 1. Calls with different `worker` (< num_workers) may run at the same time.
  void count_exponents(const codec::SourceWindow& window, unsigned worker);
  /// The same for any piece of the weights: the order does not matter here.
  void count_exponents(std::span<const std::uint16_t> weights, unsigned worker);

  /// Ends pass 1: chooses the palette. kInternal unless all rows*cols weights were counted.
  Result<void> finish_exponents();

  /// Pass 2: pairs of codes and verbatim rows, padding included. `window` must cover
  /// codec::rows_of_chunks(grid, chunks).
  void count_codes(const codec::SourceWindow& window, codec::ChunkRange chunks, unsigned worker);

  /// Ends pass 2: builds the Huffman code.
  Result<TensorAnalysis> finish();

  /// Instead of both passes: `counts` are of the whole tensor, pairs and verbatim rows under the
  /// palette that analysis::choose_palette(counts.exponents) chooses. kInternal if they cannot be
  /// counts of a matrix of these dimensions.
  Result<TensorAnalysis> finish_with(const TensorCounts& counts);

  /// What was counted so far.
  [[nodiscard]] TensorCounts counts() const noexcept;

  /// After finish() or finish_with(): how to encode the tensor in a family that is not kRaw.
  [[nodiscard]] codec::EncodePlan plan(Family family) const;

 private:
  struct alignas(64) WorkerCounts : TensorCounts {};

  Result<void> choose_palette(const analysis::ExponentCounts& counts);
  Result<TensorAnalysis> conclude(const TensorCounts& counts);
  [[nodiscard]] std::uint64_t stream_bytes(std::uint64_t code_bits) const noexcept;

  layout::TileGrid grid_;
  std::vector<WorkerCounts> workers_;
  codec::EncodePlan plan_;  ///< its palette serves kPalette and kHuffman
  codec::EncodePlan radix_plan_;
  std::array<std::uint8_t, 256> code_of_{};  ///< exponent -> palette code or kNotInPalette
};

}  // namespace unweight::packed
