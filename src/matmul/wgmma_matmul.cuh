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

/// A consumer warpgroup's way through the tiles of an item. What a lane needs of a tile is loaded
/// while the tile before is multiplied.
template <WeightForm kForm, std::uint32_t kTokens, std::uint32_t kBlocks>
class TileMultiplier {
 public:
  /// Two sets of fragments in all: one is decoded while the other is multiplied.
  using FragmentSets = Fragments[2 / kBlocks][kBlocks];

  __device__ __forceinline__ TileMultiplier(const MatmulParams& params, std::uint32_t ring,
                                            std::uint32_t full, std::uint32_t empty,
                                            std::uint32_t warp, std::uint32_t lane)
      : params_(params),
        map_(params),
        ring_(ring),
        full_(full),
        empty_(ptx::keep(ptx::mapa(
            empty, params.multicast == 1 ? ptx::cluster_ctarank() : lane % params.multicast))),
        lane_(lane),
        num_blocks_(kWgmmaConsumerWarps + warp / 4 * 4 < params.strips_per_tile ? kBlocks : 1) {
#pragma unroll
    for (std::uint32_t b = 0; b < kBlocks; ++b) {
      // A strip that the tile lacks is read from where its last one lies, and never stored.
      const std::uint32_t local = min(kWgmmaConsumerWarps * b + warp, params.strips_per_tile - 1);
      first_at_[b] = ptx::keep(map_.first(local, 0) + 16 * lane);
      second_at_[b] = ptx::keep(map_.second(local, 0) + kSecondLaneBytes<kForm> * lane);
      decoders_[b].begin_matrix(params, local / strips_each(params),
                                escape_scratch(params, ring, warp));
    }
  }

  /// acc = all tiles of [begin, end), which is not empty.
  __device__ __forceinline__ void run(const Item& item, const std::uint32_t (&in_matrix)[kBlocks],
                                      std::uint32_t begin, std::uint32_t end, FragmentSets& a,
                                      float (&acc)[kBlocks][kTokens / 2]) {
#pragma unroll
    for (std::uint32_t b = 0; b < kBlocks; ++b) {
      decoders_[b].begin_strip(item.first_strip + in_matrix[b], begin, 1, lane_);
    }
    arrive_at_tile();
#pragma unroll
    for (std::uint32_t b = 0; b < kBlocks; ++b) load(b);
    for (std::uint32_t tile = begin; tile < end; tile += 2) {
      multiply(tile + 1 == end, a[0], acc);
      if (tile + 1 == end) break;
      multiply(tile + 2 == end, a[2 / kBlocks - 1], acc);
    }
    ptx::wgmma_wait_group<0>();
    release();
  }

  /// The same tiles, for a warpgroup that has no strips.
  __device__ __forceinline__ void skip(std::uint32_t begin, std::uint32_t end) {
    for (std::uint32_t tile = begin; tile < end; ++tile) {
      arrive_at_tile();
      leave_tile(tile + 1 == end);
      release();
    }
  }

 private:
  /// The tile at hand is multiplied; the products may still be under way afterwards, those of the
  /// tile before are not.
  __device__ __forceinline__ void multiply(bool is_last, Fragments (&a)[kBlocks],
                                           float (&acc)[kBlocks][kTokens / 2]) {
    const std::uint32_t tokens =
        ring_ + place_.slot * params_.stage_bytes + map_.tokens(tile_in_stage_);
    const std::uint32_t before = used_up_;  // a stage whose last products are under way
    used_up_ = kNoSlot;
#pragma unroll
    for (std::uint32_t b = 0; b < kBlocks; ++b) {
      if (b < num_blocks_) {
        decoders_[b].decode(lane_, a[b]);
        ptx::wgmma_fence();
#pragma unroll
        for (std::uint32_t s = 0; s < layout::kSteps; ++s) {
          ptx::wgmma_m64k16<kTokens>(acc[b], a[b][s], ptx::wgmma_descriptor(tokens / 16 + 2 * s));
        }
        ptx::wgmma_commit_group();
      }
      if (b == 0) {
        leave_tile(is_last);
        if (!is_last) arrive_at_tile();
      }
      if (!is_last && b < num_blocks_) load(b);
      ptx::wgmma_wait_group<1>();
      if (b == 0) release(before);
    }
  }

  __device__ __forceinline__ void arrive_at_tile() {
    if (tile_in_stage_ == 0) ptx::mbarrier_wait(full_ + 8 * place_.slot, place_.parity);
  }
  __device__ __forceinline__ void leave_tile(bool is_last) {
    if (++tile_in_stage_ == params_.tiles_per_stage || is_last) {
      used_up_ = place_.slot;
      place_.advance(params_.num_stages);
      tile_in_stage_ = 0;
    }
  }
  __device__ __forceinline__ void load(std::uint32_t b) {
    const std::uint32_t stage = ring_ + place_.slot * params_.stage_bytes;
    decoders_[b].load(stage + first_at_[b] + tile_in_stage_ * kFirstBytes<kForm>,
                      stage + second_at_[b] + tile_in_stage_ * kSecondBytes<kForm>, lane_);
  }
  __device__ __forceinline__ void release() {
    release(used_up_);
    used_up_ = kNoSlot;
  }
  /// A stage may be filled again as far as this warp is concerned; with multicast, by either CTA.
  __device__ __forceinline__ void release(std::uint32_t slot) const {
    __syncwarp();
    if (lane_ < params_.multicast && slot != kNoSlot) {
      ptx::mbarrier_arrive_cluster(empty_ + 8 * slot);
    }
  }

  const MatmulParams& params_;
  StageMap<kForm, kTokens> map_;
  std::uint32_t ring_, full_;
  std::uint32_t empty_;  ///< of the CTA that this lane tells
  std::uint32_t lane_;
  std::uint32_t num_blocks_;  ///< that have strips
  StripDecoder<kForm> decoders_[kBlocks];
  std::uint32_t first_at_[kBlocks], second_at_[kBlocks];
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
    const std::uint32_t leading = PartialSums(params).leading;
    auto* const sums = reinterpret_cast<float*>(dynamic + params.epilogue_offset);
    std::uint32_t in_matrix[kBlocks];
#pragma unroll
    for (std::uint32_t b = 0; b < kBlocks; ++b) {
      in_matrix[b] =
          min(kWgmmaConsumerWarps * b + warp, params.strips_per_tile - 1) % strips_each(params);
    }
    TileMultiplier<kForm, kTokens, kBlocks> multiplier(params, ring, full, empty, warp, lane);

    for (std::uint32_t i = share.first_item; i < share.num_items; i += share.item_step) {
      const Item item = Item::of(params, i, share.rank, kTokens);
      float acc[kBlocks][kTokens / 2] = {};
      if (range.begin == range.end) {  // K is 0
      } else if (warp / 4 * 4 < params.strips_per_tile) {
        typename TileMultiplier<kForm, kTokens, kBlocks>::FragmentSets a;
        multiplier.run(item, in_matrix, range.begin, range.end, a, acc);
      } else {
        multiplier.skip(range.begin, range.end);
      }

      ptx::griddepcontrol_wait();
      if (params.y_is_plain) {
        const std::uint32_t row = warp / 4 * 4 * layout::kTileRows;
        ptx::named_barrier(1, kNumThreads);  // the buffer may be the ring
#pragma unroll
        for (std::uint32_t b = 0; b < kBlocks; ++b) {
          store_plain_block<kTokens>(params, acc[b], item,
                                     row + b * kWgmmaConsumerWarps * layout::kTileRows,
                                     ptx::shared_address(sums) + warp / 4 * kPlainBlockBytes,
                                     2 + warp / 4, warp % 4, lane);
        }
        continue;
      }
      // Lane 4g+t of a fragment: output features g and g + 8, tokens 2t and 2t + 1.
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
      return launch_wgmma<kForm, 64, 1>(params, maps, config);
    case 128:
      return launch_wgmma<kForm, 128, 1>(params, maps, config);
    case 256:
      return launch_wgmma<kForm, 256, 1>(params, maps, config);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace unweight::matmul
