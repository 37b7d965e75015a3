// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   Y = X W^T for many tokens (a tile of 32 to 256), weights in any form
// Bound by:   reading weights below about 200 tokens, tensor cores above
// Requires:   checked pointers, sizes and config; section contents may be anything
// Threads:    two consumer warpgroups, a producer warpgroup of which one warp works. A consumer
//             warp owns kBlocks strips of 16 output features: strip b of warp w of warpgroup g is
//             4 * (2 * b + g) + w. Output features are the rows of wgmma.m64nNk16, A comes from
//             registers, decoded by the warp that feeds it; activations are B, in shared memory.
// Pipeline:   ring of stages (work_items.cuh); a warpgroup decodes a tile into one set of registers
//             while the tensor cores multiply from the other
// Clusters:   k_parts: CTAs share a tile, each with a part of K; multicast: CTAs with other rows
//             bring each other activations
// Measured, Rejected: docs/kernels/wgmma-matmul.md
#pragma once

#include <cstdint>

#include "kernels/ptx/warpgroup_products.cuh"
#include "matmul/output_tile.cuh"
#include "matmul/wgmma_launch.h"

namespace unweight::matmul {

inline constexpr std::uint32_t kNoSlot = ~0u;

/// A consumer warpgroup's way through the tiles of an item.
template <WeightForm kForm, std::uint32_t kTokens, std::uint32_t kBlocks>
class TileMultiplier {
 public:
  using Fragments = std::uint32_t[2][2][4];  ///< [half][step of the half][register]

  __device__ __forceinline__ TileMultiplier(const MatmulParams& params, std::uint32_t ring,
                                            std::uint32_t full, std::uint32_t empty,
                                            std::uint32_t warp, std::uint32_t lane)
      : params_(params),
        map_(params),
        ring_(ring),
        full_(full),
        empty_(empty),
        lane_(lane),
        warpgroup_strip_(warp / 4 * 4) {}

  /// acc += the tile at hand; the products may still be under way when it returns, those of the
  /// tile before are not.
  __device__ __forceinline__ void multiply(StripDecoder<kForm> (&decoders)[kBlocks],
                                           const std::uint32_t (&first_at)[kBlocks],
                                           const std::uint32_t (&second_at)[kBlocks],
                                           std::uint32_t tile, bool is_last,
                                           Fragments (&a)[kBlocks],
                                           float (&acc)[kBlocks][kTokens / 2]) {
    if (tile_in_stage_ == 0) ptx::mbarrier_wait(full_ + 8 * place_.slot, place_.parity);
    const std::uint32_t stage = ring_ + place_.slot * params_.stage_bytes;
    const std::uint32_t tokens = stage + map_.tokens(tile_in_stage_);
#pragma unroll
    for (std::uint32_t b = 0; b < kBlocks; ++b) {
      if (b != 0 && kWgmmaConsumerWarps * b + warpgroup_strip_ >= params_.strips_per_tile) continue;
      decoders[b].begin_tile(tile, lane_);
#pragma unroll
      for (std::uint32_t half = 0; half < 2; ++half) {
        decoders[b].template decode<Lookup::kEither>(
            stage + first_at[b] + tile_in_stage_ * kFirstBytes<kForm>,
            stage + second_at[b] + tile_in_stage_ * kSecondBytes<kForm>, half, lane_, a[b][half]);
      }
      ptx::wgmma_fence();
#pragma unroll
      for (std::uint32_t s = 0; s < layout::kSteps; ++s) {
        ptx::wgmma_m64k16<kTokens>(acc[b], a[b][s / 2][s % 2],
                                   ptx::wgmma_descriptor(tokens + 32 * s));
      }
      ptx::wgmma_commit_group();
      ptx::wgmma_wait_group<1>();
      if (b == 0) release();
    }
    if (++tile_in_stage_ == params_.tiles_per_stage || is_last) {
      used_up_ = place_.slot;
      place_.advance(params_.num_stages);
      tile_in_stage_ = 0;
    }
  }

  __device__ __forceinline__ void finish() {
    ptx::wgmma_wait_group<0>();
    release();
  }

  /// A tile that this warpgroup has nothing to do with.
  __device__ __forceinline__ void skip(bool is_last) {
    if (tile_in_stage_ == 0) ptx::mbarrier_wait(full_ + 8 * place_.slot, place_.parity);
    if (++tile_in_stage_ == params_.tiles_per_stage || is_last) {
      used_up_ = place_.slot;
      release();
      place_.advance(params_.num_stages);
      tile_in_stage_ = 0;
    }
  }

 private:
  /// The stage before the one at hand may be filled again, if this warp has just left it.
  __device__ __forceinline__ void release() {
    if (used_up_ == kNoSlot) return;
    __syncwarp();
    if (lane_ < params_.multicast) {
      const std::uint32_t barrier = empty_ + 8 * used_up_;
      if (params_.multicast == 1) {
        ptx::mbarrier_arrive(barrier);
      } else {
        ptx::mbarrier_arrive_cluster(ptx::mapa(barrier, lane_));
      }
    }
    used_up_ = kNoSlot;
  }

  const MatmulParams& params_;
  StageMap<kForm, kTokens> map_;
  std::uint32_t ring_, full_, empty_, lane_, warpgroup_strip_;
  RingPlace place_;
  std::uint32_t tile_in_stage_ = 0, used_up_ = kNoSlot;
};

template <WeightForm kForm, std::uint32_t kTokens, std::uint32_t kBlocks>
__global__ void __launch_bounds__(kWgmmaThreads, 1)
    wgmma_matmul(const __grid_constant__ MatmulParams params,
                 const __grid_constant__ TensorMaps maps) {
  extern __shared__ __align__(1024) std::uint8_t dynamic[];
  const std::uint32_t lane = threadIdx.x % layout::kLanes;
  const std::uint32_t warp = threadIdx.x / layout::kLanes;
  const std::uint32_t ring = ptx::keep(ptx::shared_address(dynamic));
  const std::uint32_t full = ring + params.barrier_offset;
  const std::uint32_t empty = full + 8 * kMaxStages;
  const bool has_cluster = params.k_parts * params.multicast != 1;
  if (threadIdx.x == 0) {
    for (std::uint32_t i = 0; i < params.num_stages; ++i) {
      ptx::mbarrier_init(full + 8 * i, 1);
      ptx::mbarrier_init(empty + 8 * i, kWgmmaConsumerWarps * params.multicast);
    }
    ptx::fence_mbarrier_init();
  }
  if (has_cluster) {  // others arrive on these barriers
    ptx::cluster_arrive();
    ptx::cluster_wait();
  } else {
    __syncthreads();
  }
  ptx::griddepcontrol_launch_dependents();
  const Share share(params);

  if (warp >= kWgmmaConsumerWarps) {
    ptx::setmaxnreg_dec<56>();
    if (warp == kWgmmaConsumerWarps && lane == 0) {
      StageProducer<kForm, kTokens>(params, maps, share, ring, full, empty).run();
    }
  } else {
    ptx::setmaxnreg_inc<224>();
    constexpr std::uint32_t kNumThreads = kWgmmaConsumerWarps * layout::kLanes;
    const KRange range(params, share.part);
    const StageMap<kForm, kTokens> map(params);
    const std::uint32_t leading = PartialSums(params).leading;
    auto* const sums = reinterpret_cast<float*>(dynamic + params.epilogue_offset);
    StripDecoder<kForm> decoders[kBlocks];
    std::uint32_t first_at[kBlocks], second_at[kBlocks], in_matrix[kBlocks];
#pragma unroll
    for (std::uint32_t b = 0; b < kBlocks; ++b) {
      // A strip that the tile lacks is read from where its last one lies, and never stored.
      const std::uint32_t local = min(kWgmmaConsumerWarps * b + warp, params.strips_per_tile - 1);
      in_matrix[b] = local % strips_each(params);
      first_at[b] = ptx::keep(map.first(local, 0) + 16 * lane);
      second_at[b] = ptx::keep(map.second(local, 0) + 16 * lane);
      decoders[b].begin_matrix(params, local / strips_each(params));
      decoders[b].template load_palette<Lookup::kEither>();
    }
    TileMultiplier<kForm, kTokens, kBlocks> multiplier(params, ring, full, empty, warp, lane);

    for (std::uint32_t i = share.first_item; i < share.num_items; i += share.item_step) {
      const Item item = Item::of(params, i, share.rank, kTokens);
      float acc[kBlocks][kTokens / 2] = {};
#pragma unroll
      for (std::uint32_t b = 0; b < kBlocks; ++b) {
        decoders[b].begin_strip(item.first_strip + in_matrix[b], range.begin, lane);
      }
      const std::uint32_t last = range.end - 1;
      if (warp / 4 * 4 < params.strips_per_tile) {
        // Two sets of fragments in all: one is decoded while the other is multiplied.
        typename TileMultiplier<kForm, kTokens, kBlocks>::Fragments a[2 / kBlocks][kBlocks];
        for (std::uint32_t tile = range.begin; tile < range.end; tile += 2) {
          multiplier.multiply(decoders, first_at, second_at, tile, tile == last, a[0], acc);
          if (tile == last) break;
          multiplier.multiply(decoders, first_at, second_at, tile + 1, tile + 1 == last,
                              a[2 / kBlocks - 1], acc);
        }
        multiplier.finish();
      } else {
        for (std::uint32_t tile = range.begin; tile < range.end; ++tile) {
          multiplier.skip(tile == last);
        }
      }

      // Lane 4g+t of a fragment: output features g and g + 8, tokens 2t and 2t + 1.
      ptx::griddepcontrol_wait();
      const auto put = [&](std::uint32_t first_block, std::uint32_t num_blocks) {
#pragma unroll
        for (std::uint32_t b = 0; b < kBlocks; ++b) {
          if (kWgmmaConsumerWarps * b + warp >= params.strips_per_tile ||
              in_matrix[b] >= item.num_strips) {
            continue;
          }
          const std::uint32_t row = (kWgmmaConsumerWarps * b + warp) * layout::kTileRows + lane / 4;
#pragma unroll
          for (std::uint32_t j = 0; j < kTokens / 8; ++j) {
            if (j < first_block || j >= first_block + num_blocks) continue;
            float* const at = sums + (8 * (j - first_block) + 2 * (lane % 4)) * leading + row;
            at[0] = acc[b][4 * j];
            at[leading] = acc[b][4 * j + 1];
            at[8] = acc[b][4 * j + 2];
            at[leading + 8] = acc[b][4 * j + 3];
          }
        }
      };
      if (params.k_parts == 1) {
#pragma unroll
        for (std::uint32_t t = 0; t < kTokens; t += kWgmmaEpilogueTokens) {
          ptx::named_barrier(1, kNumThreads);  // the buffer may be the ring, or hold the last sums
          put(t / 8, kWgmmaEpilogueTokens / 8);
          ptx::named_barrier(1, kNumThreads);
          finish_tokens(params, item, {sums, 1, kWgmmaEpilogueTokens, leading},
                        item.first_token + t, 0, warp, kWgmmaConsumerWarps, lane);
        }
      } else {  // one item a cluster: the buffer is the ring, which nobody fills any more
        ptx::named_barrier(1, kNumThreads);
        put(0, kTokens / 8);
        __syncwarp();
        ptx::cluster_arrive();
        ptx::cluster_wait();
        finish_tokens(params, item, {sums, 1, kTokens, leading}, item.first_token, share.part, warp,
                      kWgmmaConsumerWarps, lane);
      }
    }
  }
  if (params.k_parts != 1 && warp >= kWgmmaConsumerWarps) {  // the consumers' one
    __syncwarp();
    ptx::cluster_arrive();
    ptx::cluster_wait();
  }
  if (has_cluster) {  // nobody leaves while another may still read or write here
    __syncwarp();
    ptx::cluster_arrive();
    ptx::cluster_wait();
  }
}

template <WeightForm kForm, std::uint32_t kTokens, std::uint32_t kBlocks>
cudaError_t launch_wgmma(const MatmulParams& params, const TensorMaps& maps,
                         cudaLaunchConfig_t& config) {
  const auto kernel = wgmma_matmul<kForm, kTokens, kBlocks>;
  const cudaError_t status =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           static_cast<int>(config.dynamicSmemBytes));
  if (status != cudaSuccess) return status;
  return cudaLaunchKernelEx(&config, kernel, params, maps);
}

template <WeightForm kForm>
cudaError_t launch_wgmma_form(const MatmulParams& params, const TensorMaps& maps,
                              const gpu::MatmulConfig& matmul, cudaLaunchConfig_t& config) {
  const bool two = wgmma_blocks(matmul.strips_per_tile) == 2;
  switch (matmul.tokens_per_tile) {
    case 32:
      return two ? launch_wgmma<kForm, 32, 2>(params, maps, config)
                 : launch_wgmma<kForm, 32, 1>(params, maps, config);
    case 64:
      return two ? launch_wgmma<kForm, 64, 2>(params, maps, config)
                 : launch_wgmma<kForm, 64, 1>(params, maps, config);
    case 128:
      return two ? launch_wgmma<kForm, 128, 2>(params, maps, config)
                 : launch_wgmma<kForm, 128, 1>(params, maps, config);
    case 256:
      return launch_wgmma<kForm, 256, 1>(params, maps, config);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace unweight::matmul
