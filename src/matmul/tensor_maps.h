// SPDX-License-Identifier: BSD-3-Clause
//
// Operands as tensor copies see them: activations, and the wgmma kernel's weights, of which one
// instruction brings a stage, of however many strips. (Copies strip by strip, 16 and more a stage,
// took its one producer 50 clocks each: longer than the tensor cores take for the stage.)
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "layout/tile_order.h"
#include "unweight/gpu.h"
#include "unweight/result.h"

namespace unweight::matmul {

/// What a kernel gets; as a __grid_constant__ parameter.
struct TensorMaps {
  CUtensorMap x;          ///< activation_map()
  CUtensorMap first[2];   ///< [matrix]: boxes of tiles_per_stage tiles of strips
  CUtensorMap second[2];  ///< [matrix]: the same; unused where a form has no second section
};

/// Base and stride that tensor copies can read.
[[nodiscard]] bool readable_by_tensor_copies(const gpu::DeviceMatrix& x);

/// Columns that are whole tiles: then a box may have several, one behind the other.
[[nodiscard]] constexpr bool is_whole_tiles(std::uint64_t cols) {
  return cols != 0 && cols % layout::kTileCols == 0;
}

struct ActivationBox {
  std::uint32_t tokens = 0;
  std::uint32_t tiles = 1;  ///< of 64 columns; more than one: is_whole_tiles()
  bool swizzled = true;     ///< by 128 bytes
};
/// [tiles][tokens][64 columns]; outside of the matrix there are zeros. Coordinates: 0, token, tile
/// of whole tiles; else column, token, 0. `x` is readable_by_tensor_copies(). Errors: kUnsupported
/// (the driver has no tensor maps).
Result<CUtensorMap> activation_map(const gpu::DeviceMatrix& x, const ActivationBox& box);

/// A section of `tile_bytes` a tile (a multiple of 16, at most 2048): boxes of `box_tiles` tiles x
/// `box_strips` strips. `section` is 16-byte aligned. Errors: as activation_map().
Result<CUtensorMap> section_map(const void* section, std::uint32_t tile_bytes,
                                std::uint32_t num_k_tiles, std::uint32_t num_strips,
                                std::uint32_t box_tiles, std::uint32_t box_strips);

/// Elements of a row of the copy that launch_align_activations() makes.
[[nodiscard]] std::uint64_t aligned_stride(std::uint64_t cols);
/// Copies x to `out`, rows of aligned_stride() elements.
cudaError_t launch_align_activations(const gpu::DeviceMatrix& x, std::uint16_t* out,
                                     cudaStream_t stream);

}  // namespace unweight::matmul
