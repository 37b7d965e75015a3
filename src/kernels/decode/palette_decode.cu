// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   palette family -> BF16, row-major or in tile order; any palette, verbatim rows
// Bound by:   memory: 1.5 bytes a weight read, 2 written
// Requires:   checked pointers and sizes; section contents may be anything
// Threads:    a warp a tile
// Pipeline:   16-byte loads -> exponents by byte permutes -> stage in shared memory (row-major
// only)
//             -> verbatim rows over it -> stores of 128-byte rows. Latency is hidden by other
//             warps.
// Launch:     all SMs: a CTA of 8 warps for 8 tiles. Limited: one CTA of 32 warps an SM, whose
//             shared memory lets no second one in, going round over the tiles.
// Measured, Rejected: docs/kernels/palette-decode.md
#include <algorithm>

#include "kernels/decode/huffman_sinks.cuh"
#include "kernels/decode/verbatim_patch.cuh"
#include "kernels/palette_codes.cuh"

namespace unweight::kernels {
namespace {

constexpr std::uint32_t kWarps = 8;
constexpr std::uint32_t kWarpsOfLimitedCta = 32;

template <Kind kKind>
__device__ __forceinline__ void decode_palette_tile(
    const DecodeParams& params, const DecodeTarget& target, const PaletteRegisters& palette,
    std::uint32_t tile, std::uint32_t tiles_per_strip, std::uint32_t stage, std::uint32_t lane) {
  const LaneBytes bytes = load_lane_bytes(params.sign_mantissa, tile, lane);
  const uint4 codes =
      __ldcs(reinterpret_cast<const uint4*>(params.codes +
                                            std::uint64_t{tile} * layout::kTileCodeSectionBytes) +
             lane);
  const std::uint32_t mask = params.verbatim_index[tile / layout::kChunkTiles].tile_mask;
  std::uint32_t exponents[16];
  step_exponents(palette, codes.x, exponents);
  step_exponents(palette, codes.y, exponents + 4);
  step_exponents(palette, codes.z, exponents + 8);
  step_exponents(palette, codes.w, exponents + 12);
  const std::uint32_t chunk = tile / layout::kChunkTiles, in_chunk = tile % layout::kChunkTiles;
  const bool verbatim = (mask >> in_chunk & 1) != 0;
  if constexpr (kKind == Kind::kMatrix) {
    stage_tile(exponents, bytes, stage, lane);
    __syncwarp();
    if (verbatim) {
      VerbatimWindow(params, verbatim_range(params, chunk), lane).patch_stage(in_chunk, stage);
      __syncwarp();
    }
    const TilePlace place = TilePlace::of(tile, tiles_per_strip);
    store_staged_tiles<1>(params, target, place, place, false, stage, lane);
    __syncwarp();
  } else {
    store_weight_tile(exponents, bytes, target.out, tile, lane);
    __syncwarp();
    if (verbatim)
      patch_verbatim<kKind>(params, target, verbatim_range(params, chunk), chunk, in_chunk, 1,
                            lane);
  }
}

template <Kind kKind>
__global__ void palette_decode(const __grid_constant__ DecodeParams params,
                               const __grid_constant__ DecodeTarget target) {
  extern __shared__ __align__(128) std::uint8_t stages[];
  const std::uint32_t lane = threadIdx.x % layout::kLanes, warp = threadIdx.x / layout::kLanes;
  const std::uint32_t warps = blockDim.x / layout::kLanes;
  const std::uint32_t stage = ptx::shared_address(stages) + warp * kStageBytes;
  const auto num_tiles = static_cast<std::uint32_t>(params.grid.num_tiles());
  const auto tiles_per_strip = static_cast<std::uint32_t>(params.grid.tiles_per_strip());
  const PaletteRegisters palette = load_palette(params.record->palette);
  for (std::uint32_t tile = blockIdx.x * warps + warp; tile < num_tiles;
       tile += gridDim.x * warps) {
    decode_palette_tile<kKind>(params, target, palette, tile, tiles_per_strip, stage, lane);
  }
}

template <Kind kKind>
cudaError_t launch(const DecodeParams& params, const DecodeTarget& target,
                   const gpu::LaunchLimits& limits, std::uint32_t max_sms, cudaStream_t stream) {
  const cudaError_t status =
      cudaFuncSetAttribute(palette_decode<kKind>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           static_cast<int>(limits.max_shared_bytes));
  if (status != cudaSuccess) return status;
  const std::uint64_t num_tiles = params.grid.num_tiles();
  const bool limited = max_sms != 0 && max_sms < limits.num_sms;
  const std::uint32_t warps = limited ? kWarpsOfLimitedCta : kWarps;
  std::uint64_t ctas = (num_tiles + warps - 1) / warps;
  std::uint32_t shared = warps * kStageBytes;
  if (limited) {
    ctas = std::min<std::uint64_t>(ctas, max_sms);
    shared = std::max(shared, limits.max_shared_bytes / 2 + 1024);
  }
  palette_decode<kKind>
      <<<static_cast<std::uint32_t>(ctas), warps * layout::kLanes, shared, stream>>>(params,
                                                                                     target);
  return cudaGetLastError();
}

}  // namespace

cudaError_t launch_palette_decode(const DecodeParams& params, const DecodeTarget& target,
                                  const gpu::LaunchLimits& limits, std::uint32_t max_sms,
                                  cudaStream_t stream) {
  if (target.kind == Kind::kTiles) {
    return launch<Kind::kTiles>(params, target, limits, max_sms, stream);
  }
  return launch<Kind::kMatrix>(params, target, limits, max_sms, stream);
}

}  // namespace unweight::kernels
