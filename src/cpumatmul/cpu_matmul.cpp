// SPDX-License-Identifier: BSD-3-Clause
//
// Work is cut into runs of whole strips. A worker decodes a run into memory of its own, small
// enough for its second-level cache, and multiplies it with a block of tokens that were widened to
// fp32 before. Where the cuts are has no influence on any sum.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/thread_pool.h"
#include "base/try.h"
#include "codec/chunk_decoder.h"
#include "cpumatmul/cpu_weights_state.h"
#include "cpumatmul/dot_kernels.h"
#include "layout/tile_order.h"
#include "packed/matrix_view_checks.h"

namespace unweight {
namespace {

using cpumatmul::kPartialSums;
using layout::kChunkTiles;
using layout::kTileRows;

constexpr std::uint64_t kRunTiles = 128;         // 256 KiB of weights
constexpr std::uint64_t kLongestRunTiles = 512;  // 1 MiB
constexpr std::uint64_t kMaxBlockTokens = 1024;
constexpr std::uint64_t kMaxBlockFloats = std::uint64_t{1} << 24;  // 64 MiB of widened tokens

float widen(std::uint16_t weight) {
  return std::bit_cast<float>(std::uint32_t{weight} << 16);
}

/// To nearest even; NaN as the GPU's conversion gives it.
std::uint16_t round_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff;
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// Strips that a worker decodes at once. A Huffman chunk that crosses the end of a run is decoded
/// for both sides, so runs end with chunks where the shape allows it, else they are longer; but
/// every thread should get some.
std::uint64_t strips_per_run(const codec::EncodedView& view, unsigned num_threads) {
  const std::uint64_t tiles = view.grid.tiles_per_strip();
  const std::uint64_t fair = std::max<std::uint64_t>(1, view.grid.num_strips() / num_threads);
  std::uint64_t strips = std::max<std::uint64_t>(1, kRunTiles / tiles);
  if (view.family == Family::kHuffman) {
    const std::uint64_t aligned = kChunkTiles / std::gcd<std::uint64_t>(tiles, kChunkTiles);
    if (aligned * tiles <= kLongestRunTiles) {
      strips = std::max(strips / aligned, std::uint64_t{1}) * aligned;
    } else {
      strips = std::max<std::uint64_t>(1, kLongestRunTiles / tiles);
    }
  }
  return std::min(strips, fair);
}

/// What one worker keeps.
struct Scratch {
  std::vector<std::uint16_t> weights[2];  ///< a run, row-major, padded_cols a row
  std::vector<float> sums[2];             ///< tokens x rows of a run
};

/// One multiply.
class Multiply {
 public:
  Multiply(const codec::EncodedView* first, const codec::EncodedView* second, const MatrixView& x,
           const MutableMatrixView& y, const CpuMatmulEpilogue& added, ThreadPool& pool,
           std::vector<Scratch>& scratch, std::vector<float>& tokens)
      : views_{first, second},
        x_(x),
        y_(y),
        added_(added),
        pool_(pool),
        scratch_(scratch),
        tokens_(tokens),
        dot_rows_(cpumatmul::dot_rows(active_isa())),
        padded_cols_((x.cols + kPartialSums - 1) / kPartialSums * kPartialSums),
        run_rows_(first->grid.num_tiles() == 0
                      ? kTileRows * kRunTiles
                      : kTileRows * strips_per_run(*first, pool.num_threads())),
        block_tokens_(std::clamp<std::uint64_t>(
            kMaxBlockFloats / std::max<std::uint64_t>(1, padded_cols_), 1, kMaxBlockTokens)) {}

  Result<void> run() {
    if (y_.rows == 0 || y_.cols == 0) return {};
    for (std::uint64_t first = 0; first < x_.rows; first += block_tokens_) {
      const std::uint64_t count = std::min(block_tokens_, x_.rows - first);
      UNWEIGHT_TRY(widen_tokens(first, count));
      const std::uint64_t runs = (y_.cols + run_rows_ - 1) / run_rows_;
      UNWEIGHT_TRY(pool_.parallel_for(runs, [&](std::size_t i, unsigned worker) {
        return multiply_run(i * run_rows_, first, count, scratch_[worker]);
      }));
    }
    return {};
  }

 private:
  Result<void> widen_tokens(std::uint64_t first, std::uint64_t count) {
    if (x_.cols == 0) return {};
    tokens_.resize(std::max<std::size_t>(tokens_.size(), count * padded_cols_));
    return pool_.parallel_for(count, [&](std::size_t t, unsigned) -> Result<void> {
      const std::uint16_t* from = x_.data + (first + t) * x_.row_stride_elems;
      float* to = tokens_.data() + t * padded_cols_;
      for (std::uint64_t k = 0; k < x_.cols; ++k) to[k] = widen(from[k]);
      std::fill(to + x_.cols, to + padded_cols_, 0.0f);
      return {};
    });
  }

  Result<void> multiply_run(std::uint64_t first_row, std::uint64_t first_token,
                            std::uint64_t num_tokens, Scratch& scratch) const {
    const std::uint64_t num_rows = std::min(run_rows_, y_.cols - first_row);
    for (std::size_t matrix = 0; matrix < 2 && views_[matrix] != nullptr; ++matrix) {
      UNWEIGHT_TRY(decode_rows(*views_[matrix], first_row, num_rows, scratch.weights[matrix]));
      std::vector<float>& sums = scratch.sums[matrix];
      sums.resize(std::max<std::size_t>(sums.size(), num_tokens * num_rows));
      dot_rows_({scratch.weights[matrix].data(), padded_cols_, tokens_.data(), padded_cols_,
                 sums.data(), num_rows, static_cast<std::uint32_t>(num_rows),
                 static_cast<std::uint32_t>(num_tokens), padded_cols_});
    }
    for (std::uint64_t t = 0; t < num_tokens; ++t) {
      store_token(first_token + t, first_row, num_rows, scratch.sums[0].data() + t * num_rows,
                  views_[1] == nullptr ? nullptr : scratch.sums[1].data() + t * num_rows);
    }
    return {};
  }

  Result<void> decode_rows(const codec::EncodedView& view, std::uint64_t first_row,
                           std::uint64_t num_rows, std::vector<std::uint16_t>& to) const {
    if (x_.cols == 0) return {};
    to.resize(std::max<std::size_t>(to.size(), num_rows * padded_cols_));
    // The decoder leaves padding alone, and a NaN there would spoil sums.
    for (std::uint64_t r = 0; r < num_rows; ++r) {
      std::uint16_t* row = to.data() + r * padded_cols_;
      std::fill(row + x_.cols, row + padded_cols_, std::uint16_t{0});
    }
    const std::uint64_t tiles = view.grid.tiles_per_strip();
    const std::uint64_t end_strip = (first_row + num_rows + kTileRows - 1) / kTileRows;
    const std::uint64_t first_chunk = first_row / kTileRows * tiles / kChunkTiles;
    const std::uint64_t end_chunk = (end_strip * tiles + kChunkTiles - 1) / kChunkTiles;
    return codec::decode_chunks(view, first_chunk, end_chunk - first_chunk,
                                {to.data(), first_row, num_rows, padded_cols_});
  }

  /// up_sums: with swiglu, else null.
  void store_token(std::uint64_t token, std::uint64_t first_row, std::uint64_t num_rows,
                   const float* sums, const float* up_sums) const {
    std::uint16_t* to = y_.data + token * y_.row_stride_elems + first_row;
    const std::uint16_t* bias = added_.bias == nullptr ? nullptr : added_.bias + first_row;
    const std::uint16_t* residual =
        added_.residual == nullptr
            ? nullptr
            : added_.residual + token * added_.residual_stride_elems + first_row;
    for (std::uint64_t r = 0; r < num_rows; ++r) {
      float value = sums[r];
      if (up_sums != nullptr) value = value / (1.0f + std::exp(-value)) * up_sums[r];
      if (bias != nullptr) value += widen(bias[r]);
      if (residual != nullptr) value += widen(residual[r]);
      to[r] = round_to_bf16(value);
    }
  }

  const codec::EncodedView* views_[2];
  const MatrixView& x_;
  const MutableMatrixView& y_;
  const CpuMatmulEpilogue& added_;
  ThreadPool& pool_;
  std::vector<Scratch>& scratch_;
  std::vector<float>& tokens_;
  const cpumatmul::DotRows dot_rows_;
  const std::uint64_t padded_cols_, run_rows_, block_tokens_;
};

Result<void> check_matrix(const char* name, const void* data, std::uint64_t rows,
                          std::uint64_t cols, std::uint64_t stride, std::uint64_t expected_cols,
                          const char* expected) {
  if (cols != expected_cols) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} has {} columns, {} {}", name, cols, expected, expected_cols)};
  }
  auto checked = packed::check_matrix(data, rows, cols, stride);
  if (!checked) return std::move(checked).error().with_context(name);
  return {};
}

Result<void> check_arguments(const layout::TileGrid& grid, const MatrixView& x,
                             const MutableMatrixView& y, const CpuMatmulEpilogue& added) {
  UNWEIGHT_TRY(
      check_matrix("x", x.data, x.rows, x.cols, x.row_stride_elems, grid.cols, "the weights have"));
  UNWEIGHT_TRY(check_matrix("y", y.data, y.rows, y.cols, y.row_stride_elems, grid.rows,
                            "the weights' rows are"));
  if (x.rows != y.rows) {
    return Error{ErrorCode::kInvalidArgument, fmt::format("x has {} rows, y {}", x.rows, y.rows)};
  }
  if (added.residual != nullptr) {
    UNWEIGHT_TRY(check_matrix("residual", added.residual, y.rows, y.cols,
                              added.residual_stride_elems, grid.rows, "the weights' rows are"));
    if (added.residual == y.data && added.residual_stride_elems != y.row_stride_elems) {
      return Error{ErrorCode::kInvalidArgument, "residual is y, but its stride is not y's"};
    }
  }
  return {};
}

}  // namespace

struct CpuMatmul::State {
  explicit State(unsigned num_threads) : pool(num_threads), scratch(pool.num_threads()) {}

  Result<void> multiply(const codec::EncodedView* first, const codec::EncodedView* second,
                        const MatrixView& x, const MutableMatrixView& y,
                        const CpuMatmulEpilogue& added) {
    return packed::without_exceptions([&]() -> Result<void> {
      UNWEIGHT_TRY(check_arguments(first->grid, x, y, added));
      return Multiply(first, second, x, y, added, pool, scratch, tokens).run();
    });
  }

  ThreadPool pool;
  std::vector<Scratch> scratch;  ///< one per worker
  std::vector<float> tokens;     ///< a block of x, widened
};

CpuMatmul::CpuMatmul(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
CpuMatmul::CpuMatmul(CpuMatmul&&) noexcept = default;
CpuMatmul& CpuMatmul::operator=(CpuMatmul&&) noexcept = default;
CpuMatmul::~CpuMatmul() = default;

Result<CpuMatmul> CpuMatmul::create(unsigned num_threads) {
  return packed::without_exceptions(
      [&]() -> Result<CpuMatmul> { return CpuMatmul(std::make_unique<State>(num_threads)); });
}

Result<void> CpuMatmul::matmul(const CpuWeights& weights, const MatrixView& x,
                               const MutableMatrixView& y, const CpuMatmulEpilogue& epilogue) {
  return state_->multiply(&weights.state_->view, nullptr, x, y, epilogue);
}

Result<void> CpuMatmul::matmul_swiglu(const CpuWeights& gate, const CpuWeights& up,
                                      const MatrixView& x, const MutableMatrixView& y) {
  if (gate.rows() != up.rows() || gate.cols() != up.cols()) {
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("gate is {} x {}, up {} x {}", gate.rows(), gate.cols(), up.rows(), up.cols())};
  }
  return state_->multiply(&gate.state_->view, &up.state_->view, x, y, {});
}

}  // namespace unweight
