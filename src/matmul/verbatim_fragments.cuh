// SPDX-License-Identifier: BSD-3-Clause
//
// Verbatim rows inside a matmul: a verbatim row is what one lane feeds to one k16 step, so putting
// it right is exchanging the exponents of one lane's four registers. One bit a tile says whether
// there is anything to do (1 tile in 15 of N(0, s) weights).
#pragma once

#include <cstdint>

#include "codec/families_format.h"
#include "matmul/matmul_params.h"

namespace unweight::matmul {

/// Which tiles of a strip have verbatim rows: one word for 32 tiles, the next one on its way.
class VerbatimMask {
 public:
  __device__ __forceinline__ void begin(const WeightPointers& weights, std::uint32_t num_chunks,
                                        std::uint32_t tile) {
    num_chunks_ = num_chunks;
    chunk_ = tile / layout::kChunkTiles;
    mask_ = load(weights, chunk_);
    next_ = load(weights, chunk_ + 1);
  }
  /// Tiles come in ascending order, none further than a chunk from the last.
  __device__ __forceinline__ bool test(const WeightPointers& weights, std::uint32_t tile) {
    if (tile / layout::kChunkTiles != chunk_) {
      ++chunk_;
      mask_ = next_;
      next_ = load(weights, chunk_ + 1);
    }
    return (mask_ >> tile % layout::kChunkTiles & 1) != 0;
  }

 private:
  __device__ __forceinline__ std::uint32_t load(const WeightPointers& weights,
                                                std::uint32_t chunk) const {
    return chunk < num_chunks_ ? weights.verbatim_index[chunk].tile_mask : 0;
  }
  std::uint32_t num_chunks_, chunk_, mask_, next_;
};

/// By a whole warp: puts the verbatim rows of half a tile (steps 2 * half and 2 * half + 1) over
/// its fragments, a[step][register]. Positions are clipped to the arrays, whatever the index says.
__device__ __forceinline__ void patch_fragments(const WeightPointers& weights,
                                                std::uint32_t num_chunks, std::uint32_t tile,
                                                std::uint32_t half, std::uint32_t lane,
                                                std::uint32_t (&a)[2][4]) {
  constexpr std::uint64_t kMaxRows = layout::kChunkElems / layout::kRowElems;
  const std::uint32_t chunk = tile / layout::kChunkTiles, wanted = tile % layout::kChunkTiles;
  std::uint64_t first = weights.verbatim_index[chunk].first_verbatim_row;
  std::uint64_t end = weights.num_verbatim_rows;
  if (chunk + 1 < num_chunks) {
    end = min(end, std::uint64_t{weights.verbatim_index[chunk + 1].first_verbatim_row});
  } else if (weights.record->outcome.fits) {
    end = min(end, weights.record->outcome.num_verbatim_rows);  // of an encoder's spare capacity
  }
  if (end > first + kMaxRows) end = first + kMaxRows;
  if (first + layout::kLanes < end) {  // every lane looks at one: which 32nd of the rows it is in
    const std::uint64_t stride = (end - first + layout::kLanes - 1) / layout::kLanes;
    const std::uint64_t probe = first + lane * stride;
    const bool before =
        probe < end && codec::verbatim_tile(weights.verbatim_positions[probe]) < wanted;
    const std::uint32_t num_before = __popc(__ballot_sync(~0u, before));
    if (num_before != 0) first += (num_before - 1) * stride;
  }
  for (; first < end; first += layout::kLanes) {
    const std::uint64_t mine = first + lane;
    std::uint32_t position = 0xffff;  // of a tile that no chunk has
    if (mine < end) position = weights.verbatim_positions[mine];
    const std::uint32_t its_tile = codec::verbatim_tile(position);
    uint2 exponents{};
    if (its_tile == wanted) {
      exponents = reinterpret_cast<const uint2*>(weights.verbatim_rows)[mine];
    }
    for (std::uint32_t left = __ballot_sync(~0u, its_tile == wanted); left != 0; left &= left - 1) {
      const int from = __ffs(static_cast<int>(left)) - 1;
      const std::uint32_t row = __shfl_sync(~0u, position, from);
      const std::uint32_t low = __shfl_sync(~0u, exponents.x, from);
      const std::uint32_t high = __shfl_sync(~0u, exponents.y, from);
      const bool is_mine = codec::verbatim_lane(row) == lane;
      const std::uint32_t in_place[4] = {
          __byte_perm(low, 0, 0x1404) >> 1, __byte_perm(low, 0, 0x3424) >> 1,
          __byte_perm(high, 0, 0x1404) >> 1, __byte_perm(high, 0, 0x3424) >> 1};
      // Selects, not branches: registers cannot be indexed.
#pragma unroll
      for (std::uint32_t s = 0; s < 2; ++s) {
        const bool here = is_mine && codec::verbatim_step(row) == 2 * half + s;
#pragma unroll
        for (std::uint32_t r = 0; r < 4; ++r) {
          a[s][r] = here ? (a[s][r] & 0x807f807fu) | in_place[r] : a[s][r];
        }
      }
    }
    __syncwarp();
    if (__shfl_sync(~0u, its_tile, layout::kLanes - 1) > wanted) break;
  }
}

}  // namespace unweight::matmul
