// SPDX-License-Identifier: BSD-3-Clause
//
// Analyses a tensor that need not fit into memory, in two passes over windows of its rows, on any
// number of workers:
//
//   TensorAnalyzer analyzer(grid, pool.num_threads());
//   ...  analyzer.count_exponents(window, worker);      // every row exactly once, any order
//   UNWEIGHT_TRY(analyzer.finish_exponents());
//   if (analyzer.needs_verbatim_pass())
//     ...  analyzer.count_verbatim(window, chunks, worker);  // every chunk exactly once, any order
//   TensorAnalysis analysis = analyzer.finish();
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

class TensorAnalyzer {
 public:
  /// `grid` must be representable.
  TensorAnalyzer(const layout::TileGrid& grid, unsigned num_workers);

  /// Pass 1. Calls with different `worker` (< num_workers) may run at the same time.
  void count_exponents(const codec::SourceWindow& window, unsigned worker);
  /// The same for any piece of the weights: the order does not matter here.
  void count_exponents(std::span<const std::uint16_t> weights, unsigned worker);

  /// Ends pass 1: chooses palette and code. kInternal unless all rows*cols weights were counted.
  Result<void> finish_exponents();

  /// Whether pass 2 tells anything that pass 1 did not: some weight is outside the palette, or the
  /// tensor is small enough to get its Huffman size exactly.
  [[nodiscard]] bool needs_verbatim_pass() const noexcept { return num_outside_ != 0 || exact_; }

  /// Pass 2. `window` must cover codec::rows_of_chunks(grid, chunks).
  void count_verbatim(const codec::SourceWindow& window, codec::ChunkRange chunks, unsigned worker);

  /// Ends pass 2 (or pass 1, where there was no need of another).
  [[nodiscard]] TensorAnalysis finish() const;

  /// After finish_exponents().
  [[nodiscard]] const analysis::ExponentCounts& exponent_counts() const noexcept { return counts_; }
  /// After pass 2, or where it was not needed.
  [[nodiscard]] VerbatimTotals verbatim_totals() const noexcept { return totals().verbatim; }

 private:
  struct alignas(64) WorkerCounts {
    analysis::ExponentCounts exponents{};
    VerbatimTotals verbatim;
    std::uint64_t verbatim_code_bits = 0;  ///< what verbatim rows would have taken in the stream
    std::uint64_t num_verbatim_lanes = 0;  ///< lanes of chunks without a single coded row
    std::uint64_t stream_words = 0;        ///< exact_ only
  };
  struct LaneBits;

  void count_chunk(const codec::SourceWindow& window, std::uint64_t chunk,
                   WorkerCounts& counts) const;
  [[nodiscard]] WorkerCounts totals() const noexcept;
  [[nodiscard]] std::uint64_t stream_bytes(const WorkerCounts& totals) const noexcept;

  layout::TileGrid grid_;
  std::vector<WorkerCounts> workers_;
  analysis::ExponentCounts counts_{};
  codec::EncodePlan plan_;                   ///< Huffman; its palette serves both families
  std::array<std::uint8_t, 256> code_of_{};  ///< exponent -> palette code or kNotInPalette
  std::array<std::uint8_t, 256> bits_of_{};  ///< exponent -> code length, 0 outside the palette
  std::uint64_t num_outside_ = 0;
  bool exact_ = false;
};

}  // namespace unweight::packed
