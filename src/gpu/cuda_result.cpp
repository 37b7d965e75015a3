// SPDX-License-Identifier: BSD-3-Clause
#include "gpu/cuda_result.h"

#include <string>

namespace unweight::gpu {
namespace {

ErrorCode code_of(cudaError_t status) {
  switch (status) {
    case cudaErrorMemoryAllocation:
      return ErrorCode::kOutOfMemory;
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorNoKernelImageForDevice:
      return ErrorCode::kUnsupported;
    default:
      return ErrorCode::kIo;
  }
}

}  // namespace

Error cuda_error(cudaError_t status, const char* what) {
  cudaGetLastError();  // a sticky status would be reported again by the next launch
  return {code_of(status), std::string(what) + ": " + cudaGetErrorString(status) + " (" +
                               cudaGetErrorName(status) + ")"};
}

}  // namespace unweight::gpu
