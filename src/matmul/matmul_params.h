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

/// An output tile is strips_per_tile strips x kTokens tokens. With swiglu the first half of its
/// strips are of gate, the second of up, the same output features.
///
///   items   num_m_tiles x num_row_groups; an item is one output tile (with multicast, one for each
///           CTA of the cluster), all of K
///   K       num_k_tiles tiles of 64, cut into k_parts ranges, one for each CTA of the cluster
///   stage   tiles_per_stage tiles of K of all strips, and the activations that meet them
struct MatmulParams {
  WeightPointers weights[2];  ///< [1]: up, with swiglu
  std::uint16_t* y;
  const std::uint16_t* bias;
  const std::uint16_t* residual;
  std::uint64_t y_stride, residual_stride;  ///< elements
  bool y_is_plain;     ///< no residual, one matrix, one part of K, rows of Y are 16-byte vectors
  bool y_has_vectors;  ///< 4 output features, from a multiple of 4, lie at a multiple of 8 bytes
  std::uint32_t n, k, m;
  std::uint32_t num_strips;    ///< of one matrix
  std::uint32_t num_matrices;  ///< 1, or 2 with swiglu
  std::uint32_t num_k_tiles;
  std::uint32_t strips_per_tile;  ///< of all matrices together
  std::uint32_t num_row_groups;   ///< row tiles / multicast
  std::uint32_t num_m_tiles;
  std::uint32_t m_tiles_per_group;  ///< tiles that run at the same time share weights or tokens
  std::uint32_t k_warps;            ///< that share a strip, each with a part of a stage's tiles
  std::uint32_t k_parts, multicast;
  std::uint32_t tiles_per_stage, num_stages;
  std::uint32_t stage_bytes;      ///< multiple of 1024
  std::uint32_t epilogue_offset;  ///< of the reduction buffer in dynamic shared memory
  std::uint32_t scratch_offset;   ///< kRadix: of the consumer warps' scratch
  std::uint32_t barrier_offset;   ///< of the barriers: full[kMaxStages], empty[kMaxStages]
};

}  // namespace unweight::matmul
