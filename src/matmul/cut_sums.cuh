// SPDX-License-Identifier: BSD-3-Clause
//
// Stream-K: sums of an item that several CTAs have parts of go through device memory, from a thread
// to the thread that has the same place in another CTA, in a fixed order.
//
//   cut_sums  [CTA][4 sums of a thread][thread], float4: every store and load of a warp is 512
//   bytes
#pragma once

#include <cstdint>

#include "kernels/ptx/global_signals.cuh"
#include "kernels/ptx/grid_moves.cuh"
#include "matmul/matmul_params.h"
#include "matmul/work_items.cuh"

namespace unweight::matmul {

/// By all `num_threads` consumer threads: this CTA's sums for the CTA that finishes the item.
template <std::uint32_t kTokens>
__device__ __forceinline__ void give_sums(const MatmulParams& params,
                                          const float (&acc)[kTokens / 2],
                                          std::uint32_t num_threads) {
  float4* const to =
      params.cut_sums + std::size_t{blockIdx.x} * (kTokens / 8) * num_threads + threadIdx.x;
#pragma unroll
  for (std::uint32_t i = 0; i < kTokens / 8; ++i) {
    __stcg(to + i * num_threads,
           make_float4(acc[4 * i], acc[4 * i + 1], acc[4 * i + 2], acc[4 * i + 3]));
  }
  ptx::named_barrier(1, num_threads);
  if (threadIdx.x == 0) ptx::store_release(params.sum_flags + blockIdx.x, 1);
}

/// By all consumer threads of the CTA that has an item's last tiles, from `own_first_tile` of the
/// cut tiles on: acc += what the CTAs before it have, back to tile `first_tile`, the item's first.
/// Their flags are 0 again then.
template <std::uint32_t kTokens>
__device__ __forceinline__ void add_given_sums(const MatmulParams& params, const Pieces& pieces,
                                               const Piece& tail, float (&acc)[kTokens / 2],
                                               std::uint32_t num_threads) {
  const std::uint32_t first_tile = (tail.item - params.num_whole_items) * params.num_k_tiles;
  for (std::uint32_t cta = blockIdx.x; pieces.first_cut_tile(cta) > first_tile;) {
    --cta;
    if (threadIdx.x == 0) {
      ptx::wait_for(params.sum_flags + cta, 1);
      ptx::store_release(params.sum_flags + cta, 0);
    }
    ptx::named_barrier(1, num_threads);
    const float4* const from =
        params.cut_sums + std::size_t{cta} * (kTokens / 8) * num_threads + threadIdx.x;
    constexpr std::uint32_t kAtATime = 4;  // registers
#pragma unroll
    for (std::uint32_t i = 0; i < kTokens / 8; i += kAtATime) {
      float4 v[kAtATime];
#pragma unroll
      for (std::uint32_t j = 0; j < kAtATime; ++j) {
        v[j] = ptx::load_global_16(from + (i + j) * num_threads);
      }
#pragma unroll
      for (std::uint32_t j = 0; j < kAtATime; ++j) {
        float* const sum = acc + 4 * (i + j);
        sum[0] += v[j].x;
        sum[1] += v[j].y;
        sum[2] += v[j].z;
        sum[3] += v[j].w;
      }
    }
  }
}

}  // namespace unweight::matmul
