// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   Y = X W^T for few tokens (a tile of 8 or 16), weights in any form
// Bound by:   reading the weights (palette: 1.5 bytes each)
// Requires:   checked pointers, sizes and config; section contents may be anything
// Threads:    consumer warps: strips of the tile x k_warps, then one producer warp. A consumer warp
//             owns a strip of 16 output features and every k_warps-th tile of K. Output features
//             are the rows of mma.m16n8k16, tokens its columns: one token wastes 7 columns of 8,
//             and weights go from shared memory to registers only.
// Pipeline:   ring of stages: bulk copies of weights and tensor copies of activations, announced
//             on `full`; consumers announce on `empty`
// Reduction:  partial sums of warps, then of the cluster's CTAs, through shared memory, in a fixed
//             order: no atomics
// Measured, Rejected: docs/kernels/mma-matmul.md
#pragma once

#include <cstdint>

#include "kernels/ptx/tensor_core.cuh"
#include "matmul/mma_launch.h"
#include "matmul/output_tile.cuh"

namespace unweight::matmul {

/// Where lane finds its first piece of 16 bytes in a tile of activations, for load_tokens(): row
/// lane % 8, piece lane / 8 of the left half; 128-byte swizzle. The right half's is 64 away by XOR.
__device__ __forceinline__ std::uint32_t token_offset(std::uint32_t lane) {
  const std::uint32_t row = lane % 8;
  return row * kTokenTileBytes + 16 * ((lane / 8) ^ row);
}
/// B fragments of 32 columns of K: lane's registers for two k16 steps of every 8 tokens. `tokens`:
/// the tile's address plus token_offset().
template <std::uint32_t kTokens>
__device__ __forceinline__ void load_tokens(std::uint32_t tokens, std::uint32_t half,
                                            std::uint32_t (&b)[kTokens / 8][4]) {
#pragma unroll
  for (std::uint32_t i = 0; i < kTokens / 8; ++i) {
    ptx::ldmatrix_x4(b[i], (tokens ^ 64 * half) + 8 * i * kTokenTileBytes);
  }
}

template <WeightForm kForm, std::uint32_t kTokens>
__global__ void __launch_bounds__(kMmaMaxThreads, kMmaCtasPerSm)
    mma_matmul(const __grid_constant__ MatmulParams params,
               const __grid_constant__ TensorMaps maps) {
  constexpr std::uint32_t kBlocks = kTokens / 8;
  extern __shared__ __align__(1024) std::uint8_t dynamic[];
  const std::uint32_t lane = threadIdx.x % layout::kLanes;
  const std::uint32_t warp = threadIdx.x / layout::kLanes;
  const std::uint32_t num_consumers = blockDim.x / layout::kLanes - 1;
  const std::uint32_t ring = ptx::keep(ptx::shared_address(dynamic));
  const std::uint32_t full_at = ring + params.barrier_offset;
  const std::uint32_t empty_at = full_at + 8 * kMaxStages;
  if (threadIdx.x == 0) {
    for (std::uint32_t i = 0; i < params.num_stages; ++i) {
      ptx::mbarrier_init(full_at + 8 * i, 1);
      ptx::mbarrier_init(empty_at + 8 * i, num_consumers);
    }
    ptx::mbarrier_init(full_at + kSumsBarrierOffset, 1);
    ptx::fence_mbarrier_init();
  }
  __syncthreads();
  ptx::griddepcontrol_launch_dependents();

  const Share share(params);
  if (warp == num_consumers) {
    if (lane == 0) {
      StageProducer<kForm, kTokens>(params, maps, share, ring, full_at, empty_at).run();
    }
    __syncwarp();
    if (params.k_parts != 1) {  // the consumers' two
      ptx::cluster_arrive();
      ptx::cluster_wait();
      ptx::cluster_arrive();
      ptx::cluster_wait();
    }
    return;
  }

  const std::uint32_t k_warps = params.k_warps;
  const std::uint32_t k_warp = warp % k_warps;
  const std::uint32_t strip = warp / k_warps;
  const std::uint32_t num_threads = num_consumers * layout::kLanes;
  const KRange range(params, share.part);
  const StageMap<kForm, kTokens> map(params);
  auto* const sums = reinterpret_cast<float*>(dynamic + params.epilogue_offset);
  const std::uint32_t leading = PartialSums(params).leading;
  const std::uint32_t in_matrix = strip % strips_each(params);
  const std::uint32_t first_at = ptx::keep(map.first(strip, 0) + 16 * lane);
  const std::uint32_t second_at = ptx::keep(map.second(strip, 0) + kSecondLaneBytes<kForm> * lane);
  const std::uint32_t tokens_at = ptx::keep(token_offset(lane));
  StripDecoder<kForm> decoder;
  decoder.begin_matrix(params, strip / strips_each(params), escape_scratch(params, ring, warp));
  RingPlace place;

  for (std::uint32_t i = share.first_item; i < share.num_items; i += share.item_step) {
    const Item item = Item::of(params, i, 0, kTokens);
    float acc[kBlocks][4] = {};
    decoder.begin_strip(item.first_strip + in_matrix, range.begin + k_warp, k_warps, lane);
    std::uint32_t tile = range.begin;  // the first of the stage at hand
    std::uint32_t t = k_warp;          // this warp's, in the stage
    const auto stage = [&] { return ring + place.slot * params.stage_bytes; };
    const auto is_in_stage = [&] { return t < min(params.tiles_per_stage, range.end - tile); };
    const auto load = [&] {
      decoder.load(stage() + first_at + t * kFirstBytes<kForm>,
                   stage() + second_at + t * kSecondBytes<kForm>, lane);
    };
    const auto release = [&](std::uint32_t slot) {
      __syncwarp();
      if (lane == 0) ptx::mbarrier_arrive(empty_at + 8 * slot);
    };
    const auto go_to_next_stage = [&] {
      place.advance(params.num_stages);
      tile += params.tiles_per_stage;
      t = k_warp;
    };
    // Arrives at the stage that has this warp's next tile, if there is one, and releases what has
    // none: only the last stage of K can be so short.
    const auto find_tile = [&] {
      while (tile < range.end) {
        ptx::mbarrier_wait(full_at + 8 * place.slot, place.parity);
        if (is_in_stage()) return true;
        release(place.slot);
        go_to_next_stage();
      }
      return false;
    };

    bool more = find_tile();
    if (more) load();
    while (more) {
      Fragments a;
      decoder.decode(lane, a);
      // The next tile's bytes are on their way while this one is multiplied.
      const std::uint32_t tokens = stage() + tokens_at + t * (kTokens * kTokenTileBytes);
      const std::uint32_t slot = place.slot;
      t += k_warps;
      const bool leaves = !is_in_stage();
      if (leaves) {
        go_to_next_stage();
        more = find_tile();
      }
      if (more) load();
#pragma unroll
      for (std::uint32_t half = 0; half < 2; ++half) {
        std::uint32_t b[kBlocks][4];
        load_tokens<kTokens>(tokens, half, b);
#pragma unroll
        for (std::uint32_t step = 0; step < 2; ++step) {
#pragma unroll
          for (std::uint32_t j = 0; j < kBlocks; ++j) {
            ptx::mma_m16n8k16(acc[j], a[2 * half + step], b[j][2 * step], b[j][2 * step + 1]);
          }
        }
      }
      if (leaves) release(slot);
    }

    // Lane 4g+t of a fragment: output features g and g + 8, tokens 2t and 2t + 1.
    ptx::griddepcontrol_wait();
    const auto put = [&](std::uint32_t block, std::uint32_t first_token_of_buffer,
                         std::uint32_t buffer_tokens) {
      if (in_matrix >= item.num_strips) return;
      const std::uint32_t token = first_token_of_buffer + 2 * (lane % 4);
      float* const at =
          sums + (k_warp * buffer_tokens + token) * leading + strip * layout::kTileRows + lane / 4;
      at[0] = acc[block][0];
      at[leading] = acc[block][1];
      at[8] = acc[block][2];
      at[leading + 8] = acc[block][3];
    };
    if (params.k_parts == 1) {
#pragma unroll
      for (std::uint32_t j = 0; j < kBlocks; ++j) {
        ptx::named_barrier(1, num_threads);  // the buffer may be the ring, or hold the last sums
        put(j, 0, 8);
        ptx::named_barrier(1, num_threads);
        finish_tokens(params, item, {sums, 8 * leading, k_warps, 8, leading},
                      item.first_token + 8 * j, warp, num_consumers, lane);
      }
    } else {  // one item a cluster: the buffer is the ring, which nobody fills any more
      ptx::named_barrier(1, num_threads);
#pragma unroll
      for (std::uint32_t j = 0; j < kBlocks; ++j) put(j, 8 * j, kTokens);
      const SumBuffer all = exchange_sums<kTokens>(params, sums, share.part,
                                                   full_at + kSumsBarrierOffset, threadIdx.x == 0);
      finish_tokens(params, item, all, item.first_token + share.part * all.tokens, warp,
                    num_consumers, lane);
      __syncwarp();
      ptx::cluster_arrive();
      ptx::cluster_wait();
    }
  }
}

template <WeightForm kForm, std::uint32_t kTokens>
cudaError_t launch_mma(const MatmulParams& params, const TensorMaps& maps,
                       cudaLaunchConfig_t& config) {
  const auto kernel = mma_matmul<kForm, kTokens>;
  const cudaError_t status =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           static_cast<int>(config.dynamicSmemBytes));
  if (status != cudaSuccess) return status;
  return cudaLaunchKernelEx(&config, kernel, params, maps);
}

template <WeightForm kForm>
cudaError_t launch_mma_form(const MatmulParams& params, const TensorMaps& maps,
                            const gpu::MatmulConfig& matmul, cudaLaunchConfig_t& config) {
  switch (matmul.tokens_per_tile) {
    case 8:
      return launch_mma<kForm, 8>(params, maps, config);
    case 16:
      return launch_mma<kForm, 16>(params, maps, config);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace unweight::matmul
