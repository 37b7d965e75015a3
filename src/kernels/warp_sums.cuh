// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

#include "layout/tile_order.h"

namespace unweight::kernels {

/// Sum of `value` over this lane and those before it. By a whole warp.
__device__ __forceinline__ std::uint32_t inclusive_sum(std::uint32_t value, std::uint32_t lane) {
#pragma unroll
  for (std::uint32_t by = 1; by < layout::kLanes; by *= 2) {
    const std::uint32_t before = __shfl_up_sync(~0u, value, by);
    if (lane >= by) value += before;
  }
  return value;
}

}  // namespace unweight::kernels
