// SPDX-License-Identifier: BSD-3-Clause
//
// Sums of an output tile -> Y: partial sums from other warps and CTAs in a fixed order, bias,
// residual or SwiGLU, one rounding.
#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "matmul/work_items.cuh"

namespace unweight::matmul {

__device__ __forceinline__ float bf16_to_float(std::uint16_t bits) {
  return __uint_as_float(std::uint32_t{bits} << 16);
}
__device__ __forceinline__ std::uint16_t float_to_bf16(float value) {
  return __bfloat16_as_ushort(__float2bfloat16_rn(value));
}
__device__ __forceinline__ float silu(float v) {
  return v / (1.0f + __expf(-v));
}

/// What becomes of a finished sum, for output feature n of token m.
__device__ __forceinline__ float finished(const MatmulParams& params, std::uint32_t m,
                                          std::uint32_t n, float sum) {
  if (params.bias != nullptr) sum += bf16_to_float(params.bias[n]);
  if (params.residual != nullptr) {
    sum += bf16_to_float(params.residual[m * params.residual_stride + n]);
  }
  return sum;
}

__device__ __forceinline__ std::uint32_t pack_bf16(float low, float high) {
  return float_to_bf16(low) | std::uint32_t{float_to_bf16(high)} << 16;
}

/// Partial sums in shared memory: [k_warps][tokens][leading], fp32; the output features of the
/// tile are contiguous. Leading is 4 more than a multiple of 16: lanes that hold a fragment meet
/// no bank twice.
struct PartialSums {
  std::uint32_t leading;
  __device__ __forceinline__ explicit PartialSums(const MatmulParams& params)
      : leading(params.strips_per_tile * layout::kTileRows + 4) {}
};

/// Where finish_tokens() finds what it sums: over warps and, with k_parts, over the CTAs of a
/// cluster, always in the same order. All of it in this CTA's shared memory.
struct SumBuffer {
  const float* own;          ///< the first of `tokens` tokens of the first warp: [tokens][leading]
  std::uint32_t own_stride;  ///< from a warp's sums to the next one's, in floats
  std::uint32_t k_warps, tokens, leading;
  const float* received = nullptr;  ///< [k_parts - 1][k_warps][tokens][leading]: of other parts
  std::uint32_t part = 0;           ///< that `own` is of

  /// Four output features from a multiple of 4.
  __device__ __forceinline__ float4 sum4(const MatmulParams& params, std::uint32_t at) const {
    float4 total{};
#pragma unroll 1
    for (std::uint32_t i = 0; i < params.k_parts * k_warps; ++i) {
      const float4 v = *reinterpret_cast<const float4*>(source(i) + at);
      total = {total.x + v.x, total.y + v.y, total.z + v.z, total.w + v.w};
    }
    return total;
  }
  __device__ __forceinline__ float sum(const MatmulParams& params, std::uint32_t at) const {
    float total = 0;
#pragma unroll 1
    for (std::uint32_t i = 0; i < params.k_parts * k_warps; ++i) total += source(i)[at];
    return total;
  }

 private:
  /// Of warp i % k_warps of part i / k_warps.
  __device__ __forceinline__ const float* source(std::uint32_t i) const {
    const std::uint32_t first = part * k_warps;
    if (i - first < k_warps) return own + (i - first) * own_stride;
    return received + (i < first ? i : i - k_warps) * tokens * leading;
  }
};

/// With k_parts: every CTA of the cluster finishes its share of the tokens, so the others' sums of
/// those are brought here. By all consumer threads, when theirs are in `sums`; `leader` is one of
/// them. No CTA may leave before all have returned from this.
///
///   sums  | own: [k_warps][kTokens][leading] | received: [k_parts - 1][k_warps][share][leading] |
template <std::uint32_t kTokens>
__device__ __forceinline__ SumBuffer exchange_sums(const MatmulParams& params, const float* sums,
                                                   std::uint32_t part, std::uint32_t barrier,
                                                   bool leader) {
  const std::uint32_t leading = PartialSums(params).leading;
  const std::uint32_t own_stride = kTokens * leading;
  const std::uint32_t share = kTokens >> params.k_parts_log2;
  const float* const received = sums + params.k_warps * own_stride;
  ptx::fence_proxy_async_shared();
  __syncwarp();
  ptx::cluster_arrive();  // sums are there, and nobody's ring is in use any more
  ptx::cluster_wait();
  if (leader) {
    const std::uint32_t bytes = share * leading * sizeof(float);
    ptx::mbarrier_arrive_expect_tx(barrier, (params.k_parts - 1) * params.k_warps * bytes);
    for (std::uint32_t to = 0; to < params.k_parts; ++to) {
      if (to == part) continue;
      const std::uint32_t slot = part < to ? part : part - 1;
      for (std::uint32_t w = 0; w < params.k_warps; ++w) {
        ptx::bulk_copy_to_cluster(
            ptx::mapa(ptx::shared_address(received) + (slot * params.k_warps + w) * bytes, to),
            ptx::shared_address(sums + w * own_stride) + to * bytes, bytes, ptx::mapa(barrier, to));
      }
    }
  }
  ptx::mbarrier_wait(barrier, 0);
  return {
      sums + part * share * leading, own_stride, params.k_warps, share, leading, received, part};
}

/// Finishes and stores buffer.tokens tokens from `first_token`. By warps `warp` of `num_warps`, who
/// have synchronised since the buffer was written. A piece is the output features of a token that a
/// warp stores at a time: 4 a lane if rows of Y allow it.
__device__ __forceinline__ void finish_tokens(const MatmulParams& params, const Item& item,
                                              const SumBuffer& buffer, std::uint32_t first_token,
                                              std::uint32_t warp, std::uint32_t num_warps,
                                              std::uint32_t lane) {
  if (first_token >= params.m) return;
  const std::uint32_t rows = item.num_strips * layout::kTileRows;
  const std::uint32_t tokens = min(buffer.tokens, params.m - first_token);
  const std::uint32_t first_n = item.first_strip * layout::kTileRows;
  const bool vectors = params.y_has_vectors && params.num_matrices == 1;
  const std::uint32_t per_lane = vectors ? 4 : 1, per_piece = per_lane * layout::kLanes;
  std::uint32_t pieces_log2 = 0;
  while (per_piece << pieces_log2 < rows) ++pieces_log2;
  for (std::uint32_t i = warp; i < tokens << pieces_log2; i += num_warps) {
    const std::uint32_t token = i >> pieces_log2;
    const std::uint32_t piece = i - (token << pieces_log2);
    const std::uint32_t row = piece * per_piece + per_lane * lane;
    const std::uint32_t n = first_n + row, m = first_token + token;
    if (row >= rows || n >= params.n) continue;
    std::uint16_t* const y = params.y + m * params.y_stride + n;
    const std::uint32_t at = token * buffer.leading;
    if (!vectors) {
      if (params.num_matrices == 1) {
        *y = float_to_bf16(finished(params, m, n, buffer.sum(params, at + row)));
      } else {
        const float up = buffer.sum(params, at + row + params.strips_each * layout::kTileRows);
        *y = float_to_bf16(silu(buffer.sum(params, at + row)) * up);
      }
      continue;
    }
    const float4 sum = buffer.sum4(params, at + row);
    if (params.n - n >= 4) {
      *reinterpret_cast<uint2*>(y) = {
          pack_bf16(finished(params, m, n, sum.x), finished(params, m, n + 1, sum.y)),
          pack_bf16(finished(params, m, n + 2, sum.z), finished(params, m, n + 3, sum.w))};
    } else {
      y[0] = float_to_bf16(finished(params, m, n, sum.x));
      if (n + 1 < params.n) y[1] = float_to_bf16(finished(params, m, n + 1, sum.y));
      if (n + 2 < params.n) y[2] = float_to_bf16(finished(params, m, n + 2, sum.z));
    }
  }
}

/// Tokens that a warpgroup brings to shared memory at a time on their way to Y, as BF16, and bytes
/// of 64 output features of them.
template <std::uint32_t kTokens>
inline constexpr std::uint32_t kPlainTokens = kTokens / 2;
template <std::uint32_t kTokens>
inline constexpr std::uint32_t kPlainBlockBytes = kPlainTokens<kTokens> * 128;

/// Stores a block of 64 output features, from `first_row` of the tile, straight from a warpgroup's
/// accumulators: bias, one rounding, and rows of 128 bytes through shared memory (`buffer`, a
/// multiple of 128; barrier `id`). For outputs that need nothing else and whose rows are vectors.
///
///   buffer  [token][8 pieces of 16 bytes], piece p of token m at p ^ m % 8: no two lanes of a
///           stmatrix meet in a bank
template <std::uint32_t kTokens>
__device__ __forceinline__ void store_plain_block(const MatmulParams& params,
                                                  const float (&acc)[kTokens / 2], const Item& item,
                                                  std::uint32_t first_row, std::uint32_t buffer,
                                                  std::uint32_t id, std::uint32_t warp,
                                                  std::uint32_t lane) {
  const std::uint32_t first_n = item.first_strip * layout::kTileRows + first_row;
  const std::uint32_t end_n =
      min(params.n, (item.first_strip + item.num_strips) * layout::kTileRows);
  float bias[2] = {};
  if (params.bias != nullptr) {
#pragma unroll
    for (std::uint32_t h = 0; h < 2; ++h) {
      const std::uint32_t n = first_n + warp * layout::kTileRows + lane / 4 + 8 * h;
      if (n < end_n) bias[h] = bf16_to_float(params.bias[n]);
    }
  }
  // Lane of stmatrix: token lane % 8 of matrix lane / 8; matrices 0 and 2 are the warp's upper 8
  // output features of two blocks of 8 tokens, 1 and 3 the lower ones.
  const std::uint32_t piece = 2 * warp + lane / 8 % 2;
  const std::uint32_t write_at =
      buffer + (lane / 16 * 8 + lane % 8) * 128 + ((piece ^ lane % 8) * 16);
  // Lane of a store: piece lane % 8 of token lane / 8 of 4.
  const std::uint32_t row = first_n + lane % 8 * 8;
  const std::uint32_t first_token = 4 * warp + lane / 8;
  std::uint32_t m = item.first_token + first_token;
  std::uint16_t* y = params.y + m * params.y_stride + row;
#pragma unroll
  for (std::uint32_t t = 0; t < kTokens; t += kPlainTokens<kTokens>) {
    if (t != 0) ptx::named_barrier(id, 128);  // the tokens before have left
#pragma unroll
    for (std::uint32_t j = 0; j < kPlainTokens<kTokens> / 16; ++j) {
      std::uint32_t v[4];
#pragma unroll
      for (std::uint32_t i = 0; i < 4; ++i) {
        const std::uint32_t at = 4 * (t / 8 + 2 * j + i / 2) + 2 * (i % 2);
        v[i] = pack_bf16(acc[at] + bias[i % 2], acc[at + 1] + bias[i % 2]);
      }
      ptx::stmatrix_x4_trans(write_at + j * 16 * 128, v[0], v[1], v[2], v[3]);
    }
    ptx::named_barrier(id, 128);
#pragma unroll
    for (std::uint32_t i = 0; i < kPlainTokens<kTokens> / 16; ++i) {
      const std::uint32_t token = 16 * i + first_token;
      const uint4 v = load_shared_16(buffer + token * 128 + ((lane % 8 ^ token % 8) * 16));
      if (m < params.m && row < end_n) {
        if (end_n - row >= 8) {
          *reinterpret_cast<uint4*>(y) = v;
        } else {
          const std::uint32_t words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
          for (std::uint32_t e = 0; e < 8; ++e) {
            if (e < end_n - row) y[e] = static_cast<std::uint16_t>(words[e / 2] >> 16 * (e % 2));
          }
        }
      }
      m += 16;
      y += 16 * params.y_stride;
    }
  }
}

}  // namespace unweight::matmul
