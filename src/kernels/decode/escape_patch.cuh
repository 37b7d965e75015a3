// SPDX-License-Identifier: BSD-3-Clause
//
// Escapes of the radix family, put into the exponents of a tile before anything becomes of them.
// Nearly every tile has some, few lanes of it do.
#pragma once

#include <cstdint>

#include "codec/radix_format.h"
#include "kernels/decode/decode_status.cuh"
#include "kernels/decode/verbatim_patch.cuh"
#include "kernels/escape_scratch.cuh"
#include "unweight/gpu.h"

namespace unweight::kernels {

/// A tile's escapes, a lane one of 32 at a time: loaded when constructed, needed later. All calls
/// by a whole warp.
class TileEscapes {
 public:
  __device__ __forceinline__ TileEscapes(const DecodeParams& params, std::uint32_t tile,
                                         std::uint32_t lane)
      : params_(params), tile_(tile % layout::kChunkTiles), lane_(lane) {
    const std::uint32_t chunk = tile / layout::kChunkTiles;
    const codec::VerbatimIndexEntry entry = params.verbatim_index[chunk];
    if (entry.tile_mask >> tile_ & 1) find(chunk, entry.first_verbatim_row);
    load();
  }

  /// `exponents`: of a tile, in place; `scratch`: shared memory address of 2 KiB.
  __device__ __forceinline__ void put_into(std::uint32_t (&exponents)[layout::kSteps][4],
                                           std::uint32_t scratch) {
    for (;;) {
      const std::uint32_t holder_bit =
          tile_of_mine_ == tile_ ? 1u << codec::escape_place(position_).lane : 0;
      put_escapes(holder_bit, scratch, lane_, exponents, [&] {
        ptx::store_shared_2(scratch + escape_scratch_offset(position_),
                            static_cast<std::uint16_t>(exponent_ << 7));
      });
      __syncwarp();
      if (__shfl_sync(~0u, tile_of_mine_, layout::kLanes - 1) > tile_) return;
      next_ += layout::kLanes;
      left_ -= min(left_, layout::kLanes);
      load();
    }
  }

 private:
  /// Sets next_ and left_ to the chunk's escapes, without most of those of tiles before: 32 places
  /// are looked at at once.
  __device__ __forceinline__ void find(std::uint32_t chunk, std::uint32_t first) {
    const auto num_chunks = static_cast<std::uint32_t>(params_.grid.num_chunks());
    const std::uint64_t end = chunk + 1 < num_chunks
                                  ? params_.verbatim_index[chunk + 1].first_verbatim_row
                                  : num_verbatim_rows(*params_.record, params_.num_verbatim_rows);
    if (first > end || end > params_.num_verbatim_rows || end - first > layout::kChunkElems) {
      report(params_, gpu::kStatusBadIndex);
      return;
    }
    next_ = first;
    left_ = static_cast<std::uint32_t>(end - first);
    // The first escape of the tile or of one behind it is at one of `among` from next_ on, or none.
    for (std::uint32_t among = left_; among > layout::kLanes;) {
      const std::uint32_t stride = (among + layout::kLanes - 1) / layout::kLanes;
      const std::uint32_t at = lane_ * stride;
      const bool before =
          at < among && codec::escape_tile(params_.verbatim_positions[next_ + at]) < tile_;
      const std::uint32_t num_before = __popc(__ballot_sync(~0u, before));
      const std::uint32_t passed = num_before == 0 ? 0 : (num_before - 1) * stride;
      next_ += passed;
      left_ -= passed;
      among = min(stride, left_);
    }
  }

  __device__ __forceinline__ void load() {
    tile_of_mine_ = kNoTile;
    if (lane_ >= left_) return;
    position_ = params_.verbatim_positions[next_ + lane_];
    exponent_ = params_.verbatim_rows[next_ + lane_];
    tile_of_mine_ = codec::escape_tile(position_);
  }

  static constexpr std::uint32_t kNoTile = layout::kChunkTiles;

  const DecodeParams& params_;
  std::uint32_t tile_, lane_;   // tile of the chunk
  std::uint64_t next_ = 0;      // the window's first escape
  std::uint32_t left_ = 0;      // of the chunk, from next_ on
  std::uint32_t tile_of_mine_;  // or kNoTile
  codec::EscapePosition position_ = 0;
  std::uint32_t exponent_ = 0;
};

}  // namespace unweight::kernels
