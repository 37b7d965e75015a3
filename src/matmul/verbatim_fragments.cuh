// SPDX-License-Identifier: BSD-3-Clause
//
// Verbatim rows inside a matmul: a verbatim row is what one lane feeds to one k16 step, so putting
// it right is exchanging the exponents of one lane's four registers. One bit a tile says whether
// there is anything to do (1 tile in 15 of N(0, s) weights).
//
// Three dependent loads lead to a row: index, position, exponents. A warp that waited for them
// would hold up what it feeds (a warpgroup: four times as often), so the index is read a chunk
// ahead, and the first 32 rows of a chunk are under way, one a lane, from when it is entered.
#pragma once

#include <cstdint>

#include "codec/families_format.h"
#include "kernels/ptx/global_words.cuh"
#include "matmul/matmul_params.h"

namespace unweight::matmul {

namespace ptx = kernels::ptx;

/// 8 exponent bytes -> in place: as bytes 1 and 3 of a register, shifted by one.
__device__ __forceinline__ void place_exponents(std::uint32_t low, std::uint32_t high,
                                                std::uint32_t (&a)[4]) {
  a[0] = __byte_perm(low, 0, 0x1404) >> 1;
  a[1] = __byte_perm(low, 0, 0x3424) >> 1;
  a[2] = __byte_perm(high, 0, 0x1404) >> 1;
  a[3] = __byte_perm(high, 0, 0x3424) >> 1;
}

/// Verbatim rows or escapes that there are.
[[nodiscard]] __device__ __forceinline__ std::uint64_t num_verbatim_rows(
    const WeightPointers& weights) {
  return kernels::num_verbatim_rows(*weights.record, weights.num_verbatim_rows);
}

/// Where entry `chunk` of the index is, or the last one there is: so that it can always be loaded,
/// and nothing waits for it until it is used.
[[nodiscard]] __device__ __forceinline__ const codec::VerbatimIndexEntry* index_entry(
    const WeightPointers& weights, std::uint32_t num_chunks, std::uint32_t chunk) {
  return weights.verbatim_index + min(chunk, num_chunks - 1);
}

/// Exponents for a step's registers, where `is_step` says so: without a branch, which would cost
/// more than what it saves.
__device__ __forceinline__ void put_exponents(bool is_step, const std::uint32_t (&exponents)[4],
                                              std::uint32_t (&a)[4]) {
  const std::uint32_t mask = is_step ? 0x7f807f80u : 0;
#pragma unroll
  for (std::uint32_t r = 0; r < 4; ++r) a[r] = (a[r] & ~mask) | (exponents[r] & mask);
}

/// The verbatim rows of one strip in the order in which its tiles are decoded. Positions are
/// clipped to the arrays, whatever the index says.
class VerbatimRows {
 public:
  /// Asks for what open_matrix() needs.
  __device__ __forceinline__ void begin_matrix(const WeightPointers& weights) {
    fits_ = ptx::load_global_1(&weights.record->outcome.fits);
    num_rows_ = ptx::load_global_4(&weights.record->outcome.num_verbatim_rows);
  }
  __device__ __forceinline__ void open_matrix(const WeightPointers& weights) {
    const auto room = static_cast<std::uint32_t>(weights.num_verbatim_rows);
    num_rows_ = fits_ != 0 ? min(num_rows_, room) : room;
  }
  /// Asks for what enter_chunk() needs of its first chunk.
  __device__ __forceinline__ void begin(const WeightPointers& weights, std::uint32_t num_chunks,
                                        std::uint32_t chunk) {
    next_ = ptx::load_global_8(index_entry(weights, num_chunks, chunk));
  }

  /// Returns which tiles of the chunk have verbatim rows, a bit each. The chunk of begin(), then
  /// always the next one.
  __device__ __forceinline__ std::uint32_t enter_chunk(const WeightPointers& weights,
                                                       std::uint32_t num_chunks,
                                                       std::uint32_t chunk, std::uint32_t lane) {
    const std::uint32_t tiles = next_.y;
    first_ = next_.x;
    // Behind the last chunk there are no tiles and no rows.
    if (chunk + 1 < num_chunks) {
      next_ = ptx::load_global_8(weights.verbatim_index + chunk + 1);
    } else {
      next_ = {num_rows_, 0};
    }
    load(weights, lane);
    return tiles;
  }

  /// By a whole warp: puts the verbatim rows of tile `wanted` of the chunk over its fragments,
  /// a[k16 step][register]. Tiles ascend.
  __device__ __forceinline__ void patch(const WeightPointers& weights, std::uint32_t wanted,
                                        std::uint32_t lane, std::uint32_t (&a)[layout::kSteps][4]) {
    for (;;) {
      const std::uint32_t mine = first_ + lane < next_.x ? position_ >> 7 : kNone;
      const bool is_over = __any_sync(~0u, mine > wanted);
      for (std::uint32_t left = __ballot_sync(~0u, mine == wanted); left != 0;) {
        const std::uint32_t from = 31 - static_cast<std::uint32_t>(__clz(static_cast<int>(left)));
        left ^= 1u << from;
        const std::uint32_t row = __shfl_sync(~0u, position_, static_cast<int>(from));
        const std::uint32_t low = __shfl_sync(~0u, exponents_.x, static_cast<int>(from));
        const std::uint32_t high = __shfl_sync(~0u, exponents_.y, static_cast<int>(from));
        // Of this lane: its step << 5. Of another: no such number.
        const std::uint32_t place = (row & 0x7f) ^ lane;
        std::uint32_t in_place[4];
        place_exponents(low, high, in_place);
#pragma unroll
        for (std::uint32_t step = 0; step < layout::kSteps; ++step) {
          put_exponents(place == step << 5, in_place, a[step]);
        }
      }
      if (is_over) return;
      first_ += layout::kLanes;
      load(weights, lane);
    }
  }

 private:
  static constexpr std::uint32_t kNone = 0xffff;  ///< above every tile
  /// The next 32 rows, one a lane; those behind the chunk's last one are not looked at.
  __device__ __forceinline__ void load(const WeightPointers& weights, std::uint32_t lane) {
    position_ = kNone << 7;
    const std::uint32_t row = first_ + lane;
    if (row >= num_rows_) return;
    position_ = __ldg(weights.verbatim_positions + row);
    exponents_ = __ldg(reinterpret_cast<const uint2*>(weights.verbatim_rows) + row);
  }

  std::uint32_t fits_, num_rows_;
  std::uint32_t first_ = 0;  ///< row of the window
  uint2 next_;               ///< of the index: where the chunk ends, and what comes then
  std::uint32_t position_;   ///< of this lane's row of the window
  uint2 exponents_;
};

}  // namespace unweight::matmul
