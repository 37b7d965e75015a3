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

/// The verbatim rows of one strip in the order in which its tiles are decoded. Positions are
/// clipped to the arrays, whatever the index says.
class VerbatimRows {
 public:
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
    const std::uint32_t tiles = chunk < num_chunks ? next_.y : 0;
    first_ = next_.x;
    next_ = ptx::load_global_8(index_entry(weights, num_chunks, chunk + 1));
    load(weights, lane);
    return tiles;
  }

  /// By a whole warp: puts the verbatim rows of tile `wanted` of the chunk over its fragments,
  /// a[k16 step][register]. Tiles ascend. `is_last`: the chunk is the matrix' last one, which ends
  /// where the rows do.
  __device__ __forceinline__ void patch(const WeightPointers& weights, std::uint32_t wanted,
                                        bool is_last, std::uint32_t lane,
                                        std::uint32_t (&a)[layout::kSteps][4]) {
    const std::uint32_t end =
        is_last ? static_cast<std::uint32_t>(num_verbatim_rows(weights)) : next_.x;
    for (;;) {
      const std::uint32_t mine =
          first_ + lane < end ? codec::verbatim_tile(static_cast<std::uint16_t>(position_)) : kNone;
      const bool is_over = __shfl_sync(~0u, mine, layout::kLanes - 1) > wanted;
      for (std::uint32_t left = __ballot_sync(~0u, mine == wanted); left != 0; left &= left - 1) {
        const int from = __ffs(static_cast<int>(left)) - 1;
        const auto row = static_cast<std::uint16_t>(__shfl_sync(~0u, position_, from));
        const std::uint32_t low = __shfl_sync(~0u, exponents_.x, from);
        const std::uint32_t high = __shfl_sync(~0u, exponents_.y, from);
        const bool is_mine = codec::verbatim_lane(row) == lane;
        std::uint32_t in_place[4];
        place_exponents(low, high, in_place);
        // One of four branches, the same for the whole warp: registers cannot be indexed.
        const std::uint32_t step = codec::verbatim_step(row);
        put_step<0>(step, is_mine, in_place, a[0]);
        put_step<1>(step, is_mine, in_place, a[1]);
        put_step<2>(step, is_mine, in_place, a[2]);
        put_step<3>(step, is_mine, in_place, a[3]);
      }
      if (is_over) return;
      first_ += layout::kLanes;
      load(weights, lane);
    }
  }

 private:
  template <std::uint32_t kStep>
  __device__ __forceinline__ static void put_step(std::uint32_t step, bool is_mine,
                                                  const std::uint32_t (&exponents)[4],
                                                  std::uint32_t (&a)[4]) {
    if (step != kStep) return;
#pragma unroll
    for (std::uint32_t r = 0; r < 4; ++r) {
      a[r] = is_mine ? (a[r] & 0x807f807fu) | exponents[r] : a[r];
    }
    // Or a compiler makes one branch of the four, and an array in memory of the registers.
    asm volatile("// step %0" ::"n"(kStep));
  }

  static constexpr std::uint32_t kNone = 0xffff;  ///< of a tile that no chunk has
  /// The next 32 rows, one a lane; those behind the chunk's last one are not looked at.
  __device__ __forceinline__ void load(const WeightPointers& weights, std::uint32_t lane) {
    position_ = kNone;
    const std::uint32_t row = first_ + lane;
    if (row >= weights.num_verbatim_rows) return;
    position_ = __ldg(weights.verbatim_positions + row);
    exponents_ = __ldg(reinterpret_cast<const uint2*>(weights.verbatim_rows) + row);
  }

  std::uint32_t first_ = 0;  ///< row of the window
  uint2 next_;  ///< of the index: where the chunk ends, and what comes then; there being no next
                ///< chunk, anything
  std::uint32_t position_;  ///< of this lane's row of the window
  uint2 exponents_;
};

}  // namespace unweight::matmul
