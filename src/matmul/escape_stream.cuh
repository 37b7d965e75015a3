// SPDX-License-Identifier: BSD-3-Clause
//
// Escapes of the radix family inside a matmul (codec/radix_format.h). 2.5 a tile of N(0, s)
// weights: too many to be special, too few for a loop over them, which would hold up whatever else
// the warp does. So a tile's escapes are put right together, without branching on any of them:
//
//   window   32 records, one a lane, the next 32 on their way   | r r r r r r ... |
//                                                                 ^ ^ of this tile
//
// Then kernels/escape_scratch.cuh, through 2 KiB of the warp's own.
// Windows run on from chunk to chunk; where a chunk ends in them, its index entry says.
#pragma once

#include <cstdint>

#include "codec/radix_format.h"
#include "kernels/escape_scratch.cuh"
#include "kernels/ptx/shared_words.cuh"
#include "kernels/ptx/warp_moves.cuh"
#include "matmul/matmul_params.h"
#include "matmul/verbatim_fragments.cuh"

namespace unweight::matmul {

static_assert(kEscapeScratchBytes == layout::kTileWeightSectionBytes);

/// The escapes of one strip, as its tiles are decoded, by a whole warp. The window only moves
/// forward and ends where the arrays do, so that no index and no position can make it go round for
/// ever; what they say beyond that is believed.
class EscapeStream {
 public:
  /// Asks for what open() needs.
  __device__ __forceinline__ void begin(const WeightPointers& weights, std::uint32_t num_chunks,
                                        std::uint32_t chunk) {
    end_ = first_of_chunk(weights, num_chunks, chunk);
    next_end_ = first_of_chunk(weights, num_chunks, chunk + 1);
  }
  /// Asks for what start() needs.
  __device__ __forceinline__ void open(const WeightPointers& weights, std::uint32_t lane) {
    window_ = end_ = inside(weights, end_);
    ahead_.load(weights, window_ + lane);
  }
  /// Then enter_chunk(), of the chunk of begin().
  __device__ __forceinline__ void start(const WeightPointers& weights, std::uint32_t lane) {
    record_ = ahead_.record();
    ahead_.load(weights, window_ + layout::kLanes + lane);
  }

  /// The chunk behind the last one.
  __device__ __forceinline__ void enter_chunk(const WeightPointers& weights,
                                              std::uint32_t num_chunks, std::uint32_t chunk,
                                              std::uint32_t lane) {
    const std::uint32_t first = end_;
    end_ = inside(weights, chunk + 1 < num_chunks
                               ? next_end_
                               : static_cast<std::uint32_t>(num_verbatim_rows(weights)));
    next_end_ = first_of_chunk(weights, num_chunks, chunk + 2);  // a chunk ahead: a cache misses
    std::uint32_t behind = first > window_ ? first - window_ : 0;
    if (behind >= layout::kLanes) {  // tiles that other warps decode had so many
      window_ = first;
      ahead_.load(weights, window_ + lane);
      start(weights, lane);
      behind = 0;
    }
    find_tiles(behind, lane);
  }

  /// Puts the escapes of tile `tile` of the chunk into its exponents, which are in place: a[k16
  /// step][register]. Tiles ascend. `scratch`: this warp's, an address in shared memory.
  __device__ __forceinline__ void patch(const WeightPointers& weights, std::uint32_t tile,
                                        std::uint32_t scratch, std::uint32_t lane,
                                        std::uint32_t (&a)[layout::kSteps][4]) {
    for (;;) {
      const std::uint32_t holder_bit = tile_ == tile ? 1u << (record_ & 31) : 0;
      kernels::put_escapes(holder_bit, scratch, lane, a, [&] {
        ptx::store_shared_2(scratch + kernels::escape_scratch_offset(position_of(record_)),
                            static_cast<std::uint16_t>(record_ >> 6 & 0x7f80));
      });
      if (last_tile_ > tile) [[likely]]
        return;
      next_window(weights, lane);
    }
  }

 private:
  static constexpr std::uint32_t kNoTile = layout::kChunkTiles;

  /// As device memory has it; of the last one where there is no such chunk.
  [[nodiscard]] __device__ __forceinline__ static std::uint32_t first_of_chunk(
      const WeightPointers& weights, std::uint32_t num_chunks, std::uint32_t chunk) {
    return ptx::load_global_4(&index_entry(weights, num_chunks, chunk)->first_verbatim_row);
  }
  [[nodiscard]] __device__ __forceinline__ static std::uint32_t inside(
      const WeightPointers& weights, std::uint32_t escape) {
    return min(escape, static_cast<std::uint32_t>(weights.num_verbatim_rows));
  }

  /// What a lane has of a window.
  struct Escape {
    std::uint32_t position = 0, exponent = 0;

    /// Number i, or the last one there is. Always a load: what a compiler makes of a condition is a
    /// copy behind the load, which waits for it.
    __device__ __forceinline__ void load(const WeightPointers& weights, std::uint32_t i) {
      const auto room = max(static_cast<std::uint32_t>(weights.num_verbatim_rows), 1u);
      i = min(i, room - 1);
      position = __ldg(weights.verbatim_positions + i);
      exponent = __ldg(weights.verbatim_rows + i);
    }
    /// Waits for what was loaded. Position and exponent << 16, but the lane in front, where a shift
    /// takes its count from:
    ///   31..29 k | 28..21 0 | 20..13 exponent | 12 parity | 11..7 tile | 6..5 step | 4..0 lane
    [[nodiscard]] __device__ __forceinline__ std::uint32_t record() const {
      const std::uint32_t both = position | exponent << 16;
      return __funnelshift_r(both, both, 3);
    }
  };

  /// And the exponent above it.
  [[nodiscard]] __device__ __forceinline__ static std::uint32_t position_of(std::uint32_t record) {
    return __funnelshift_l(record, record, 3);
  }

  /// Only where the window lies before end_.
  __device__ __forceinline__ void next_window(const WeightPointers& weights, std::uint32_t lane) {
    window_ += layout::kLanes;
    record_ = ahead_.record();
    find_tiles(0, lane);
    // `weights`, but of unknown origin: its pointers would be kept in five registers.
    ahead_.load((&weights)[ptx::keep(0)], window_ + layout::kLanes + lane);
  }
  /// Which tiles of the chunk the window's records are of; the first `behind` are of none.
  __device__ __forceinline__ void find_tiles(std::uint32_t behind, std::uint32_t lane) {
    const std::uint32_t count = end_ > window_ ? end_ - window_ : 0;
    tile_ = lane >= behind && lane < count ? record_ >> 7 & (layout::kChunkTiles - 1) : kNoTile;
    last_tile_ = __shfl_sync(~0u, tile_, layout::kLanes - 1);
  }

  std::uint32_t window_;          ///< number of lane 0's escape
  std::uint32_t end_, next_end_;  ///< of the chunk's escapes, of the next one's
  std::uint32_t record_;          ///< of this window
  Escape ahead_;                  ///< of the next one
  std::uint32_t tile_;            ///< of record_, of the chunk, or kNoTile
  std::uint32_t last_tile_;       ///< tile_ of the last lane: kNoTile while the chunk ends before
};

}  // namespace unweight::matmul
