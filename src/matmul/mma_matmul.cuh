// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   Y = X W^T for few tokens (a tile of 8, 16 or 32), weights in any form
// Bound by:   reading the weights (palette: 1.5 bytes each)
// Requires:   checked pointers, sizes and config; section contents may be anything
// Threads:    strips of the tile x k_warps warps, then one that brings activations. A warp owns a
//             strip of 16 output features and one of the parts of K. Output features are the rows
//             of mma.m16n8k16, tokens its columns: one token wastes 7 columns of 8, and weights go
//             from shared memory to registers only.
// Pipeline:   each warp has a ring of weights of its own and fills it itself, by bulk copies of
//             runs of tiles that lie one behind the other in memory; activations are in a ring of
//             all warps (full and empty barriers), by tensor copies
// Reduction:  partial sums of warps, then of the cluster's CTAs, through shared memory, in a fixed
//             order: no atomics
// Measured, Rejected: docs/kernels/mma-matmul.md
#pragma once

#include <cstdint>

#include "kernels/ptx/tensor_core.cuh"
#include "matmul/mma_launch.h"
#include "matmul/output_tile.cuh"

namespace unweight::matmul {

/// A tile of activations in shared memory: rows of 128 bytes. One or two tokens lie there as they
/// are; more, in eight or sixteen rows, with their pieces of 16 bytes swizzled (piece p of row r is
/// at p ^ r % 8), so that lanes meet no bank twice. A lane of ldmatrix names row lane % 8 and piece
/// lane / 8 of a half of the tile; where there are fewer rows, some are read twice, for columns of
/// the product that nobody stores. The right half is 64 away by XOR.
[[nodiscard]] __device__ __forceinline__ std::uint32_t token_offset(const MatmulParams& params,
                                                                    std::uint32_t lane) {
  const std::uint32_t row = lane % 8 & (params.token_rows - 1);
  const std::uint32_t piece = lane / 8 ^ (is_swizzled(params.token_rows) ? row : 0);
  return row * kTokenTileBytes + 16 * piece;
}
/// B fragments of a half of a tile: lane's registers for two k16 steps, of every 8 tokens.
template <std::uint32_t kTokens>
using TokenFragments = std::uint32_t[kTokens / 8][4];
template <std::uint32_t kTokens>
__device__ __forceinline__ void load_tokens(std::uint32_t tokens, TokenFragments<kTokens>& b) {
#pragma unroll
  for (std::uint32_t i = 0; i < kTokens / 8; ++i) {
    ptx::ldmatrix_x4(b[i], tokens + 8 * i * kTokenTileBytes);
  }
}
/// acc += the products of a half of a tile.
template <std::uint32_t kTokens>
__device__ __forceinline__ void multiply_half(const Fragments& a, std::uint32_t half,
                                              const TokenFragments<kTokens>& b,
                                              float (&acc)[kTokens / 8][4]) {
#pragma unroll
  for (std::uint32_t step = 0; step < 2; ++step) {
#pragma unroll
    for (std::uint32_t j = 0; j < kTokens / 8; ++j) {
      ptx::mma_m16n8k16(acc[j], a[2 * half + step], b[j][2 * step], b[j][2 * step + 1]);
    }
  }
}

/// Parts of K, in tiles: of warp k_warp of CTA `part` of the cluster.
struct WarpRange {
  std::uint32_t begin, num_tiles;
  __device__ __forceinline__ WarpRange(const MatmulParams& params, std::uint32_t part,
                                       std::uint32_t k_warp)
      : begin(min((part * params.k_warps + k_warp) * params.tiles_per_part, params.num_k_tiles)),
        num_tiles(min(params.tiles_per_part, params.num_k_tiles - begin)) {}
};
/// What a warp works on: a strip of the output tile, a part of K.
struct WarpShare {
  std::uint32_t matrix, in_matrix;  ///< the strip's matrix, its number there
  std::uint32_t k_warp;

  __device__ __forceinline__ WarpShare(const MatmulParams& params, std::uint32_t warp) {
    const std::uint32_t strip = divide_by_inverse(warp, params.k_warps_inverse);
    k_warp = warp - strip * params.k_warps;
    matrix = strip < params.strips_each ? 0 : 1;
    in_matrix = strip - matrix * params.strips_each;
  }
  /// Of the output tile.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t local_strip(
      const MatmulParams& params) const {
    return matrix * params.strips_each + in_matrix;
  }
  /// If not, there is nothing to do for the warp.
  [[nodiscard]] __device__ __forceinline__ bool is_in(const Item& item) const {
    return in_matrix < item.num_strips;
  }
};

/// A warp's ring of weights. A slot is a run of tiles:
///   | first section: tiles_per_run tiles | second section: the same |
/// Lane 0 brings the first section, lane 1 the second; a slot's barrier waits for both.
template <WeightForm kForm>
class WeightRing {
 public:
  static constexpr std::uint32_t kFillers = kSecondBytes<kForm> == 0 ? 1 : 2;  ///< lanes

  /// `slots`, `full`: the warp's, in shared memory.
  __device__ __forceinline__ WeightRing(const MatmulParams& params, std::uint32_t slots,
                                        std::uint32_t full)
      : params_(params), slots_(slots), full_(full) {
    enter_item(Share(params).first_item);
  }

  /// The next run of this warp's, if there is one, into slot `slot`. By the first kFillers lanes.
  __device__ __forceinline__ void fill(std::uint32_t slot, std::uint32_t lane) {
    if (left_ == 0) return;
    const std::uint32_t tiles = min(params_.tiles_per_run, left_);
    const std::uint32_t barrier = full_ + 8 * slot, bytes = tiles * section_bytes(lane);
    const std::uint32_t section = lane == 0 ? 0 : params_.tiles_per_run * kFirstBytes<kForm>;
    ptx::mbarrier_arrive_expect_tx(barrier, bytes);
    ptx::bulk_copy_to_shared(slots_ + slot * params_.slot_bytes + section, from_, bytes, barrier);
    from_ += bytes;
    left_ -= tiles;
    if (left_ == 0) enter_item(item_ + Share(params_).item_step);
  }

 private:
  /// Item `i`, or the first one after it that has something for this warp. Rare, so that what it
  /// needs shall not be kept in registers: found anew.
  __device__ __forceinline__ void enter_item(std::uint32_t i) {
    const Share share(params_);
    const std::uint32_t thread = ptx::thread_index();
    const WarpShare mine(params_, thread / layout::kLanes);
    const WarpRange range(params_, share.part, mine.k_warp);
    left_ = 0;
    if (range.num_tiles == 0) return;
    for (; i < share.num_items; i += share.item_step) {
      const Item item = Item::of(params_, i, 0, 8);
      if (!mine.is_in(item)) continue;
      item_ = i;
      left_ = range.num_tiles;
      const std::uint64_t tile =
          std::uint64_t{item.first_strip + mine.in_matrix} * params_.num_k_tiles + range.begin;
      const WeightPointers& weights = params_.weights[mine.matrix];
      const std::uint32_t lane = thread % layout::kLanes;
      from_ = (lane == 0 ? weights.first : weights.second) + tile * section_bytes(lane);
      return;
    }
  }
  [[nodiscard]] __device__ __forceinline__ static std::uint32_t section_bytes(std::uint32_t lane) {
    return lane == 0 ? kFirstBytes<kForm> : kSecondBytes<kForm>;
  }

  const MatmulParams& params_;
  std::uint32_t slots_, full_;
  std::uint32_t item_ = 0, left_;       ///< tiles of the item that are not yet asked for
  const std::uint8_t* from_ = nullptr;  ///< the first of them; this lane's section
};

/// Runs that a warp asks for at once when it starts; the others one by one, as these arrive. All at
/// once, of all warps of all SMs, would be a queue of some microseconds, and whatever else is
/// needed, activations first of all, would stand at its end.
inline constexpr std::uint32_t kRunsAtOnce = 1;

/// Brings activations, when the kernels before this one have ended. By one thread.
///   stage  [k_warps][tiles_per_run][token_rows][128 bytes]
template <std::uint32_t kTokens>
__device__ __forceinline__ void bring_tokens(const MatmulParams& params, const TensorMaps& maps,
                                             const Share& share, std::uint32_t stages,
                                             std::uint32_t full, std::uint32_t empty) {
  ptx::griddepcontrol_wait();
  RingPlace place;
  std::uint32_t filled = 0;
  for (std::uint32_t i = share.first_item; i < share.num_items; i += share.item_step) {
    const std::uint32_t first_token = Item::of(params, i, 0, kTokens).first_token;
    for (std::uint32_t s = 0; s < params.stages_per_item; ++s) {
      if (filled == params.num_token_stages) {
        ptx::mbarrier_wait(empty + 8 * place.slot, place.parity ^ 1);
      } else {
        ++filled;
      }
      const std::uint32_t barrier = full + 8 * place.slot;
      ptx::mbarrier_arrive_expect_tx(
          barrier, params.k_warps * params.tiles_per_run * params.token_tile_bytes);
      std::uint32_t to = stages + place.slot * params.stage_bytes;
      for (std::uint32_t w = 0; w < params.k_warps; ++w) {
        const std::uint32_t tile =
            (share.part * params.k_warps + w) * params.tiles_per_part + s * params.tiles_per_run;
        for (std::uint32_t t = 0; t < params.tiles_per_run; t += params.token_box_tiles) {
          const TokenBoxPlace box(params, tile + t);
          ptx::tensor_copy_to_shared(to, maps.x, box.x, first_token, box.z, barrier);
          to += params.token_box_tiles * params.token_tile_bytes;
        }
      }
      place.advance(params.num_token_stages);
    }
  }
}

template <WeightForm kForm, std::uint32_t kTokens>
__global__ void __launch_bounds__(kMmaMaxThreads, kMmaCtasPerSm)
    mma_matmul(const __grid_constant__ MatmulParams params,
               const __grid_constant__ TensorMaps maps) {
  constexpr std::uint32_t kBlocks = kTokens / 8;
  constexpr std::uint32_t kHalves = kTokens == 32 ? 1 : 2;  // of a tile's activations, in registers
  ptx::griddepcontrol_launch_dependents();
  extern __shared__ __align__(1024) std::uint8_t dynamic[];
  const std::uint32_t lane = threadIdx.x % layout::kLanes;
  const std::uint32_t warp = threadIdx.x / layout::kLanes;
  const std::uint32_t num_warps = blockDim.x / layout::kLanes - 1;  // that multiply
  const std::uint32_t ring = ptx::keep(ptx::shared_address(dynamic));
  const std::uint32_t full_at = ring + params.barrier_offset;
  const std::uint32_t empty_at = full_at + 8 * kMaxStages;
  const std::uint32_t weights_full_at =
      ptx::keep(full_at + kBarrierBytes + 8 * kMaxStages * warp);  // of this warp
  const Share share(params);

  if (warp == num_warps) {
    if (lane == 0) {
      ptx::prefetch_tensormap(maps.x);
      for (std::uint32_t i = 0; i < params.num_token_stages; ++i) {
        ptx::mbarrier_init(full_at + 8 * i, 1);
        ptx::mbarrier_init(empty_at + 8 * i, num_warps);
      }
      ptx::mbarrier_init(full_at + kSumsBarrierOffset, 1);
      ptx::fence_mbarrier_init();
    }
    __syncwarp();
    ptx::named_barrier_arrive(2, blockDim.x);
    if (lane == 0) bring_tokens<kTokens>(params, maps, share, ring, full_at, empty_at);
    __syncwarp();
    if (params.k_parts != 1) {  // the others' two
      ptx::cluster_arrive();
      ptx::cluster_wait();
      ptx::cluster_arrive();
      ptx::cluster_wait();
    }
    return;
  }

  const std::uint32_t num_threads = num_warps * layout::kLanes;
  const WarpShare mine(params, warp);
  const WarpRange range(params, share.part, mine.k_warp);
  const std::uint32_t slots =
      ring + params.weights_offset + warp * params.num_stages * params.slot_bytes;
  StripDecoder<kForm> decoder(params);
  bool is_active = false;  // has something to do in the item at hand
  const auto begin_strip = [&](std::uint32_t i) {
    const Item item = Item::of(params, i, 0, kTokens);
    is_active = range.num_tiles != 0 && mine.is_in(item);
    if (is_active) decoder.begin_strip(item.first_strip + mine.in_matrix, range.begin, 1);
  };
  if (range.num_tiles != 0) {
    decoder.begin_matrix(mine.matrix, escape_scratch(params, ring, warp));
  }
  begin_strip(share.first_item);
  if (lane == 0) {
    for (std::uint32_t i = 0; i < params.num_stages; ++i) {
      ptx::mbarrier_init(weights_full_at + 8 * i, WeightRing<kForm>::kFillers);
    }
    ptx::fence_mbarrier_init();
  }
  __syncwarp();
  WeightRing<kForm> weights(params, slots, weights_full_at);
  if (lane < WeightRing<kForm>::kFillers) {
    for (std::uint32_t i = 0; i < kRunsAtOnce; ++i) weights.fill(i, lane);
  }
  ptx::named_barrier(2, blockDim.x);  // the barriers of the other warp are there

  auto* const sums = reinterpret_cast<float*>(dynamic + params.epilogue_offset);
  const std::uint32_t leading = PartialSums(params).leading;
  const std::uint32_t first_at = ptx::keep(slots + 16 * lane);
  const std::uint32_t second_at =
      ptx::keep(slots + params.tiles_per_run * kFirstBytes<kForm> + kSecondLaneBytes<kForm> * lane);
  const std::uint32_t tokens_at =
      ptx::keep(ring + token_offset(params, lane) +
                mine.k_warp * params.tiles_per_run * params.token_tile_bytes);
  // The other runs that there is room for, while activations are waited for.
  decoder.open_matrix();
  if (is_active) {
    decoder.open_strip(lane);
    for (std::uint32_t slot = kRunsAtOnce; slot < params.num_stages; ++slot) {
      if ((slot - kRunsAtOnce) * params.tiles_per_run < range.num_tiles) {
        ptx::mbarrier_wait(weights_full_at + 8 * (slot - kRunsAtOnce), 0);
      }
      if (lane < WeightRing<kForm>::kFillers) weights.fill(slot, lane);
      __syncwarp();
    }
  }
  RingPlace place, tokens_place;

  for (std::uint32_t i = share.first_item; i < share.num_items; i += share.item_step) {
    const Item item = Item::of(params, i, 0, kTokens);
    float acc[kBlocks][4] = {};
    std::uint32_t left = is_active ? range.num_tiles : 0;
    if (left != 0) {
      if (i != share.first_item) decoder.open_strip(lane);
      ptx::mbarrier_wait(weights_full_at + 8 * place.slot, place.parity);
      decoder.start_strip(lane);
    }
    for (std::uint32_t s = params.stages_per_item; s != 0; --s) {
      ptx::mbarrier_wait(full_at + 8 * tokens_place.slot, tokens_place.parity);
      std::uint32_t in_run = min(params.tiles_per_run, left);
      if (in_run != 0) {
        left -= in_run;
        std::uint32_t first = first_at + place.slot * params.slot_bytes;
        std::uint32_t second = second_at + place.slot * params.slot_bytes;
        std::uint32_t tokens = tokens_at + tokens_place.slot * params.stage_bytes;
        ptx::mbarrier_wait(weights_full_at + 8 * place.slot, place.parity);
        decoder.load(first, second, lane);
#pragma unroll 1
        for (bool more = true; more;) {
          TokenFragments<kTokens> b[kHalves];
          load_tokens<kTokens>(tokens, b[0]);
          if constexpr (kHalves == 2) load_tokens<kTokens>(tokens ^ 64, b[1]);
          Fragments a;
          decoder.decode(lane, a, [&] { decoder.load(first, second, lane); });
          more = --in_run != 0;
          first += kFirstBytes<kForm>;
          second += kSecondBytes<kForm>;
          // The next tile's bytes are on their way while this one is multiplied.
          if (more) decoder.load(first, second, lane);
          multiply_half<kTokens>(a, 0, b[0], acc);
          if constexpr (kHalves == 1) load_tokens<kTokens>(tokens ^ 64, b[0]);
          multiply_half<kTokens>(a, 1, b[kHalves - 1], acc);
          tokens += params.token_tile_bytes;
        }
        __syncwarp();
        if (lane < WeightRing<kForm>::kFillers) weights.fill(place.slot, lane);
        place.advance(params.num_stages);
      }
      if (lane == 0) ptx::mbarrier_arrive(empty_at + 8 * tokens_place.slot);
      tokens_place.advance(params.num_token_stages);
    }

    if (i + share.item_step < share.num_items) begin_strip(i + share.item_step);
    // Lane 4g+t of a fragment: output features g and g + 8, tokens 2t and 2t + 1.
    ptx::griddepcontrol_wait();
    const auto put = [&](std::uint32_t block, std::uint32_t first_token_of_buffer,
                         std::uint32_t buffer_tokens) {
      if (!mine.is_in(item)) return;
      const std::uint32_t token = first_token_of_buffer + 2 * (lane % 4);
      const std::uint32_t row = mine.local_strip(params) * layout::kTileRows + lane / 4;
      float* const at = sums + (mine.k_warp * buffer_tokens + token) * leading + row;
      at[0] = acc[block][0];
      at[leading] = acc[block][1];
      at[8] = acc[block][2];
      at[leading + 8] = acc[block][3];
    };
    if (params.k_parts == 1) {
#pragma unroll 1
      for (std::uint32_t t = 0; t < kTokens; t += params.epilogue_tokens) {
        ptx::named_barrier(1, num_threads);  // the buffer may be the ring, or hold the last sums
#pragma unroll
        for (std::uint32_t j = 0; j < kBlocks; ++j) {
          if (const std::uint32_t token = 8 * j - t; token < params.epilogue_tokens) {
            put(j, token, params.epilogue_tokens);
          }
        }
        ptx::named_barrier(1, num_threads);
        finish_tokens(params, item,
                      {sums, params.epilogue_tokens * leading, params.k_warps,
                       params.epilogue_tokens, leading},
                      item.first_token + t, warp, num_warps, lane);
      }
    } else {  // one item a cluster: the buffer is the ring, which nobody fills any more
      ptx::named_barrier(1, num_threads);
#pragma unroll
      for (std::uint32_t j = 0; j < kBlocks; ++j) put(j, 8 * j, kTokens);
      const SumBuffer all = exchange_sums<kTokens>(params, sums, share.part,
                                                   full_at + kSumsBarrierOffset, threadIdx.x == 0);
      finish_tokens(params, item, all, item.first_token + share.part * all.tokens, warp, num_warps,
                    lane);
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
    case 32:
      if constexpr (kForm != WeightForm::kRadix) return launch_mma<kForm, 32>(params, maps, config);
      return cudaErrorInvalidValue;
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace unweight::matmul
