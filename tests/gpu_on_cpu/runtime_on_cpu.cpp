// SPDX-License-Identifier: BSD-3-Clause
//
// What the matmul's host code calls of CUDA, its driver and the gpu room.
#include "gpu_on_cpu/runtime_on_cpu.h"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstring>

#include "gpu/cuda_result.h"
#include "gpu/device_properties.h"
#include "gpu_on_cpu/cuda_on_cpu.h"
#include "matmul/tensor_maps.h"

namespace unweight {
namespace {

/// As the driver's: what it refuses is refused.
CUresult encode_tiled(CUtensorMap* out, CUtensorMapDataType type, cuuint32_t rank, void* base,
                      const cuuint64_t* dims, const cuuint64_t* strides, const cuuint32_t* box,
                      const cuuint32_t* steps, CUtensorMapInterleave interleave,
                      CUtensorMapSwizzle swizzle, CUtensorMapL2promotion,
                      CUtensorMapFloatOOBfill fill) {
  on_cpu::TensorMap map{};
  map.base = static_cast<const std::uint8_t*>(base);
  map.elem_bytes = type == CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 ? 2 : 8;
  map.is_swizzled = swizzle == CU_TENSOR_MAP_SWIZZLE_128B;
  const bool is_known =
      rank == 3 && interleave == CU_TENSOR_MAP_INTERLEAVE_NONE &&
      fill == CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE &&
      (type == CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 || type == CU_TENSOR_MAP_DATA_TYPE_INT64);
  if (!is_known || reinterpret_cast<std::uintptr_t>(base) % 16 != 0)
    return CUDA_ERROR_INVALID_VALUE;
  for (int i = 0; i < 3; ++i) {
    map.dims[i] = dims[i];
    map.box[i] = box[i];
    if (dims[i] == 0 || dims[i] > std::uint64_t{1} << 32) return CUDA_ERROR_INVALID_VALUE;
    if (box[i] == 0 || box[i] > 256 || steps[i] != 1) return CUDA_ERROR_INVALID_VALUE;
  }
  for (int i = 0; i < 2; ++i) {
    map.strides[i] = strides[i];
    if (strides[i] % 16 != 0) return CUDA_ERROR_INVALID_VALUE;
  }
  const std::uint32_t row_bytes = map.box[0] * map.elem_bytes;
  if (row_bytes % 16 != 0 || (map.is_swizzled && row_bytes > 128)) return CUDA_ERROR_INVALID_VALUE;
  std::memset(out, 0, sizeof(*out));
  std::memcpy(out, &map, sizeof(map));
  return CUDA_SUCCESS;
}

}  // namespace

namespace gpu {

Result<LaunchLimits> launch_limits() {
  return LaunchLimits{on_cpu::kNumSms, 227 * 1024, 1024};
}
Result<std::uint32_t> memory_bus_bits() {
  return 6144u;
}
Error cuda_error(cudaError_t, const char* what) {
  return {ErrorCode::kIo, std::string(what) + ": " + on_cpu::launch_problem()};
}

}  // namespace gpu

namespace matmul {

cudaError_t launch_align_activations(const gpu::DeviceMatrix& x, std::uint16_t* out, cudaStream_t) {
  const std::uint64_t stride = aligned_stride(x.cols);
  for (std::uint64_t row = 0; row < x.rows; ++row) {
    std::memset(out + row * stride, 0, 2 * stride);
    std::memcpy(out + row * stride, x.data + row * x.row_stride_elems, 2 * x.cols);
  }
  return cudaSuccess;
}

}  // namespace matmul
}  // namespace unweight

// NOLINTBEGIN: CUDA's own
extern "C" {

cudaError_t CUDARTAPI cudaGetDriverEntryPointByVersion(const char* symbol, void** function,
                                                       unsigned int, unsigned long long,
                                                       cudaDriverEntryPointQueryResult* status) {
  if (std::strcmp(symbol, "cuTensorMapEncodeTiled") != 0) return cudaErrorInvalidValue;
  *function = reinterpret_cast<void*>(&unweight::encode_tiled);
  *status = cudaDriverEntryPointSuccess;
  return cudaSuccess;
}
cudaError_t CUDARTAPI cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t) {
  std::memset(memory, value, bytes);
  return cudaSuccess;
}

}  // extern "C"
// NOLINTEND
