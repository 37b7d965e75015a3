// SPDX-License-Identifier: BSD-3-Clause
//
// What launches need to know of a device, and which devices there is code for.
#pragma once

#include <cstdint>

#include "unweight/gpu.h"
#include "unweight/result.h"

namespace unweight::gpu {

/// Compute capability that the kernels are compiled for (sm_90a runs on exactly this one).
inline constexpr int kComputeMajor = 9, kComputeMinor = 0;

struct LaunchLimits {
  std::uint32_t num_sms = 0;
  std::uint32_t max_shared_bytes = 0;       ///< dynamic shared memory of one CTA, opt-in
  std::uint32_t reserved_shared_bytes = 0;  ///< before it: the address at which it begins
};
/// Of the current device. A few cheap attribute queries; allowed while a graph is captured.
Result<LaunchLimits> launch_limits();

/// Width of the current device's memory bus, in bits: 5120 of an H100 SXM, 6144 of an H200.
Result<std::uint32_t> memory_bus_bits();

/// Device `ordinal` if the kernels run on it; else kUnsupported, saying why.
Result<DeviceInfo> usable_device(int ordinal);

}  // namespace unweight::gpu
