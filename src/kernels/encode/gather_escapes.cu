// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   weights -> verbatim_positions and verbatim_rows of the radix family: an entry an
//             escape, in the order of chunk, tile, step, lane, weight of the row
// Bound by:   reading the weights again: nearly every tile has escapes
// Requires:   verbatim_index and record.outcome as place_chunks leaves them, tile_escapes,
//             record.palette
// Threads:    a warp a tile; tiles go round over all warps
#include "codec/radix_format.h"
#include "kernels/encode/encode_params.h"
#include "kernels/encode/source_tile.cuh"
#include "kernels/warp_sums.cuh"

namespace unweight::kernels {
namespace {

constexpr std::uint32_t kThreads = 256;
constexpr std::uint32_t kWarps = kThreads / layout::kLanes;
constexpr std::uint32_t kCtasPerSm = 4;

/// Number of the tile's first escape in the tensor.
__device__ std::uint64_t first_escape(const EncodeParams& params, std::uint32_t tile,
                                      std::uint32_t lane) {
  const std::uint32_t chunk = tile / layout::kChunkTiles, in_chunk = tile % layout::kChunkTiles;
  const std::uint32_t mine =
      lane < in_chunk ? params.tile_escapes[chunk * layout::kChunkTiles + lane] : 0;
  return std::uint64_t{params.verbatim_index[chunk].first_verbatim_row} +
         __reduce_add_sync(~0u, mine);
}

/// Exponent of weight k of a lane's row.
__device__ __forceinline__ std::uint32_t exponent_of_row(const std::uint32_t (&registers)[4],
                                                         std::uint32_t k) {
  return registers[k / 2] >> (7 + 16 * (k % 2)) & 0xff;
}

__device__ __forceinline__ void gather_tile(const EncodeParams& params,
                                            const std::uint32_t (&fragments)[layout::kSteps][4],
                                            std::uint32_t tile, std::uint64_t first,
                                            std::uint32_t base, std::uint32_t lane) {
#pragma unroll
  for (std::uint32_t step = 0; step < layout::kSteps; ++step) {
    std::uint32_t escapes = 0;  // bit k: weight k of the row
#pragma unroll
    for (std::uint32_t k = 0; k < layout::kRowElems; ++k) {
      const bool outside = exponent_of_row(fragments[step], k) - base >= codec::kRadix;
      escapes |= outside ? 1u << k : 0;
    }
    if (!__any_sync(~0u, escapes != 0)) continue;
    const std::uint32_t end = inclusive_sum(__popc(escapes), lane);
    std::uint64_t at = first + end - __popc(escapes);
    first += __shfl_sync(~0u, end, layout::kLanes - 1);
#pragma unroll
    for (std::uint32_t k = 0; k < layout::kRowElems; ++k) {
      if ((escapes >> k & 1) == 0) continue;
      if (at < params.verbatim_capacity) {
        params.verbatim_positions[at] =
            codec::pack_escape_position(tile, {lane, layout::kRowElems * step + k});
        params.verbatim_rows[at] = static_cast<std::uint8_t>(exponent_of_row(fragments[step], k));
      }
      ++at;
    }
  }
}

__global__ void __launch_bounds__(kThreads, kCtasPerSm)
    gather_escapes(const __grid_constant__ EncodeParams params) {
  __shared__ __align__(128) std::uint8_t stages[kWarps][kStageBytes];
  const TensorRecord& record = *params.record;
  if (record.outcome.num_verbatim_rows == 0) return;
  const std::uint32_t base = record.palette[0];
  const std::uint16_t padding = codec::join_weight(record.palette[record.padding_code], 0);
  const std::uint32_t lane = threadIdx.x % layout::kLanes, warp = threadIdx.x / layout::kLanes;
  const std::uint32_t stage = ptx::shared_address(stages[warp]);
  const auto num_tiles = static_cast<std::uint32_t>(params.grid.num_tiles());
  const auto tiles_per_strip = static_cast<std::uint32_t>(params.grid.tiles_per_strip());
  for (std::uint32_t tile = blockIdx.x * kWarps + warp; tile < num_tiles;
       tile += gridDim.x * kWarps) {
    if (params.tile_escapes[tile] == 0) continue;
    const TilePieces pieces = load_tile(params, tile, tiles_per_strip, lane, padding);
    const std::uint64_t first = first_escape(params, tile, lane);
    std::uint32_t fragments[layout::kSteps][4];
    to_fragments(pieces, stage, lane, fragments);
    gather_tile(params, fragments, tile, first, base, lane);
  }
}

}  // namespace

cudaError_t launch_gather_escapes(const EncodeParams& params, std::uint32_t num_sms,
                                  cudaStream_t stream) {
  gather_escapes<<<num_sms * kCtasPerSm, kThreads, 0, stream>>>(params);
  return cudaGetLastError();
}

}  // namespace unweight::kernels
