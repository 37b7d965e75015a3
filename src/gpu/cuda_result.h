// SPDX-License-Identifier: BSD-3-Clause
//
// CUDA's status codes as errors of this library.
#pragma once

#include <cuda_runtime_api.h>

#include "unweight/result.h"

namespace unweight::gpu {

/// "what: CUDA's text (name)". Out of memory is kOutOfMemory, no driver or device kUnsupported,
/// anything else kIo: the device refused.
[[nodiscard]] Error cuda_error(cudaError_t status, const char* what);

inline Result<void> cuda_result(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return {};
  return cuda_error(status, what);
}

}  // namespace unweight::gpu

/// Passes a failed CUDA call up: UNWEIGHT_TRY_CUDA(cudaMalloc(&p, n));
#define UNWEIGHT_TRY_CUDA(call)                                                     \
  do {                                                                              \
    if (const cudaError_t unweight_status = (call); unweight_status != cudaSuccess) \
      return ::unweight::gpu::cuda_error(unweight_status, #call);                   \
  } while (false)
