// SPDX-License-Identifier: BSD-3-Clause
//
// A tile of the source matrix, row-major in global memory, into a warp's registers as fragments.
#pragma once

#include <cstdint>

#include "codec/families_format.h"
#include "kernels/encode/encode_params.h"
#include "kernels/tile_stage.cuh"

namespace unweight::kernels {

/// Rows 4*i + lane / 8, piece lane % 8 of the tile, i = 0..kCopySteps - 1.
struct TilePieces {
  uint4 piece[kCopySteps];
};

__device__ __forceinline__ std::uint16_t weight_or_padding(const EncodeParams& params,
                                                           std::uint64_t row, std::uint64_t col,
                                                           std::uint16_t padding) {
  if (row >= params.grid.rows || col >= params.grid.cols) return padding;
  return params.weights[row * params.stride_elems + col];
}

/// Eight weights of one row, from (row, col) on, one by one.
__device__ __noinline__ inline uint4 load_piece_slowly(const EncodeParams& params,
                                                       std::uint64_t row, std::uint64_t col,
                                                       std::uint16_t padding) {
  std::uint32_t words[4];
  for (std::uint32_t i = 0; i < 4; ++i) {
    words[i] = weight_or_padding(params, row, col + 2 * i, padding) |
               static_cast<std::uint32_t>(weight_or_padding(params, row, col + 2 * i + 1, padding))
                   << 16;
  }
  return {words[0], words[1], words[2], words[3]};
}

__device__ __forceinline__ TilePieces load_tile(const EncodeParams& params, std::uint32_t tile,
                                                std::uint32_t tiles_per_strip, std::uint32_t lane,
                                                std::uint16_t padding) {
  const std::uint64_t row = std::uint64_t{tile / tiles_per_strip} * layout::kTileRows + lane / 8;
  const std::uint64_t col =
      std::uint64_t{tile % tiles_per_strip} * layout::kTileCols + lane % 8 * kPieceElems;
  TilePieces pieces;
  const bool whole = row - lane / 8 + layout::kTileRows <= params.grid.rows &&
                     col - lane % 8 * kPieceElems + layout::kTileCols <= params.grid.cols;
  if (whole && params.rows_are_vectors) {
#pragma unroll
    for (std::uint32_t i = 0; i < kCopySteps; ++i) {
      pieces.piece[i] = __ldcs(reinterpret_cast<const uint4*>(
          params.weights + (row + 4 * i) * params.stride_elems + col));
    }
  } else {
#pragma unroll
    for (std::uint32_t i = 0; i < kCopySteps; ++i) {
      pieces.piece[i] = load_piece_slowly(params, row + 4 * i, col, padding);
    }
  }
  return pieces;
}

/// Through the warp's stage (shared memory address, kStageBytes). fragments[s][r]: register a_r of
/// k16 step s.
__device__ __forceinline__ void to_fragments(const TilePieces& pieces, std::uint32_t stage,
                                             std::uint32_t lane,
                                             std::uint32_t (&fragments)[layout::kSteps][4]) {
  __syncwarp();  // whoever read the stage before is done
#pragma unroll
  for (std::uint32_t i = 0; i < kCopySteps; ++i) {
    const uint4& v = pieces.piece[i];
    asm volatile("st.shared.v4.b32 [%0], {%1,%2,%3,%4};" ::"r"(
                     stage + stage_offset(4 * i + lane / 8, lane % 8)),
                 "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w)
                 : "memory");
  }
  __syncwarp();
#pragma unroll
  for (std::uint32_t s = 0; s < layout::kSteps; ++s) {
    ptx::ldmatrix_x4(fragments[s], stage + fragment_offset(lane, s));
  }
}

}  // namespace unweight::kernels
