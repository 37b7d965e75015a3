// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cuda_runtime_api.h>

#include "gpu/cuda_result.h"
#include "unweight/result.h"

namespace unweight::load {

/// Makes a device the calling thread's current one until the end of the scope.
class DeviceScope {
 public:
  explicit DeviceScope(int device) : device_(device), before_(device) {
    if (cudaGetDevice(&before_) != cudaSuccess) before_ = device;
    status_ = cudaSetDevice(device);
  }
  ~DeviceScope() {
    // Not if nothing changed: setting a device creates its context.
    if (before_ != device_ && cudaSetDevice(before_) != cudaSuccess) cudaGetLastError();
  }
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

  [[nodiscard]] Result<void> result() const { return gpu::cuda_result(status_, "cudaSetDevice"); }

 private:
  int device_;
  int before_;
  cudaError_t status_ = cudaSuccess;
};

}  // namespace unweight::load
