// SPDX-License-Identifier: BSD-3-Clause
//
// Staged tiles of BF16 to the row-major matrix.
#pragma once

#include <cstdint>

#include "kernels/decode/decode_params.h"
#include "kernels/ptx/shared_words.cuh"
#include "kernels/tile_stage.cuh"

namespace unweight::kernels {

/// Strip and place in it of a tile: divided out once, then counted on.
struct TilePlace {
  std::uint32_t strip, in_strip;

  __device__ static TilePlace of(std::uint32_t tile, std::uint32_t tiles_per_strip) {
    return {tile / tiles_per_strip, tile % tiles_per_strip};
  }
  [[nodiscard]] __device__ __forceinline__ TilePlace next(std::uint32_t tiles_per_strip) const {
    const bool last = in_strip + 1 == tiles_per_strip;
    return {last ? strip + 1 : strip, last ? 0 : in_strip + 1};
  }
};

__device__ __noinline__ inline void store_piece_slowly(const DecodeParams& params,
                                                       const DecodeTarget& target,
                                                       std::uint64_t row, std::uint64_t col,
                                                       uint4 piece) {
  if (row >= params.grid.rows) return;
  const std::uint32_t words[4] = {piece.x, piece.y, piece.z, piece.w};
  std::uint16_t* out = static_cast<std::uint16_t*>(target.out) + row * target.stride_elems;
#pragma unroll
  for (std::uint32_t i = 0; i < kPieceElems; ++i) {
    if (col + i < params.grid.cols) {
      out[col + i] = static_cast<std::uint16_t>(words[i / 2] >> 16 * (i % 2));
    }
  }
}

/// Two staged tiles, at `stage` and kStageBytes behind it, to their places; one, if `second` is not
/// there. A lane copies pieces of one tile, 16 lanes those of two, so that where the tiles are
/// neighbours a row of the copy is 256 bytes. With kTiles 1 all lanes copy `first`.
template <std::uint32_t kTiles>
__device__ __forceinline__ void store_staged_tiles(const DecodeParams& params,
                                                   const DecodeTarget& target, TilePlace first,
                                                   TilePlace second, bool has_second,
                                                   std::uint32_t stage, std::uint32_t lane) {
  constexpr std::uint32_t kLanesPerRow = kTiles * kRowPieces;
  constexpr std::uint32_t kRowsPerStep = layout::kLanes / kLanesPerRow;
  const bool is_second = kTiles == 2 && (lane & kRowPieces) != 0;
  if (is_second && !has_second) return;
  const TilePlace place = is_second ? second : first;
  const std::uint32_t piece = lane % kRowPieces, lane_row = lane / kLanesPerRow;
  const std::uint64_t row = std::uint64_t{place.strip} * layout::kTileRows;
  const std::uint64_t col = std::uint64_t{place.in_strip} * layout::kTileCols;
  const bool whole = target.rows_are_vectors && row + layout::kTileRows <= params.grid.rows &&
                     col + layout::kTileCols <= params.grid.cols;
  const std::uint32_t source = is_second ? stage + kStageBytes : stage;
  const std::uint64_t lane_col = col + piece * kPieceElems;
  std::uint16_t* out =
      static_cast<std::uint16_t*>(target.out) + (row + lane_row) * target.stride_elems + lane_col;
#pragma unroll
  for (std::uint32_t step = 0; step < layout::kTileRows; step += kRowsPerStep) {
    const uint4 v = ptx::load_shared_16(source + stage_offset(lane_row + step, piece));
    if (whole) {
      __stcs(reinterpret_cast<uint4*>(out), v);
      out += kRowsPerStep * target.stride_elems;
    } else {
      store_piece_slowly(params, target, row + lane_row + step, lane_col, v);
    }
  }
}

}  // namespace unweight::kernels
