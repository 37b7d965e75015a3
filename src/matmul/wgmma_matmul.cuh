// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   Y = X W^T for many tokens (a tile of 32 to 256), weights in any form
// Bound by:   reading weights below about 200 tokens, tensor cores above
// Requires:   checked pointers, sizes and config; section contents may be anything
// Threads:    two consumer warpgroups, a producer warpgroup of which one warp works. A consumer
//             warp owns a strip of 16 output features: warp w of warpgroup g has strip 4 g + w, or,
//             with k_warps 2, strip w and every second tile. Output features are the rows of
//             wgmma.m64nNk16, A comes from registers, decoded by the warp that feeds it;
//             activations are B, in shared memory.
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

/// Registers of a lane. The three warpgroups of a CTA share what it has from its start, 168 a lane;
/// asking for more waits forever.
inline constexpr std::uint32_t kProducerRegisters = 56, kConsumerRegisters = 224;

/// Where a consumer warp works: its strip of the output tile, and which tiles of a stage.
struct ConsumerShare {
  std::uint32_t strip;  ///< local; one that the tile lacks is clipped, multiplied, never stored
  std::uint32_t matrix, in_matrix;  ///< of which it is, and its number there
  std::uint32_t k_warp;             ///< of k_warps
  bool has_strip, group_has_strips;

  __device__ __forceinline__ ConsumerShare(const MatmulParams& params, std::uint32_t warp) {
    const std::uint32_t group = warp / 4;
    k_warp = params.k_warps == 1 ? 0 : group;
    const std::uint32_t wanted = params.k_warps == 1 ? warp : warp % 4;
    group_has_strips = wanted / 4 * 4 < params.strips_per_tile;
    has_strip = wanted < params.strips_per_tile;
    strip = min(wanted, params.strips_per_tile - 1);
    matrix = strip < params.strips_each ? 0 : 1;
    in_matrix = strip - matrix * params.strips_each;
  }
};

/// A consumer warpgroup's way through the tiles of an item. What a lane needs of a tile is loaded
/// while the tile before is multiplied.
template <WeightForm kForm, std::uint32_t kTokens>
class TileMultiplier {
 public:
  using FragmentSets = Fragments[2];

  __device__ __forceinline__ TileMultiplier(const MatmulParams& params, const ConsumerShare& share,
                                            std::uint32_t ring, std::uint32_t full,
                                            std::uint32_t empty, std::uint32_t lane)
      : params_(params),
        map_(params),
        ring_(ring),
        full_(full),
        empty_(ptx::keep(ptx::mapa(empty, params.multicast == 1 ? ptx::cluster_ctarank()
                                                                : lane & (params.multicast - 1)))),
        lane_(lane),
        k_warp_(kTokens <= kMostTokensOfKWarps ? share.k_warp : 0),
        first_at_(ptx::keep(map_.first(share.strip, 0) + 16 * lane)),
        second_at_(ptx::keep(map_.second(share.strip, 0) + kSecondLaneBytes<kForm> * lane)),
        tile_in_stage_(k_warp_) {
    decoder_.begin_matrix(params, share.matrix,
                          escape_scratch(params, ring, threadIdx.x / layout::kLanes));
    decoder_.open_matrix();
  }

  /// acc = this warpgroup's tiles of [begin, end) of strip `strip` of its matrix.
  __device__ __forceinline__ void run(std::uint32_t strip, std::uint32_t begin, std::uint32_t end,
                                      FragmentSets& a, float (&acc)[kTokens / 2]) {
    const std::uint32_t num_tiles = (end - begin + k_warps() - 1 - k_warp_) / k_warps();
    if (num_tiles != 0) {
      decoder_.begin_strip(strip, begin + k_warp_, k_warps());
      decoder_.open_strip(lane_);
      decoder_.start_strip(lane_);
      arrive();
      load();
      for (std::uint32_t i = 0; i < num_tiles; i += 2) {
        multiply(i + 1 == num_tiles, a[0], acc);
        if (i + 1 == num_tiles) break;
        multiply(i + 2 == num_tiles, a[1], acc);
      }
      ptx::wgmma_wait_group<0>();
      release(used_up_);
      used_up_ = kNoSlot;
    }
    // The last stage has one tile, and that is the other warpgroup's.
    if (k_warp_ != 0 && (end - begin) % params_.tiles_per_stage == 1) skip(end - 1, end);
  }

  /// The stages of [begin, end), for a warpgroup that has nothing to do there.
  __device__ __forceinline__ void skip(std::uint32_t begin, std::uint32_t end) {
    for (std::uint32_t tile = begin; tile < end; tile += params_.tiles_per_stage) {
      arrive();
      release(place_.slot);
      place_.advance(params_.num_stages);
    }
  }

 private:
  /// The tile at hand is multiplied, and the next one, if there is one, loaded. The products may
  /// still be under way afterwards; those of the tile before are not.
  __device__ __forceinline__ void multiply(bool is_last, Fragments& a, float (&acc)[kTokens / 2]) {
    const std::uint32_t tokens =
        ring_ + place_.slot * params_.stage_bytes + map_.tokens(tile_in_stage_);
    const std::uint32_t before = used_up_;  // a stage whose last products are under way
    used_up_ = kNoSlot;
    decoder_.decode(lane_, a);
    ptx::wgmma_fence();
#pragma unroll
    for (std::uint32_t s = 0; s < layout::kSteps; ++s) {
      ptx::wgmma_m64k16<kTokens>(acc, a[s], ptx::wgmma_descriptor(tokens / 16 + 2 * s));
    }
    ptx::wgmma_commit_group();
    tile_in_stage_ += k_warps();
    if (tile_in_stage_ >= params_.tiles_per_stage || is_last) {
      used_up_ = place_.slot;
      place_.advance(params_.num_stages);
      tile_in_stage_ = k_warp_;
      if (!is_last) arrive();
    }
    if (!is_last) load();
    ptx::wgmma_wait_group<1>();
    release(before);
  }

  [[nodiscard]] __device__ __forceinline__ std::uint32_t k_warps() const {
    return kTokens <= kMostTokensOfKWarps ? params_.k_warps : 1;
  }
  __device__ __forceinline__ void arrive() const {
    ptx::mbarrier_wait(full_ + 8 * place_.slot, place_.parity);
  }
  __device__ __forceinline__ void load() {
    const std::uint32_t stage = ring_ + place_.slot * params_.stage_bytes;
    decoder_.load(stage + first_at_ + tile_in_stage_ * kFirstBytes<kForm>,
                  stage + second_at_ + tile_in_stage_ * kSecondBytes<kForm>, lane_);
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
  std::uint32_t lane_, k_warp_;
  std::uint32_t first_at_, second_at_;
  StripDecoder<kForm> decoder_;
  RingPlace place_;
  std::uint32_t tile_in_stage_, used_up_ = kNoSlot;
};

template <WeightForm kForm, std::uint32_t kTokens>
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
    ptx::mbarrier_init(full + kSumsBarrierOffset, 1);
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
    ptx::setmaxnreg_dec<kProducerRegisters>();
    if (warp == kWgmmaConsumerWarps && lane == 0) {
      StageProducer<kForm, kTokens>(params, maps, share, ring, full, empty).run();
    }
  } else {
    ptx::setmaxnreg_inc<kConsumerRegisters>();
    constexpr std::uint32_t kNumThreads = kWgmmaConsumerWarps * layout::kLanes;
    const KRange range(params, share.part);
    const std::uint32_t leading = PartialSums(params).leading;
    auto* const sums = reinterpret_cast<float*>(dynamic + params.epilogue_offset);
    const ConsumerShare mine(params, warp);
    TileMultiplier<kForm, kTokens> multiplier(params, mine, ring, full, empty, lane);

    for (std::uint32_t i = share.first_item; i < share.num_items; i += share.item_step) {
      const Item item = Item::of(params, i, share.rank, kTokens);
      float acc[kTokens / 2] = {};
      if (mine.group_has_strips) {
        typename TileMultiplier<kForm, kTokens>::FragmentSets a;
        multiplier.run(item.first_strip + mine.in_matrix, range.begin, range.end, a, acc);
      } else {
        multiplier.skip(range.begin, range.end);
      }

      ptx::griddepcontrol_wait();
      if (params.y_is_plain) {
        ptx::named_barrier(1, kNumThreads);  // the buffer may be the ring
        store_plain_block<kTokens>(params, acc, item, warp / 4 * 4 * layout::kTileRows,
                                   ptx::shared_address(sums) + warp / 4 * kPlainBlockBytes,
                                   2 + warp / 4, warp % 4, lane);
        continue;
      }
      // Lane 4g+t of a fragment: output features g and g + 8, tokens 2t and 2t + 1.
      const auto put = [&](std::uint32_t first_block, std::uint32_t num_blocks) {
        if (!mine.has_strip || mine.in_matrix >= item.num_strips) return;
        float* const to = sums + mine.k_warp * (8 * num_blocks) * leading +
                          mine.strip * layout::kTileRows + lane / 4;
#pragma unroll
        for (std::uint32_t j = 0; j < kTokens / 8; ++j) {
          if (j < first_block || j >= first_block + num_blocks) continue;
          float* const at = to + (8 * (j - first_block) + 2 * (lane % 4)) * leading;
          at[0] = acc[4 * j];
          at[leading] = acc[4 * j + 1];
          at[8] = acc[4 * j + 2];
          at[leading + 8] = acc[4 * j + 3];
        }
      };
      if (params.k_parts == 1) {
#pragma unroll
        for (std::uint32_t t = 0; t < kTokens; t += kWgmmaEpilogueTokens) {
          ptx::named_barrier(1, kNumThreads);  // the buffer may be the ring, or hold the last sums
          put(t / 8, kWgmmaEpilogueTokens / 8);
          ptx::named_barrier(1, kNumThreads);
          finish_tokens(
              params, item,
              {sums, kWgmmaEpilogueTokens * leading, params.k_warps, kWgmmaEpilogueTokens, leading},
              item.first_token + t, warp, kWgmmaConsumerWarps, lane);
        }
      } else {  // one item a cluster: the buffer is the ring, which nobody fills any more
        ptx::named_barrier(1, kNumThreads);
        put(0, kTokens / 8);
        const SumBuffer all = exchange_sums<kTokens>(params, sums, share.part,
                                                     full + kSumsBarrierOffset, threadIdx.x == 0);
        finish_tokens(params, item, all, item.first_token + share.part * all.tokens, warp,
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

template <WeightForm kForm, std::uint32_t kTokens>
cudaError_t launch_wgmma(const MatmulParams& params, const TensorMaps& maps,
                         cudaLaunchConfig_t& config) {
  const auto kernel = wgmma_matmul<kForm, kTokens>;
  const cudaError_t status =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           static_cast<int>(config.dynamicSmemBytes));
  if (status != cudaSuccess) return status;
  return cudaLaunchKernelEx(&config, kernel, params, maps);
}

template <WeightForm kForm>
cudaError_t launch_wgmma_form(const MatmulParams& params, const TensorMaps& maps,
                              const gpu::MatmulConfig& matmul, cudaLaunchConfig_t& config) {
  switch (matmul.tokens_per_tile) {
    case 32:
      return launch_wgmma<kForm, 32>(params, maps, config);
    case 64:
      return launch_wgmma<kForm, 64>(params, maps, config);
    case 128:
      return launch_wgmma<kForm, 128>(params, maps, config);
    case 256:
      return launch_wgmma<kForm, 256>(params, maps, config);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace unweight::matmul
