// SPDX-License-Identifier: BSD-3-Clause
//
// What the matmul kernels get, and how work is cut: the same functions decide on the host and on
// the device, so that a plan can be checked without a GPU.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "codec/families_format.h"
#include "gpu/device_properties.h"
#include "kernels/tensor_record.h"
#include "layout/tile_order.h"
#include "matmul/matmul_limits.h"
#include "unweight/gpu_matmul.h"

namespace unweight::matmul {

/// One weight matrix. Nothing that device memory says is trusted: num_verbatim_rows comes from the
/// host and is where the arrays end.
struct WeightPointers {
  // kPalette; kRadix, whose escapes are where the verbatim rows are.
  const kernels::TensorRecord* record;
  const codec::VerbatimIndexEntry* verbatim_index;    ///< [num_chunks]
  const codec::VerbatimPosition* verbatim_positions;  ///< [num_verbatim_rows]
  const std::uint8_t* verbatim_rows;                  ///< [num_verbatim_rows][8]; kRadix: [1],
                                                      ///< and the first of both can be read
  std::uint64_t num_verbatim_rows;

  const std::uint8_t* first;   ///< section of 1024 bytes a tile (sign_mantissa), or of 2048 (tiles)
  const std::uint8_t* second;  ///< codes (512 bytes a tile, kRadix: 448) or exponents (1024)
};

/// A division costs a CTA a tenth of a microsecond before it asks for its first weights, so kernels
/// get what they need instead: n / d == n * inverse >> 16, for n and d below 32.
[[nodiscard]] UNWEIGHT_HOST_DEVICE constexpr std::uint32_t inverse_of(std::uint32_t d) {
  return 65536 / d + 1;
}
[[nodiscard]] UNWEIGHT_HOST_DEVICE constexpr std::uint32_t divide_by_inverse(
    std::uint32_t n, std::uint32_t inverse) {
  return n * inverse >> 16;
}
static_assert([] {
  for (std::uint32_t n = 0; n < 32; ++n) {
    for (std::uint32_t d = 1; d < 32; ++d) {
      if (divide_by_inverse(n, inverse_of(d)) != n / d) return false;
    }
  }
  return true;
}());

/// An output tile is strips_per_tile strips x kTokens tokens. With swiglu the first half of its
/// strips are of gate, the second of up, the same output features.
///
///   items   num_m_tiles x num_row_groups; an item is one output tile (with multicast, one for each
///           CTA of the cluster), all of K. Row tiles are of group_strips strips of each matrix,
///           the first num_larger_groups of them of one more, the last one of what is left.
///           With stream-K those behind the first num_whole_items are cut along K (work_items.cuh).
///   K       num_k_tiles tiles of 64, cut into k_parts ranges, one for each CTA of the cluster
///   stage   tiles_per_stage tiles of K of all strips, and the activations that meet them
///
/// First what a CTA needs before it asks for weights: lines of the constant cache that it waits
/// for.
struct MatmulParams {
  std::uint32_t cluster_log2, k_parts_log2;       ///< of k_parts x multicast, of k_parts
  std::uint32_t num_whole_items;                  ///< that are not cut
  std::uint32_t num_row_groups;                   ///< row tiles / multicast
  std::uint32_t group_strips, num_larger_groups;  ///< strips of a row tile; so many have one more
  std::uint32_t num_m_tiles;
  std::uint32_t k_parts, multicast;
  std::uint32_t k_warps;  ///< that share a strip, each with a part of K or of a stage's tiles
  std::uint32_t k_warps_inverse;  ///< kMma: inverse_of(k_warps)
  std::uint32_t strips_each;      ///< of an output tile and each matrix: local strip i is strip
                                  ///< i % strips_each of matrix i / strips_each
  std::uint32_t num_strips;       ///< of one matrix
  std::uint32_t num_k_tiles;
  std::uint32_t tiles_per_part;  ///< kMma: of a warp, in all; those of the last one may be fewer
  std::uint32_t tiles_per_run;   ///< kMma: of a warp, in a stage
  std::uint32_t num_stages;
  std::uint32_t slot_bytes;       ///< kMma: of a run of tiles
  std::uint32_t weights_offset;   ///< kMma: of the consumer warps' rings
  std::uint32_t barrier_offset;   ///< full[kMaxStages], empty[kMaxStages], sums; kMma: [warp] full
  std::uint32_t scratch_offset;   ///< kRadix: of the consumer warps' scratch
  std::uint32_t strips_per_tile;  ///< of all matrices together
  std::uint32_t num_matrices;     ///< 1, or 2 with swiglu
  std::uint32_t stages_per_item;  ///< kMma: runs of a part
  std::uint32_t tiles_per_stage;
  std::uint32_t num_token_stages;  ///< kMma: of activations
  std::uint32_t stage_bytes;       ///< multiple of 1024; kMma: of activations only
  std::uint32_t
      token_rows;  ///< kMma: of a tile of activations: 1, 2, 8, 16, 32; from 8 on swizzled
  std::uint32_t token_tile_bytes;                  ///< kMma: 128 each
  std::uint32_t token_box_tiles, token_box_bytes;  ///< that a tensor copy of activations brings
  bool k_is_whole_tiles;                           ///< which coordinates it takes
  std::uint32_t epilogue_offset;  ///< of the reduction buffer in dynamic shared memory
  std::uint32_t epilogue_tokens;  ///< that it holds, without k_parts
  std::uint32_t n, k, m;
  std::uint32_t m_tiles_per_group;   ///< tiles that run at the same time share weights or tokens
  std::uint32_t num_consumer_warps;  ///< kWgmma
  std::uint32_t num_rounds;          ///< kWgmma: whole items of a CTA, at most
  /// Stream-K: CTAs that share the cut items' tiles, as many each, the first num_larger_cuts of
  /// them one more.
  std::uint32_t num_cut_ctas, cut_tiles_each, num_larger_cuts;
  std::uint32_t* sum_flags;  ///< [num_cut_ctas]: 1, the CTA's sums are there; else 0
  float4* cut_sums;          ///< of a CTA's threads, as they hold them (cut_sums.cuh)

  WeightPointers weights[2];  ///< [1]: up, with swiglu

  std::uint16_t* y;
  const std::uint16_t* bias;
  const std::uint16_t* residual;
  std::uint64_t y_stride, residual_stride;  ///< elements
  bool y_is_plain;     ///< no residual, one matrix, one part of K, rows of Y are 16-byte vectors
  bool y_has_vectors;  ///< 4 output features, from a multiple of 4, lie at a multiple of 8 bytes
};

}  // namespace unweight::matmul
