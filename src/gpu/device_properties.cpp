// SPDX-License-Identifier: BSD-3-Clause
#include "gpu/device_properties.h"

#include <fmt/format.h>

#include "base/try.h"
#include "gpu/cuda_result.h"

namespace unweight::gpu {
namespace {

Result<int> attribute(cudaDeviceAttr which, int ordinal) {
  int value = 0;
  UNWEIGHT_TRY_CUDA(cudaDeviceGetAttribute(&value, which, ordinal));
  return value;
}

}  // namespace

Result<LaunchLimits> launch_limits() {
  int ordinal = 0;
  UNWEIGHT_TRY_CUDA(cudaGetDevice(&ordinal));
  UNWEIGHT_TRY_ASSIGN(const int sms, attribute(cudaDevAttrMultiProcessorCount, ordinal));
  UNWEIGHT_TRY_ASSIGN(const int shared,
                      attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, ordinal));
  UNWEIGHT_TRY_ASSIGN(const int reserved,
                      attribute(cudaDevAttrReservedSharedMemoryPerBlock, ordinal));
  return LaunchLimits{static_cast<std::uint32_t>(sms), static_cast<std::uint32_t>(shared),
                      static_cast<std::uint32_t>(reserved)};
}

Result<std::uint32_t> memory_bus_bits() {
  int ordinal = 0;
  UNWEIGHT_TRY_CUDA(cudaGetDevice(&ordinal));
  UNWEIGHT_TRY_ASSIGN(const int bits, attribute(cudaDevAttrGlobalMemoryBusWidth, ordinal));
  return static_cast<std::uint32_t>(bits);
}

Result<DeviceInfo> usable_device(int ordinal) {
  int count = 0;
  UNWEIGHT_TRY_CUDA(cudaGetDeviceCount(&count));
  if (ordinal < 0 || ordinal >= count) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("there is no CUDA device {}, {} found", ordinal, count)};
  }
  cudaDeviceProp properties;
  UNWEIGHT_TRY_CUDA(cudaGetDeviceProperties(&properties, ordinal));
  if (properties.major != kComputeMajor || properties.minor != kComputeMinor) {
    return Error{
        ErrorCode::kUnsupported,
        fmt::format("CUDA device {} ({}) has compute capability {}.{}; the kernels are for "
                    "{}.{} (Hopper)",
                    ordinal, properties.name, properties.major, properties.minor, kComputeMajor,
                    kComputeMinor)};
  }
  return DeviceInfo{ordinal, properties.name,
                    static_cast<std::uint32_t>(properties.multiProcessorCount),
                    properties.totalGlobalMem};
}

std::vector<DeviceInfo> devices() {
  std::vector<DeviceInfo> usable;
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();
    return usable;
  }
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    if (auto device = usable_device(ordinal)) usable.push_back(std::move(device).value());
  }
  return usable;
}

}  // namespace unweight::gpu
