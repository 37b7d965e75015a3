// SPDX-License-Identifier: BSD-3-Clause
//
// A tile of BF16 in shared memory, between global memory, which wants whole rows of 128 bytes, and
// registers, which want fragments. 2 KiB, row-major, 16-byte pieces swizzled so that neither side
// has bank conflicts:
//
//   piece p (8 columns) of row r is at byte 128*r + 16*(p ^ (r & 7))
#pragma once

#include <cstdint>

#include "kernels/ptx/warp_moves.cuh"
#include "layout/tile_order.h"

namespace unweight::kernels {

inline constexpr std::uint32_t kStageBytes = layout::kTileWeightSectionBytes;
inline constexpr std::uint32_t kPieceElems = 8;                               // 16 bytes
inline constexpr std::uint32_t kRowPieces = layout::kTileCols / kPieceElems;  // 8
/// Row-major copies of a tile by a warp: 4 rows at a time, a lane one piece.
inline constexpr std::uint32_t kCopySteps = layout::kTileRows * kRowPieces / layout::kLanes;  // 4

__device__ __forceinline__ std::uint32_t stage_offset(std::uint32_t row, std::uint32_t piece) {
  return 128 * row + 16 * (piece ^ (row & 7));
}

/// Where this lane's row address of ldmatrix/stmatrix for k16 step s is: matrices 0..3 are rows
/// 0-7 and 8-15 of the left 8 columns, then of the right 8: the registers a0..a3.
__device__ __forceinline__ std::uint32_t fragment_offset(std::uint32_t lane, std::uint32_t step) {
  return stage_offset(lane & 15, 2 * step + (lane >> 4));
}

}  // namespace unweight::kernels
