// SPDX-License-Identifier: BSD-3-Clause
//
// Kernel and launch of the decoders that take tiles one by one (palette, radix), to BF16.
//
// Threads:    a warp a tile
// Shared map: a stage a warp
// Launch:     all SMs: a CTA of 8 warps for 8 tiles. Limited: one CTA of 32 warps an SM, whose
//             shared memory lets no second one in, going round over the tiles.
#pragma once

#include <algorithm>

#include "kernels/decode/huffman_sinks.cuh"

namespace unweight::kernels {

/// A tile and the warp that decodes it.
struct TileTask {
  std::uint32_t tile, tiles_per_strip;
  std::uint32_t stage;  ///< shared memory address: kStageBytes of the warp's own
  std::uint32_t lane;
};

/// `Decoder` is made from DecodeParams, once a thread; decode() stores one tile and may leave the
/// stage only after a __syncwarp.
template <typename Decoder>
__global__ void decode_tiles(const __grid_constant__ DecodeParams params,
                             const __grid_constant__ DecodeTarget target) {
  extern __shared__ __align__(128) std::uint8_t stages[];
  const std::uint32_t lane = threadIdx.x % layout::kLanes, warp = threadIdx.x / layout::kLanes;
  const std::uint32_t warps = blockDim.x / layout::kLanes;
  const std::uint32_t stage = ptx::shared_address(stages) + warp * kStageBytes;
  const auto num_tiles = static_cast<std::uint32_t>(params.grid.num_tiles());
  const auto tiles_per_strip = static_cast<std::uint32_t>(params.grid.tiles_per_strip());
  const Decoder decoder(params);
  for (std::uint32_t tile = blockIdx.x * warps + warp; tile < num_tiles;
       tile += gridDim.x * warps) {
    decoder.decode(params, target, {tile, tiles_per_strip, stage, lane});
  }
}

template <typename Decoder>
cudaError_t launch_decoder(const DecodeParams& params, const DecodeTarget& target,
                           const gpu::LaunchLimits& limits, std::uint32_t max_sms,
                           cudaStream_t stream) {
  constexpr std::uint32_t kWarps = 8, kWarpsOfLimitedCta = 32;
  const cudaError_t status =
      cudaFuncSetAttribute(decode_tiles<Decoder>, cudaFuncAttributeMaxDynamicSharedMemorySize,
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
  decode_tiles<Decoder>
      <<<static_cast<std::uint32_t>(ctas), warps * layout::kLanes, shared, stream>>>(params,
                                                                                     target);
  return cudaGetLastError();
}

/// Decoder of the target's kind: kMatrix or kTiles.
template <template <DecodeTarget::Kind> typename Decoder>
cudaError_t launch_tiles(const DecodeParams& params, const DecodeTarget& target,
                         const gpu::LaunchLimits& limits, std::uint32_t max_sms,
                         cudaStream_t stream) {
  using Kind = DecodeTarget::Kind;
  const auto launch = target.kind == Kind::kTiles ? launch_decoder<Decoder<Kind::kTiles>>
                                                  : launch_decoder<Decoder<Kind::kMatrix>>;
  return launch(params, target, limits, max_sms, stream);
}

}  // namespace unweight::kernels
