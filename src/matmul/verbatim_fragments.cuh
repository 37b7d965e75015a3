// SPDX-License-Identifier: BSD-3-Clause
//
// Verbatim rows inside a matmul: a verbatim row is what one lane feeds to one k16 step, so putting
// it right is exchanging the exponents of one lane's four registers. One bit a tile says whether
// there is anything to do (1 tile in 15 of N(0, s) weights).
//
// Three dependent loads lead to a row: index, position, exponents. A warp that waited for them
// would hold up what it feeds (a warpgroup: four times as often), so the first 32 rows of a chunk
// are under way, one a lane, from when it is entered.
#pragma once

#include <cstdint>

#include "codec/families_format.h"
#include "matmul/matmul_params.h"

namespace unweight::matmul {

/// Verbatim rows or escapes that there are.
[[nodiscard]] __device__ __forceinline__ std::uint64_t num_verbatim_rows(
    const WeightPointers& weights) {
  return kernels::num_verbatim_rows(*weights.record, weights.num_verbatim_rows);
}

/// The verbatim rows of one strip in the order in which its tiles are decoded. Positions are
/// clipped to the arrays, whatever the index says.
class VerbatimRows {
 public:
  /// Returns which tiles of the chunk have verbatim rows, a bit each. Chunks ascend.
  __device__ __forceinline__ std::uint32_t enter_chunk(const WeightPointers& weights,
                                                       std::uint32_t num_chunks,
                                                       std::uint32_t chunk, std::uint32_t lane) {
    std::uint32_t tiles = 0;
    first_ = end_ = 0;
    if (chunk < num_chunks) {  // 16 entries are a cache line: nearly always in the first cache
      const uint2 entry = __ldg(reinterpret_cast<const uint2*>(weights.verbatim_index) + chunk);
      tiles = entry.y;
      first_ = entry.x;
      if (tiles != 0) {
        end_ = chunk + 1 < num_chunks ? __ldg(&weights.verbatim_index[chunk + 1].first_verbatim_row)
                                      : static_cast<std::uint32_t>(num_verbatim_rows(weights));
      }
    }
    load(weights, lane);
    return tiles;
  }

  /// By a whole warp: puts the verbatim rows of tile `wanted` of the chunk over its fragments,
  /// a[k16 step][register]. Tiles ascend.
  __device__ __forceinline__ void patch(const WeightPointers& weights, std::uint32_t wanted,
                                        std::uint32_t lane, std::uint32_t (&a)[layout::kSteps][4]) {
    for (;;) {
      const std::uint32_t mine = codec::verbatim_tile(static_cast<std::uint16_t>(position_));
      for (std::uint32_t left = __ballot_sync(~0u, mine == wanted); left != 0; left &= left - 1) {
        const int from = __ffs(static_cast<int>(left)) - 1;
        const auto row = static_cast<std::uint16_t>(__shfl_sync(~0u, position_, from));
        const std::uint32_t low = __shfl_sync(~0u, exponents_.x, from);
        const std::uint32_t high = __shfl_sync(~0u, exponents_.y, from);
        const bool is_mine = codec::verbatim_lane(row) == lane;
        const std::uint32_t in_place[4] = {
            __byte_perm(low, 0, 0x1404) >> 1, __byte_perm(low, 0, 0x3424) >> 1,
            __byte_perm(high, 0, 0x1404) >> 1, __byte_perm(high, 0, 0x3424) >> 1};
        // Selects, not branches: registers cannot be indexed.
#pragma unroll
        for (std::uint32_t s = 0; s < layout::kSteps; ++s) {
          const bool here = is_mine && codec::verbatim_step(row) == s;
#pragma unroll
          for (std::uint32_t r = 0; r < 4; ++r) {
            a[s][r] = here ? (a[s][r] & 0x807f807fu) | in_place[r] : a[s][r];
          }
        }
      }
      if (__shfl_sync(~0u, mine, layout::kLanes - 1) > wanted) return;
      first_ += layout::kLanes;
      load(weights, lane);
    }
  }

 private:
  static constexpr std::uint32_t kNone = 0xffff;  ///< of a tile that no chunk has
  /// The next 32 rows of the chunk, one a lane.
  __device__ __forceinline__ void load(const WeightPointers& weights, std::uint32_t lane) {
    position_ = kNone;
    const std::uint32_t row = first_ + lane;
    if (row >= end_ || row >= weights.num_verbatim_rows) {
      return;
    }
    position_ = __ldg(weights.verbatim_positions + row);
    exponents_ = __ldg(reinterpret_cast<const uint2*>(weights.verbatim_rows) + row);
  }

  std::uint32_t first_ = 0, end_ = 0;  ///< rows of the chunk, from this window on
  std::uint32_t position_;             ///< of this lane's row of the window
  uint2 exponents_;
};

}  // namespace unweight::matmul
