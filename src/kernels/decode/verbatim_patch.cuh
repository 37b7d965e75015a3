// SPDX-License-Identifier: BSD-3-Clause
//
// Verbatim rows: put over what codes or stream said, in global memory, after it was stored there by
// the same warp (with a __syncwarp between). Positions are clipped to the chunk, so that no bytes of
// the sections lead outside of the target.
#pragma once

#include <cstdint>

#include "kernels/decode/decode_params.h"

namespace unweight::kernels {

struct VerbatimRange {
  std::uint64_t first, end;
};

/// The verbatim rows of a chunk, clipped to what exists and to what a chunk can have.
__device__ __forceinline__ VerbatimRange verbatim_range(const DecodeParams& params,
                                                        std::uint32_t chunk,
                                                        std::uint32_t num_chunks) {
  constexpr std::uint64_t kMaxRows = layout::kChunkElems / layout::kRowElems;
  const std::uint64_t first = params.verbatim_index[chunk].first_verbatim_row;
  std::uint64_t end = chunk + 1 < num_chunks ? params.verbatim_index[chunk + 1].first_verbatim_row
                                             : params.num_verbatim_rows;
  if (params.record->outcome.fits && chunk + 1 == num_chunks) {
    end = min(end, params.record->outcome.num_verbatim_rows);  // of an encoder's spare capacity
  }
  end = min(end, params.num_verbatim_rows);
  if (end > first + kMaxRows) end = first + kMaxRows;
  return {first, end};
}

/// The eight weights of a verbatim row: from exponent bytes and sign_mantissa bytes.
struct RowWeights {
  std::uint16_t w[layout::kRowElems];
};
__device__ __forceinline__ RowWeights join_row(uint2 exponents, uint2 sign_mantissa) {
  RowWeights row;
#pragma unroll
  for (std::uint32_t k = 0; k < layout::kRowElems; ++k) {
    const std::uint32_t shift = 8 * (k % 4);
    const std::uint32_t e = (k < 4 ? exponents.x : exponents.y) >> shift;
    const std::uint32_t sm = (k < 4 ? sign_mantissa.x : sign_mantissa.y) >> shift;
    row.w[k] = codec::join_weight(static_cast<std::uint8_t>(e), static_cast<std::uint8_t>(sm));
  }
  return row;
}

template <DecodeTarget::Kind kKind>
__device__ __forceinline__ void patch_row(const DecodeParams& params, const DecodeTarget& target,
                                          std::uint32_t tiles_per_strip, std::uint32_t tile,
                                          std::uint32_t step, std::uint32_t owner, uint2 exponents) {
  const std::uint64_t byte_offset =
      std::uint64_t{tile} * layout::kTileByteSectionBytes +
      layout::byte_section_offset({owner, layout::kRowElems * step});
  if constexpr (kKind == DecodeTarget::Kind::kExponents) {
    *reinterpret_cast<uint2*>(static_cast<std::uint8_t*>(target.out) + byte_offset) = exponents;
    return;
  }
  const RowWeights row = join_row(
      exponents, *reinterpret_cast<const uint2*>(params.sign_mantissa + byte_offset));
  if constexpr (kKind == DecodeTarget::Kind::kTiles) {
    auto* out = reinterpret_cast<std::uint16_t*>(
        static_cast<std::uint8_t*>(target.out) +
        std::uint64_t{tile} * layout::kTileWeightSectionBytes +
        layout::weight_section_offset({owner, layout::kRowElems * step}));
#pragma unroll
    for (std::uint32_t k = 0; k < layout::kRowElems; ++k) out[k] = row.w[k];
  } else {
#pragma unroll
    for (std::uint32_t k = 0; k < layout::kRowElems; ++k) {
      const layout::TilePosition p = layout::tile_position({owner, layout::kRowElems * step + k});
      const std::uint64_t r = std::uint64_t{tile / tiles_per_strip} * layout::kTileRows + p.row;
      const std::uint64_t c = std::uint64_t{tile % tiles_per_strip} * layout::kTileCols + p.col;
      if (r < params.grid.rows && c < params.grid.cols) {
        static_cast<std::uint16_t*>(target.out)[r * target.stride_elems + c] = row.w[k];
      }
    }
  }
}

/// Rows of the chunk in tiles [first_tile, first_tile + num_tiles) of it, spread over the lanes.
template <DecodeTarget::Kind kKind>
__device__ __forceinline__ void patch_verbatim(const DecodeParams& params,
                                               const DecodeTarget& target, VerbatimRange range,
                                               std::uint32_t chunk, std::uint32_t first_tile,
                                               std::uint32_t num_tiles,
                                               std::uint32_t tiles_per_strip, std::uint32_t lane) {
  for (std::uint64_t v = range.first + lane; v < range.end; v += layout::kLanes) {
    const codec::VerbatimPosition position = params.verbatim_positions[v];
    const std::uint32_t tile = codec::verbatim_tile(position);
    if (tile - first_tile >= num_tiles) continue;
    patch_row<kKind>(params, target, tiles_per_strip, chunk * layout::kChunkTiles + tile,
                     codec::verbatim_step(position), codec::verbatim_lane(position),
                     reinterpret_cast<const uint2*>(params.verbatim_rows)[v]);
  }
}

}  // namespace unweight::kernels
