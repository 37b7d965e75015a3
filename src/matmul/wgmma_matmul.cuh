// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   Y = X W^T for many tokens (a tile of 32 to 256), weights in any form
// Bound by:   reading weights below about 200 tokens, tensor cores above
// Requires:   checked pointers, sizes and config; section contents may be anything
// Threads:    up to four consumer warpgroups (three with tiles of 128 tokens, two with 256), a
//             producer warpgroup of which one warp works. A consumer warp owns a strip of 16 output
//             features and every k_warps-th tile of K. Output features are the rows of
//             wgmma.m64nNk16, A comes from registers, decoded by the warp that feeds it;
//             activations are B, in shared memory.
// Pipeline:   ring of stages (work_items.cuh). With tiles of 64 tokens others decode while
//             a warpgroup's products are under way; else each decodes a tile into one set of
//             registers while the tensor cores multiply from the other
// Clusters:   k_parts: CTAs share a tile, each with a part of K; multicast: CTAs with other rows
//             bring each other activations
// Measured, Rejected: docs/kernels/wgmma-matmul.md
#pragma once

#include <cstdint>

#include "kernels/ptx/warpgroup_products.cuh"
#include "matmul/cut_sums.cuh"
#include "matmul/output_tile.cuh"
#include "matmul/wgmma_launch.h"

namespace unweight::matmul {

inline constexpr std::uint32_t kNoSlot = ~0u;

/// Where a consumer warp works: its strip of the output tile, and which tiles of a stage.
struct ConsumerShare {
  std::uint32_t strip;  ///< local; one that the tile lacks is clipped, multiplied, never stored
  std::uint32_t matrix, in_matrix;  ///< of which it is, and its number there
  std::uint32_t k_warp;             ///< of k_warps
  bool has_strip;

  __device__ __forceinline__ ConsumerShare(const MatmulParams& params, std::uint32_t warp) {
    const std::uint32_t row_group = divide_by_inverse(warp / 4, params.k_warps_inverse);
    k_warp = warp / 4 - row_group * params.k_warps;
    const std::uint32_t wanted = row_group * 4 + warp % 4;
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
  /// With two, a tile is decoded while the one before is multiplied.
  static constexpr std::uint32_t kSets = kTokens == 64 ? 1 : 2;
  static constexpr bool kIsTileAStage = kTokens > kMostTokensOfKWarps;

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
        strip_(share.in_matrix),
        k_warp_(kTokens <= kMostTokensOfKWarps ? share.k_warp : 0),
        first_at_(ptx::keep(map_.first(share.strip, 0) + 16 * lane)),
        second_at_(ptx::keep(map_.second(share.strip, 0) + kSecondLaneBytes<kForm> * lane)),
        decoder_(params),
        tile_in_stage_(k_warp_) {
    decoder_.begin_matrix(share.matrix, escape_scratch(params, ring, threadIdx.x / layout::kLanes));
    decoder_.open_matrix();
  }

  /// acc = this warpgroup's tiles of [begin, end) of the item whose first strip is `first_strip`.
  __device__ __forceinline__ void run(std::uint32_t first_strip, std::uint32_t begin,
                                      std::uint32_t end, float (&acc)[kTokens / 2]) {
    Fragments a[kSets];
    const std::uint32_t strip = first_strip + strip_;
    std::uint32_t left = (end - begin + k_warps() - 1 - k_warp_) / k_warps();
    if (left != 0) {
      decoder_.begin_strip(strip, begin + k_warp_, k_warps());
      decoder_.open_strip(lane_);
      decoder_.start_strip(lane_);
      arrive();
      load();
      for (;;) {
        multiply(a[0], acc);
        if (--left == 0) break;
        go_on();
        if constexpr (kSets == 2) {
          multiply(a[1], acc);
          if (--left == 0) break;
          go_on();
        }
      }
      ptx::wgmma_wait_group<0>();
      release(used_up_);
      used_up_ = kNoSlot;
    }
  }
  /// The stage that the last tile was in, in shared memory: held until leave().
  [[nodiscard]] __device__ __forceinline__ std::uint32_t stage() const {
    return ring_ + place_.slot * params_.stage_bytes;
  }
  /// To the end of the item that run() was for.
  __device__ __forceinline__ void leave(std::uint32_t begin, std::uint32_t end) {
    if (end - begin > k_warp_) {
      release(place_.slot);
      place_.advance(params_.num_stages);
      tile_in_stage_ = k_warp_;
    }
    // The last stage has too few tiles for this warpgroup.
    const std::uint32_t rest = (end - begin) % params_.tiles_per_stage;
    if (rest != 0 && rest <= k_warp_) skip(end - rest, end);
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
  /// The products of the tile at hand are under way afterwards.
  __device__ __forceinline__ void multiply(Fragments& a, float (&acc)[kTokens / 2]) {
    const std::uint32_t tokens = ptx::warp_uniform((stage() + map_.tokens(tile_in_stage_)) / 16);
    decoder_.decode(lane_, a, [&] { load(); });
    if constexpr (kIsTileAStage) {  // the answer comes while products are asked for
      RingPlace next = place_;
      next.advance(params_.num_stages);
      next_is_full_ = ptx::mbarrier_test(full_ + 8 * next.slot, next.parity);
    }
    ptx::wgmma_fence();
#pragma unroll
    for (std::uint32_t s = 0; s < layout::kSteps; ++s) {
      ptx::wgmma_m64k16<kTokens>(acc, a[s], ptx::wgmma_descriptor(tokens + 2 * s));
    }
    ptx::wgmma_commit_group();
  }
  /// To the next tile, which is loaded. Products of the tile before the last one are over then.
  __device__ __forceinline__ void go_on() {
    std::uint32_t leaving = kNoSlot;  // a stage whose last products are under way
    tile_in_stage_ += k_warps();
    if (kIsTileAStage || tile_in_stage_ >= params_.tiles_per_stage) {
      leaving = place_.slot;
      tile_in_stage_ = k_warp_;
      place_.advance(params_.num_stages);
      if (!next_is_full_) arrive();
    }
    // BF16 tiles as they are loaded are registers of the products.
    if constexpr (kForm != WeightForm::kTiles) load();
    ptx::wgmma_wait_group<kSets - 1>();
    if constexpr (kForm == WeightForm::kTiles) load();
    release(kSets == 2 ? used_up_ : leaving);
    if constexpr (kSets == 2) used_up_ = leaving;
  }

  [[nodiscard]] __device__ __forceinline__ std::uint32_t k_warps() const {
    return kTokens <= kMostTokensOfKWarps ? params_.k_warps : 1;
  }
  __device__ __forceinline__ void arrive() const {
    ptx::mbarrier_wait(full_ + 8 * place_.slot, place_.parity);
  }
  __device__ __forceinline__ void load() {
    decoder_.load(stage() + first_at_ + tile_in_stage_ * kFirstBytes<kForm>,
                  stage() + second_at_ + tile_in_stage_ * kSecondBytes<kForm>, lane_);
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
  std::uint32_t strip_;  ///< of an item, in its matrix
  std::uint32_t k_warp_;
  std::uint32_t first_at_, second_at_;
  StripDecoder<kForm> decoder_;
  RingPlace place_;
  std::uint32_t tile_in_stage_, used_up_ = kNoSlot;
  bool next_is_full_ = false;
};

template <WeightForm kForm, std::uint32_t kTokens>
__global__ void __launch_bounds__(128 * (wgmma_max_groups(kTokens) + 1), 1)
    wgmma_matmul(const __grid_constant__ MatmulParams params,
                 const __grid_constant__ TensorMaps maps) {
  extern __shared__ __align__(1024) std::uint8_t dynamic[];
  const std::uint32_t lane = threadIdx.x % layout::kLanes;
  const std::uint32_t warp = threadIdx.x / layout::kLanes;
  const std::uint32_t ring = ptx::keep(ptx::shared_address(dynamic));
  const std::uint32_t full = ring + params.barrier_offset;
  const std::uint32_t empty = full + 8 * kMaxStages;
  const std::uint32_t num_warps = params.num_consumer_warps;
  const bool has_cluster = params.k_parts * params.multicast != 1;
  if (threadIdx.x == 0) {
    for (std::uint32_t i = 0; i < params.num_stages; ++i) {
      ptx::mbarrier_init(full + 8 * i, 1);
      ptx::mbarrier_init(empty + 8 * i, num_warps * params.multicast);
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

  constexpr WgmmaRegisters kRegisters = wgmma_registers(kTokens);
  if (warp >= num_warps) {
    ptx::setmaxnreg_dec<kRegisters.producing>();
    if (warp == num_warps && lane == 0) {
      StageProducer<kForm, kTokens>(params, maps, ring, full, empty).run();
    }
    if (params.k_parts != 1) {  // the consumers' one
      __syncwarp();
      ptx::cluster_arrive();
      ptx::cluster_wait();
    }
  } else {
    ptx::setmaxnreg_inc<kRegisters.multiplying>();
    const std::uint32_t num_threads = num_warps * layout::kLanes;
    const Pieces pieces(params);
    const auto item_of = [&](const Piece& piece) {
      return Item::of(params, piece.item, Share(params).rank, kTokens);
    };
    TileMultiplier<kForm, kTokens> multiplier(params, ConsumerShare(params, warp), ring, full,
                                              empty, lane);

    for (std::uint32_t i = 0; i < pieces.count(); ++i) {
      if (!pieces[i].exists()) continue;
      float acc[kTokens / 2] = {};
      multiplier.run(item_of(pieces[i]).first_strip, pieces[i].begin, pieces[i].end, acc);

      // All of this anew: registers are scarce while products are summed.
      const std::uint32_t consumer = ptx::thread_index() / layout::kLanes;
      const ConsumerShare mine(params, consumer);
      const Piece piece = pieces[ptx::keep(i)];
      ptx::griddepcontrol_wait();
      if (i == Pieces::kHead) {
        multiplier.leave(piece.begin, piece.end);
        give_sums<kTokens>(params, acc, num_threads);
        continue;
      }
      if (pieces.is_tail(i)) add_given_sums<kTokens>(params, pieces, piece, acc, num_threads);
      const Item item = item_of(piece);
      if (params.y_is_plain) {
        ptx::named_barrier(1, num_threads);  // everybody has done with the stage that is the buffer
        store_plain_block<kTokens>(params, acc, item, consumer / 4 * 4 * layout::kTileRows,
                                   multiplier.stage() + consumer / 4 * kPlainBlockBytes<kTokens>,
                                   2 + consumer / 4, consumer % 4, lane);
        ptx::fence_proxy_async_shared();  // before it is filled again
        multiplier.leave(piece.begin, piece.end);
        continue;
      }
      multiplier.leave(piece.begin, piece.end);
      const std::uint32_t leading = PartialSums(params).leading;
      auto* const sums = reinterpret_cast<float*>(dynamic + params.epilogue_offset);
      // Lane 4g+t of a fragment: output features g and g + 8, tokens 2t and 2t + 1.
      const auto put = [&](std::uint32_t first_token, std::uint32_t num_tokens) {
        if (!mine.has_strip || mine.in_matrix >= item.num_strips) return;
        float* const to =
            sums + mine.k_warp * num_tokens * leading + mine.strip * layout::kTileRows + lane / 4;
#pragma unroll
        for (std::uint32_t j = 0; j < kTokens / 8; ++j) {
          const std::uint32_t token = 8 * j - first_token;
          if (token >= num_tokens) continue;
          float* const at = to + (token + 2 * (lane % 4)) * leading;
          at[0] = acc[4 * j];
          at[leading] = acc[4 * j + 1];
          at[8] = acc[4 * j + 2];
          at[leading + 8] = acc[4 * j + 3];
        }
      };
      if (params.k_parts == 1) {
#pragma unroll 1
        for (std::uint32_t t = 0; t < kTokens; t += params.epilogue_tokens) {
          ptx::named_barrier(1, num_threads);  // the buffer may be the ring, or hold the last sums
          put(t, params.epilogue_tokens);
          ptx::named_barrier(1, num_threads);
          finish_tokens(params, item,
                        {sums, params.epilogue_tokens * leading, params.k_warps,
                         params.epilogue_tokens, leading},
                        item.first_token + t, consumer, num_warps, lane);
        }
      } else {  // one item a cluster: the buffer is the ring, which nobody fills any more
        ptx::named_barrier(1, num_threads);
        put(0, kTokens);
        const std::uint32_t part = Share(params).part;
        const SumBuffer all =
            exchange_sums<kTokens>(params, sums, part, full + kSumsBarrierOffset, threadIdx.x == 0);
        finish_tokens(params, item, all, item.first_token + part * all.tokens, consumer, num_warps,
                      lane);
      }
    }
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
