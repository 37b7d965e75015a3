// SPDX-License-Identifier: BSD-3-Clause
#include "packed/tensor_analyzer.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "base/try.h"
#include "codec/source_tile.h"
#include "codec/tile_kernels.h"

namespace unweight::packed {
namespace {

using layout::kTileCodeSectionBytes;
using layout::kTileElems;

// What raw must be beaten by, in percent of the original size.
constexpr std::uint64_t kMinSavedPercent = 1;

template <std::size_t N>
std::uint64_t sum_of(const std::array<std::uint64_t, N>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

}  // namespace

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
  return choose_palette(counts().exponents);
}

Result<void> TensorAnalyzer::choose_palette(const analysis::ExponentCounts& counts) {
  const std::uint64_t counted = sum_of(counts);
  if (counted != grid_.num_elems()) {
    return Error{ErrorCode::kInternal,
                 fmt::format("counted {} of {} x {} weights", counted, grid_.rows, grid_.cols)};
  }
  UNWEIGHT_TRY_ASSIGN(plan_, make_palette_plan(counts, grid_));
  code_of_ = codec::invert_palette(plan_.palette);
  radix_plan_ = make_radix_plan(counts, grid_);
  return {};
}

void TensorAnalyzer::count_codes(const codec::SourceWindow& window, codec::ChunkRange chunks,
                                 unsigned worker) {
  const codec::TileKernels& kernels = codec::tile_kernels();
  const std::uint16_t padding = codec::join_weight(plan_.palette[plan_.padding_code], 0);
  alignas(64) std::array<std::uint8_t, kTileElems> sign_mantissa, exponents;
  alignas(64) std::array<std::uint8_t, layout::kChunkTiles * kTileCodeSectionBytes> codes;
  std::array<std::uint32_t, layout::kSteps> verbatim_lanes;
  TensorCounts& counts = workers_[worker];
  for (std::uint64_t chunk = chunks.first; chunk < chunks.first + chunks.count; ++chunk) {
    const std::uint32_t num_tiles = grid_.chunk_tiles(chunk);
    for (std::uint32_t t = 0; t < num_tiles; ++t) {
      const std::uint64_t tile = chunk * layout::kChunkTiles + t;
      codec::split_source_tile(grid_, window, tile / grid_.tiles_per_strip() * layout::kTileRows,
                               tile % grid_.tiles_per_strip() * layout::kTileCols, padding,
                               sign_mantissa.data(), exponents.data());
      kernels.pack_codes(exponents.data(), code_of_.data(), plan_.padding_code,
                         codes.data() + t * kTileCodeSectionBytes, verbatim_lanes.data());
      for (const std::uint32_t lanes : verbatim_lanes) {
        counts.num_verbatim_rows += static_cast<std::uint64_t>(std::popcount(lanes));
      }
    }
    kernels.count_pairs(codes.data(), num_tiles, counts.pairs.data());
  }
}

TensorCounts TensorAnalyzer::counts() const noexcept {
  TensorCounts sum;
  for (const WorkerCounts& w : workers_) {
    for (std::size_t e = 0; e < sum.exponents.size(); ++e) sum.exponents[e] += w.exponents[e];
    for (std::size_t p = 0; p < sum.pairs.size(); ++p) sum.pairs[p] += w.pairs[p];
    sum.num_verbatim_rows += w.num_verbatim_rows;
  }
  return sum;
}

// Code bits are known exactly. What is estimated is the filling: behind all chunks but the
// last, 3.5 bits up to the next byte. Left out is what lanes of very different lengths need
// (length_shift): at most 31 bits of a lane that has more than 8000 bits of signs and mantissas for
// each such bit.
std::uint64_t TensorAnalyzer::stream_bytes(std::uint64_t code_bits) const noexcept {
  const std::uint64_t filling = code_bits == 0 ? 0 : (grid_.num_chunks() - 1) * 7 / 2;
  return (code_bits + filling + 7) / 8 + codec::kStreamTailBytes;
}

Result<TensorAnalysis> TensorAnalyzer::finish() {
  return conclude(counts());
}

Result<TensorAnalysis> TensorAnalyzer::finish_with(const TensorCounts& counts) {
  UNWEIGHT_TRY(choose_palette(counts.exponents));
  const std::uint64_t padded = grid_.padded_elems();
  if (sum_of(counts.pairs) != padded / 2 || counts.num_verbatim_rows > padded / layout::kRowElems) {
    return Error{
        ErrorCode::kInternal,
        fmt::format("counts of {} pairs and {} verbatim rows do not fit {} x {} weights",
                    sum_of(counts.pairs), counts.num_verbatim_rows, grid_.rows, grid_.cols)};
  }
  return conclude(counts);
}

Result<TensorAnalysis> TensorAnalyzer::conclude(const TensorCounts& counts) {
  UNWEIGHT_TRY_ASSIGN(plan_, make_huffman_plan(plan_, counts.pairs));
  std::uint64_t num_inside = 0;
  for (const std::uint8_t exponent : plan_.palette) num_inside += counts.exponents[exponent];
  const std::uint64_t elems = grid_.num_elems();
  TensorAnalysis result;
  result.rows = grid_.rows;
  result.cols = grid_.cols;
  result.exponent_count = counts.exponents;
  result.exponent_entropy_bits = analysis::entropy_bits(counts.exponents);
  result.palette = plan_.palette;
  result.palette_is_run = plan_.palette_is_run;
  result.palette_coverage =
      elems == 0 ? 1.0 : static_cast<double>(num_inside) / static_cast<double>(elems);
  for (std::size_t p = 0; p < counts.pairs.size(); ++p) {
    result.huffman_code_bits += counts.pairs[p] * plan_.code.lengths[p];
  }
  result.num_verbatim_rows = counts.num_verbatim_rows;
  result.num_escapes = num_escapes(radix_plan_, counts.exponents);
  result.palette_bytes =
      packed_size(section_layout(Family::kPalette, grid_, counts.num_verbatim_rows), 0);
  result.huffman_bytes =
      packed_size(section_layout(Family::kHuffman, grid_, counts.num_verbatim_rows),
                  stream_bytes(result.huffman_code_bits));
  result.radix_bytes = packed_size(section_layout(Family::kRadix, grid_, result.num_escapes), 0);
  const std::uint64_t best = std::min(result.palette_bytes, result.huffman_bytes);
  const std::uint64_t original_bytes = elems * sizeof(std::uint16_t);
  if (best * 100 <= original_bytes * (100 - kMinSavedPercent) && elems != 0) {
    result.smallest =
        result.huffman_bytes <= result.palette_bytes ? Family::kHuffman : Family::kPalette;
  }
  return result;
}

codec::EncodePlan TensorAnalyzer::plan(Family family) const {
  if (family == Family::kRadix) return radix_plan_;
  codec::EncodePlan plan = plan_;
  plan.family = family;
  if (family == Family::kPalette) plan.code = {};
  return plan;
}

}  // namespace unweight::packed
