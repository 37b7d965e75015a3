// SPDX-License-Identifier: BSD-3-Clause
//
// Verbatim rows, put over what codes or stream said: by rows of the matrix in the stage, before it
// is stored; in tile order, where a row is 8 or 16 bytes of its own, in global memory, after the
// same warp has stored it (with a __syncwarp between). Positions are clipped to the chunk, so that
// no bytes of the sections lead outside of the target.
#pragma once

#include <cstdint>

#include "kernels/decode/decode_params.h"
#include "kernels/tile_stage.cuh"

namespace unweight::kernels {

struct VerbatimRange {
  std::uint64_t first, end;
};

/// The verbatim rows of a chunk, clipped to what exists and to what a chunk can have.
__device__ __forceinline__ VerbatimRange verbatim_range(const DecodeParams& params,
                                                        std::uint32_t chunk) {
  constexpr std::uint64_t kMaxRows = layout::kChunkElems / layout::kRowElems;
  const auto num_chunks = static_cast<std::uint32_t>(params.grid.num_chunks());
  const std::uint64_t first = params.verbatim_index[chunk].first_verbatim_row;
  std::uint64_t end = chunk + 1 < num_chunks
                          ? params.verbatim_index[chunk + 1].first_verbatim_row
                          : num_verbatim_rows(*params.record, params.num_verbatim_rows);
  end = min(end, params.num_verbatim_rows);
  if (end > first + kMaxRows) end = first + kMaxRows;
  return {first, end};
}

/// The two weights 2r and 2r + 1 of a row: byte k of both is of weight k.
__device__ __forceinline__ std::uint32_t join_pair_of_row(uint2 exponents, uint2 sign_mantissa,
                                                          std::uint32_t r) {
  const std::uint32_t e = (r < 2 ? exponents.x : exponents.y) >> 16 * (r % 2);
  const std::uint32_t sm = (r < 2 ? sign_mantissa.x : sign_mantissa.y) >> 16 * (r % 2);
  return (__byte_perm(sm, 0, 0x1100) & 0x807f807fu) | (e & 0xff) << 7 | (e >> 8 & 0xff) << 23;
}

/// kTiles and kExponents: a row lies in one piece.
template <DecodeTarget::Kind kKind>
__device__ __forceinline__ void patch_row(const DecodeParams& params, const DecodeTarget& target,
                                          std::uint32_t tile, std::uint32_t step,
                                          std::uint32_t owner, uint2 exponents) {
  const layout::LanePosition first{owner, layout::kRowElems * step};
  const std::uint64_t byte_offset =
      std::uint64_t{tile} * layout::kTileByteSectionBytes + layout::byte_section_offset(first);
  auto* out = static_cast<std::uint8_t*>(target.out);
  if constexpr (kKind == DecodeTarget::Kind::kExponents) {
    *reinterpret_cast<uint2*>(out + byte_offset) = exponents;
  } else {
    const uint2 sm = *reinterpret_cast<const uint2*>(params.sign_mantissa + byte_offset);
    *reinterpret_cast<uint4*>(out + std::uint64_t{tile} * layout::kTileWeightSectionBytes +
                              layout::weight_section_offset(first)) = {
        join_pair_of_row(exponents, sm, 0), join_pair_of_row(exponents, sm, 1),
        join_pair_of_row(exponents, sm, 2), join_pair_of_row(exponents, sm, 3)};
  }
}

/// Rows of the chunk in tiles [first_tile, first_tile + num_tiles) of it, spread over the lanes.
template <DecodeTarget::Kind kKind>
__device__ __forceinline__ void patch_verbatim(const DecodeParams& params,
                                               const DecodeTarget& target, VerbatimRange range,
                                               std::uint32_t chunk, std::uint32_t first_tile,
                                               std::uint32_t num_tiles, std::uint32_t lane) {
  for (std::uint64_t v = range.first + lane; v < range.end; v += layout::kLanes) {
    const codec::VerbatimPosition position = params.verbatim_positions[v];
    const std::uint32_t tile = codec::verbatim_tile(position);
    if (tile - first_tile >= num_tiles) continue;
    patch_row<kKind>(params, target, chunk * layout::kChunkTiles + tile,
                     codec::verbatim_step(position), codec::verbatim_lane(position),
                     reinterpret_cast<const uint2*>(params.verbatim_rows)[v]);
  }
}

/// The verbatim rows of a chunk in order, a lane one of 32 at a time: loaded before they are
/// needed.
class VerbatimWindow {
 public:
  __device__ VerbatimWindow(const DecodeParams& params, VerbatimRange range, std::uint32_t lane)
      : params_(params), next_(range.first + lane), end_(range.end) {
    load();
  }

  /// Puts the rows of tile `tile` of the chunk over the staged tile (shared memory address). Tiles
  /// come in ascending order; positions that do not are passed over. By a whole warp, which has
  /// synchronised since the stage was written, and does so before it reads it.
  __device__ void patch_stage(std::uint32_t tile, std::uint32_t stage) {
    for (;;) {
      const std::uint32_t mine = codec::verbatim_tile(position_);
      if (mine == tile) patch_staged_row(stage);
      if (__shfl_sync(~0u, mine, layout::kLanes - 1) > tile) return;
      next_ += layout::kLanes;
      load();
    }
  }

 private:
  __device__ void load() {
    position_ = kNone;
    if (next_ >= end_) return;
    position_ = params_.verbatim_positions[next_];
    exponents_ = reinterpret_cast<const uint2*>(params_.verbatim_rows)[next_];
  }

  // Sign and mantissa are in the stage already.
  __device__ void patch_staged_row(std::uint32_t stage) const {
    const std::uint32_t owner = codec::verbatim_lane(position_);
    const std::uint32_t step = codec::verbatim_step(position_);
#pragma unroll
    for (std::uint32_t r = 0; r < 4; ++r) {
      const layout::TilePosition p =
          layout::tile_position({owner, layout::kRowElems * step + 2 * r});
      const std::uint32_t address =
          stage + stage_offset(p.row, p.col / kPieceElems) + p.col % kPieceElems * 2;
      const std::uint32_t bytes = (r < 2 ? exponents_.x : exponents_.y) >> 16 * (r % 2);
      std::uint32_t weights;
      asm volatile("ld.shared.u32 %0, [%1];" : "=r"(weights) : "r"(address) : "memory");
      weights = (weights & 0x807f807fu) | (bytes & 0xff) << 7 | (bytes >> 8 & 0xff) << 23;
      asm volatile("st.shared.u32 [%0], %1;" ::"r"(address), "r"(weights) : "memory");
    }
  }

  static constexpr codec::VerbatimPosition kNone = 0xffff;  // of a tile that no chunk has

  const DecodeParams& params_;
  std::uint64_t next_, end_;
  codec::VerbatimPosition position_;
  uint2 exponents_{};
};

}  // namespace unweight::kernels
