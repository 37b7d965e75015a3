// SPDX-License-Identifier: BSD-3-Clause
#include "packed/tensor_analyzer.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "base/try.h"
#include "codec/tile_kernels.h"

namespace unweight::packed {
namespace {

using layout::kLanes;
using layout::kTileCols;
using layout::kTileElems;
using layout::kTileRows;

// Up to here the stream's size is counted lane by lane instead of estimated: alignment and the last
// words of the lanes weigh more than 0.5 % of a small tensor.
constexpr std::uint64_t kMaxExactChunks = 32;
// What raw must be beaten by, in percent of the original size.
constexpr std::uint64_t kMinSavedPercent = 1;

// Exponents of one tile, padded beyond the matrix edge, as a byte tile.
void tile_exponents(const layout::TileGrid& grid, const codec::SourceWindow& window,
                    std::uint64_t tile, std::uint16_t padding, std::uint8_t* exponents) {
  const codec::TileKernels& kernels = codec::tile_kernels();
  const std::uint64_t first_row = tile / grid.tiles_per_strip() * kTileRows;
  const std::uint64_t first_col = tile % grid.tiles_per_strip() * kTileCols;
  const std::uint16_t* source =
      window.data + (first_row - window.first_row) * window.stride_elems + first_col;
  alignas(64) std::array<std::uint8_t, kTileElems> sign_mantissa;
  if (grid.rows - first_row >= kTileRows && grid.cols - first_col >= kTileCols) {
    kernels.split_tile(source, window.stride_elems, sign_mantissa.data(), exponents);
    return;
  }
  alignas(64) std::array<std::uint16_t, kTileElems> padded;
  padded.fill(padding);
  const std::uint64_t rows = std::min<std::uint64_t>(kTileRows, grid.rows - first_row);
  const std::uint64_t cols = std::min<std::uint64_t>(kTileCols, grid.cols - first_col);
  for (std::uint64_t r = 0; r < rows; ++r) {
    std::copy_n(source + r * window.stride_elems, cols, padded.data() + r * kTileCols);
  }
  kernels.split_tile(padded.data(), kTileCols, sign_mantissa.data(), exponents);
}

}  // namespace

// Bits that one lane puts into a chunk's stream.
struct TensorAnalyzer::LaneBits {
  std::uint32_t total = 0;
  std::uint32_t last_pair = 0;

  // Decoders refill before a pair while fewer than `threshold` bits are left, so the words of a
  // lane are the fewest that leave `threshold` bits before its last pair.
  [[nodiscard]] std::uint32_t words(std::uint32_t threshold) const {
    return (total - last_pair + threshold + codec::kStreamWordBits - 1) / codec::kStreamWordBits;
  }
};

TensorAnalyzer::TensorAnalyzer(const layout::TileGrid& grid, unsigned num_workers)
    : grid_(grid), workers_(num_workers) {}

void TensorAnalyzer::count_exponents(const codec::SourceWindow& window, unsigned worker) {
  for (std::uint64_t r = 0; r < window.num_rows; ++r) {
    count_exponents(std::span(window.data + r * window.stride_elems, grid_.cols), worker);
  }
}

void TensorAnalyzer::count_exponents(std::span<const std::uint16_t> weights, unsigned worker) {
  codec::tile_kernels().count_exponents(weights.data(), weights.size(),
                                        workers_[worker].exponents.data());
}

Result<void> TensorAnalyzer::finish_exponents() {
  counts_ = totals().exponents;
  const std::uint64_t counted = std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
  if (counted != grid_.num_elems()) {
    return Error{ErrorCode::kInternal,
                 fmt::format("counted {} of {} x {} weights", counted, grid_.rows, grid_.cols)};
  }
  UNWEIGHT_TRY_ASSIGN(plan_, make_plan(counts_, Family::kHuffman, grid_));
  code_of_.fill(codec::kNotInPalette);
  for (std::size_t code = 0; code < plan_.palette.size(); ++code) {
    code_of_[plan_.palette[code]] = static_cast<std::uint8_t>(code);
    bits_of_[plan_.palette[code]] = plan_.code.lengths[code];
  }
  for (std::size_t e = 0; e < counts_.size(); ++e) {
    if (code_of_[e] == codec::kNotInPalette) num_outside_ += counts_[e];
  }
  exact_ = counted != 0 && grid_.num_chunks() <= kMaxExactChunks;
  return {};
}

void TensorAnalyzer::count_verbatim(const codec::SourceWindow& window, codec::ChunkRange chunks,
                                    unsigned worker) {
  for (std::uint64_t c = chunks.first; c < chunks.first + chunks.count; ++c) {
    count_chunk(window, c, workers_[worker]);
  }
}

void TensorAnalyzer::count_chunk(const codec::SourceWindow& window, std::uint64_t chunk,
                                 WorkerCounts& counts) const {
  const std::uint16_t padding = codec::join_weight(plan_.palette[plan_.padding_code], 0);
  alignas(64) std::array<std::uint8_t, kTileElems> exponents;
  std::array<LaneBits, kLanes> lanes{};
  std::uint32_t always_verbatim = ~0u;
  for (std::uint32_t t = 0; t < grid_.chunk_tiles(chunk); ++t) {
    tile_exponents(grid_, window, chunk * layout::kChunkTiles + t, padding, exponents.data());
    const std::uint32_t mask =
        codec::tile_kernels().verbatim_lanes(exponents.data(), code_of_.data());
    always_verbatim &= mask;
    counts.verbatim.num_tiles += mask != 0 ? 1 : 0;
    counts.verbatim.num_rows += static_cast<std::uint64_t>(std::popcount(mask));
    for (std::uint32_t lane = 0; lane < kLanes && (mask != 0 || exact_); ++lane) {
      const bool verbatim = (mask >> lane & 1) != 0;
      if (!verbatim && !exact_) continue;
      std::uint32_t bits = 0;
      for (std::uint32_t i = 0; i < layout::kRowElems; ++i) {
        bits += bits_of_[exponents[layout::byte_section_offset({lane, i})]];
      }
      if (verbatim) {
        counts.verbatim_code_bits += bits;
        continue;
      }
      lanes[lane].total += bits;
      lanes[lane].last_pair =
          std::uint32_t{bits_of_[exponents[layout::byte_section_offset({lane, 30})]]} +
          bits_of_[exponents[layout::byte_section_offset({lane, 31})]];
    }
  }
  counts.num_verbatim_lanes += static_cast<std::uint64_t>(std::popcount(always_verbatim));
  if (!exact_) return;
  const std::uint32_t threshold = codec::kSymbolsPerRefill * plan_.code.max_length;
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    if ((always_verbatim >> lane & 1) == 0) counts.stream_words += lanes[lane].words(threshold);
  }
}

TensorAnalyzer::WorkerCounts TensorAnalyzer::totals() const noexcept {
  WorkerCounts sum;
  for (const WorkerCounts& w : workers_) {
    for (std::size_t e = 0; e < sum.exponents.size(); ++e) sum.exponents[e] += w.exponents[e];
    sum.verbatim.num_tiles += w.verbatim.num_tiles;
    sum.verbatim.num_rows += w.verbatim.num_rows;
    sum.verbatim_code_bits += w.verbatim_code_bits;
    sum.num_verbatim_lanes += w.num_verbatim_lanes;
    sum.stream_words += w.stream_words;
  }
  return sum;
}

// Code bits are known exactly. What is estimated is how many bits a lane has left over at a chunk's
// end: it has at least 2*max_length before its last pair, on average half a word more, and then
// decodes one pair. On N(0,s) that is 16 + 7.5 - 5.2 = 18.3 bits.
std::uint64_t TensorAnalyzer::stream_bytes(const WorkerCounts& totals) const noexcept {
  constexpr std::uint64_t kTailBytes = 2 * codec::kStreamTailWords;
  if (exact_) return 2 * totals.stream_words + kTailBytes;
  const std::uint64_t padding_elems = grid_.padded_elems() - grid_.num_elems();
  std::uint64_t bits =
      padding_elems * bits_of_[plan_.palette[plan_.padding_code]] - totals.verbatim_code_bits;
  for (std::size_t e = 0; e < counts_.size(); ++e) bits += counts_[e] * bits_of_[e];
  const std::uint64_t coded_elems =
      grid_.padded_elems() - totals.verbatim.num_rows * layout::kRowElems;
  if (coded_elems == 0 || plan_.code.max_length == 0) return kTailBytes;
  const double pair_bits = 2.0 * static_cast<double>(bits) / static_cast<double>(coded_elems);
  const double left_over = codec::kSymbolsPerRefill * plan_.code.max_length +
                           (codec::kStreamWordBits - 1) / 2.0 - pair_bits;
  const std::uint64_t lanes = grid_.num_chunks() * kLanes - totals.num_verbatim_lanes;
  const double total_bits = static_cast<double>(bits) + static_cast<double>(lanes) * left_over;
  return static_cast<std::uint64_t>(total_bits / 8.0) / 2 * 2 + kTailBytes;
}

TensorAnalysis TensorAnalyzer::finish() const {
  const WorkerCounts sums = totals();
  const std::uint64_t elems = grid_.num_elems();
  TensorAnalysis result;
  result.rows = grid_.rows;
  result.cols = grid_.cols;
  result.exponent_count = counts_;
  result.exponent_entropy_bits = analysis::entropy_bits(counts_);
  result.palette = plan_.palette;
  result.palette_is_run = plan_.palette_is_run;
  result.palette_coverage =
      elems == 0 ? 1.0 : 1.0 - static_cast<double>(num_outside_) / static_cast<double>(elems);
  result.code_lengths = plan_.code.lengths;
  result.num_verbatim_rows = sums.verbatim.num_rows;
  result.num_verbatim_tiles = sums.verbatim.num_tiles;
  result.palette_bytes = packed_size(section_layout(Family::kPalette, grid_, sums.verbatim), 0);
  result.huffman_bytes =
      packed_size(section_layout(Family::kHuffman, grid_, sums.verbatim), stream_bytes(sums));
  const std::uint64_t best = std::min(result.palette_bytes, result.huffman_bytes);
  const std::uint64_t original_bytes = elems * sizeof(std::uint16_t);
  if (best * 100 <= original_bytes * (100 - kMinSavedPercent) && elems != 0) {
    result.smallest =
        result.huffman_bytes <= result.palette_bytes ? Family::kHuffman : Family::kPalette;
  }
  return result;
}

}  // namespace unweight::packed
