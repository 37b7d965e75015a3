// SPDX-License-Identifier: BSD-3-Clause
//
// Staged tiles of BF16 to the row-major matrix.
#pragma once

#include <cstdint>

#include "kernels/decode/decode_params.h"
#include "kernels/tile_stage.cuh"

namespace unweight::kernels {

struct TileCorner {
  std::uint64_t row, col;
};
__device__ __forceinline__ TileCorner corner_of(std::uint32_t tile, std::uint32_t tiles_per_strip) {
  return {std::uint64_t{tile / tiles_per_strip} * layout::kTileRows,
          std::uint64_t{tile % tiles_per_strip} * layout::kTileCols};
}

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

/// kTiles staged tiles, tile i at stage + i * kStageBytes, to their places. A lane copies pieces of
/// one tile, so that where tiles are neighbours a row of the copy is kTiles * 128 bytes.
template <std::uint32_t kTiles>
__device__ __forceinline__ void store_staged_tiles(const DecodeParams& params,
                                                   const DecodeTarget& target,
                                                   std::uint32_t first_tile,
                                                   std::uint32_t num_tiles,
                                                   std::uint32_t tiles_per_strip,
                                                   std::uint32_t stage, std::uint32_t lane) {
  constexpr std::uint32_t kLanesPerRow = kTiles * kRowPieces;
  constexpr std::uint32_t kRowsPerStep = layout::kLanes / kLanesPerRow;
  const std::uint32_t which = lane / kRowPieces % kTiles, piece = lane % kRowPieces;
  if (which >= num_tiles) return;
  const TileCorner corner = corner_of(first_tile + which, tiles_per_strip);
  const std::uint64_t col = corner.col + piece * kPieceElems;
  const std::uint32_t source = stage + which * kStageBytes;
  const bool whole = target.rows_are_vectors && corner.row + layout::kTileRows <= params.grid.rows &&
                     corner.col + layout::kTileCols <= params.grid.cols;
#pragma unroll
  for (std::uint32_t first = 0; first < layout::kTileRows; first += kRowsPerStep) {
    const std::uint32_t row = first + lane / kLanesPerRow;
    uint4 v;
    asm volatile("ld.shared.v4.b32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "r"(source + stage_offset(row, piece))
                 : "memory");
    if (whole) {
      __stcs(reinterpret_cast<uint4*>(static_cast<std::uint16_t*>(target.out) +
                                      (corner.row + row) * target.stride_elems + col),
             v);
    } else {
      store_piece_slowly(params, target, corner.row + row, col, v);
    }
  }
}

}  // namespace unweight::kernels
