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

/// Where finish_tokens() finds what it sums.
struct SumBuffer {
  const float* sums;  ///< [k_warps][tokens][leading]
  std::uint32_t k_warps;
  std::uint32_t tokens;
  std::uint32_t leading;

  /// Over warps; with k_parts, over the CTAs of the cluster, two of whose loads are under way at a
  /// time (all of them would take registers that the loop over tiles needs).
  __device__ __forceinline__ float sum(const MatmulParams& params, std::uint32_t at) const {
    float total = 0;
#pragma unroll 1
    for (std::uint32_t w = 0; w < k_warps; ++w) {
      if (params.k_parts == 1) {
        total += sums[w * tokens * leading + at];
        continue;
      }
#pragma unroll 1
      for (std::uint32_t p = 0; p < params.k_parts; p += 2) {
        const float even = ptx::load_cluster_f32(address(w, p, at));
        const float odd = ptx::load_cluster_f32(address(w, p + 1, at));
        total = total + even + odd;
      }
    }
    return total;
  }
  /// Four output features from a multiple of 4.
  __device__ __forceinline__ float4 sum4(const MatmulParams& params, std::uint32_t at) const {
    float4 total{};
    const auto add = [&](const float4& v) {
      total = {total.x + v.x, total.y + v.y, total.z + v.z, total.w + v.w};
    };
#pragma unroll 1
    for (std::uint32_t w = 0; w < k_warps; ++w) {
      if (params.k_parts == 1) {
        add(*reinterpret_cast<const float4*>(sums + w * tokens * leading + at));
        continue;
      }
#pragma unroll 1
      for (std::uint32_t p = 0; p < params.k_parts; p += 2) {
        const float4 even = ptx::load_cluster_f32x4(address(w, p, at));
        const float4 odd = ptx::load_cluster_f32x4(address(w, p + 1, at));
        add(even);
        add(odd);
      }
    }
    return total;
  }

 private:
  __device__ __forceinline__ std::uint32_t address(std::uint32_t w, std::uint32_t part,
                                                   std::uint32_t at) const {
    return ptx::mapa(ptx::shared_address(sums) + 4 * (w * tokens * leading + at), part);
  }
};

/// Finishes and stores buffer.tokens tokens from `first_token`. By warps `warp` of `num_warps`, who
/// have synchronised since the buffer was written (across the cluster with k_parts). A piece is
/// the output features of a token that a warp stores at a time: 4 a lane if rows of Y allow it.
__device__ __forceinline__ void finish_tokens(const MatmulParams& params, const Item& item,
                                              const SumBuffer& buffer, std::uint32_t first_token,
                                              std::uint32_t part, std::uint32_t warp,
                                              std::uint32_t num_warps, std::uint32_t lane) {
  if (first_token >= params.m) return;
  const std::uint32_t rows = item.num_strips * layout::kTileRows;
  const std::uint32_t tokens = min(buffer.tokens, params.m - first_token);
  const std::uint32_t first_n = item.first_strip * layout::kTileRows;
  const bool vectors = params.y_has_vectors && params.num_matrices == 1;
  const std::uint32_t per_lane = vectors ? 4 : 1, per_piece = per_lane * layout::kLanes;
  const std::uint32_t pieces = (rows + per_piece - 1) / per_piece;
  for (std::uint32_t i = part * num_warps + warp; i < tokens * pieces;
       i += num_warps * params.k_parts) {
    const std::uint32_t token = i / pieces;
    const std::uint32_t row = i % pieces * per_piece + per_lane * lane;
    const std::uint32_t n = first_n + row, m = first_token + token;
    if (row >= rows || n >= params.n) continue;
    std::uint16_t* const y = params.y + m * params.y_stride + n;
    const std::uint32_t at = token * buffer.leading;
    if (!vectors) {
      if (params.num_matrices == 1) {
        *y = float_to_bf16(finished(params, m, n, buffer.sum(params, at + row)));
      } else {
        const float up = buffer.sum(params, at + row + strips_each(params) * layout::kTileRows);
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
inline constexpr std::uint32_t kPlainTokens = kWgmmaPlainTokens;
inline constexpr std::uint32_t kPlainBlockBytes = kPlainTokens * 128;

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
#pragma unroll
  for (std::uint32_t t = 0; t < kTokens; t += kPlainTokens) {
    ptx::named_barrier(id, 128);
#pragma unroll
    for (std::uint32_t j = 0; j < kPlainTokens / 16; ++j) {
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
    for (std::uint32_t i = 0; i < kPlainTokens / 16; ++i) {
      const std::uint32_t token = 16 * i + 4 * warp + lane / 8;
      const uint4 v = load_shared_16(buffer + token * 128 + ((lane % 8 ^ token % 8) * 16));
      const std::uint32_t m = item.first_token + t + token;
      if (m >= params.m || row >= end_n) continue;
      std::uint16_t* const y = params.y + m * params.y_stride + row;
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
  }
}

}  // namespace unweight::matmul
