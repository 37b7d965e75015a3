// SPDX-License-Identifier: BSD-3-Clause
#include "matmul/tensor_maps.h"

#include <fmt/format.h>

#include <algorithm>

#include "gpu/cuda_result.h"
#include "kernels/argument_checks.h"
#include "layout/tile_order.h"

namespace unweight::matmul {
namespace {

constexpr std::uint64_t kAlignment = 16;
constexpr std::uint64_t kAlignedElems = kAlignment / sizeof(std::uint16_t);

/// By way of the runtime: a binary that links libcuda does not start where no driver is.
decltype(&cuTensorMapEncodeTiled) encode_function() {
  static const auto function = [] {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult status{};
    const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found,
                                                               12000, cudaEnableDefault, &status);
    if (error != cudaSuccess || status != cudaDriverEntryPointSuccess) found = nullptr;
    return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(found);
  }();
  return function;
}

Error no_encode_function() {
  return {ErrorCode::kUnsupported, "the CUDA driver has no cuTensorMapEncodeTiled"};
}
Error encode_error(CUresult status) {
  return {ErrorCode::kInternal,
          fmt::format("cuTensorMapEncodeTiled: error {}", static_cast<int>(status))};
}

}  // namespace

bool readable_by_tensor_copies(const gpu::DeviceMatrix& x) {
  return kernels::is_aligned(x.data, kAlignment) &&
         (x.rows <= 1 || x.row_stride_elems % kAlignedElems == 0);
}

std::uint64_t aligned_stride(std::uint64_t cols) {
  return (cols + kAlignedElems - 1) / kAlignedElems * kAlignedElems;
}

Result<CUtensorMap> activation_map(const gpu::DeviceMatrix& x, const ActivationBox& box) {
  const auto encode = encode_function();
  if (encode == nullptr) return no_encode_function();
  const std::uint64_t stride = x.rows <= 1 ? aligned_stride(x.cols) : x.row_stride_elems;
  const bool by_tiles = is_whole_tiles(x.cols);
  const cuuint64_t dims[3] = {by_tiles ? layout::kTileCols : x.cols, x.rows,
                              by_tiles ? x.cols / layout::kTileCols : 1};
  const cuuint64_t strides[2] = {stride * sizeof(std::uint16_t),
                                 layout::kTileCols * sizeof(std::uint16_t)};
  const cuuint32_t box_dims[3] = {layout::kTileCols, box.tokens, box.tiles};
  const cuuint32_t steps[3] = {1, 1, 1};
  CUtensorMap map;
  const CUresult status =
      encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, const_cast<std::uint16_t*>(x.data), dims,
             strides, box_dims, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
             box.swizzled ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_NONE,
             CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (status != CUDA_SUCCESS) return encode_error(status);
  return map;
}

Result<CUtensorMap> section_map(const void* section, std::uint32_t tile_bytes,
                                std::uint32_t num_k_tiles, std::uint32_t num_strips,
                                std::uint32_t box_tiles, std::uint32_t box_strips) {
  const auto encode = encode_function();
  if (encode == nullptr) return no_encode_function();
  constexpr std::uint32_t kElemBytes = 8;  // the largest: a box has at most 256 elements a row
  const cuuint64_t dims[3] = {tile_bytes / kElemBytes, num_k_tiles, num_strips};
  const cuuint64_t strides[2] = {tile_bytes, std::uint64_t{num_k_tiles} * tile_bytes};
  const cuuint32_t box[3] = {tile_bytes / kElemBytes, box_tiles, box_strips};
  const cuuint32_t steps[3] = {1, 1, 1};
  CUtensorMap map;
  // Requests of 256 bytes read 4 % slower on an H200.
  const CUresult status =
      encode(&map, CU_TENSOR_MAP_DATA_TYPE_INT64, 3, const_cast<void*>(section), dims, strides, box,
             steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_NONE,
             CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (status != CUDA_SUCCESS) return encode_error(status);
  return map;
}

}  // namespace unweight::matmul
