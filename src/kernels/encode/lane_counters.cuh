// SPDX-License-Identifier: BSD-3-Clause
//
// 256 counters in shared memory, each of them 32 times: a lane counts in its own bank, so that
// equal values, the normal case, do not meet.
#pragma once

#include <cstdint>

#include "layout/tile_order.h"

namespace unweight::kernels {

inline constexpr std::uint32_t kNumCounters = 256;
inline constexpr std::uint32_t kLaneCounters = kNumCounters * layout::kLanes;  ///< [value][lane]

/// By all kThreads threads of a CTA; __syncthreads() before counting.
template <std::uint32_t kThreads>
__device__ __forceinline__ void clear_lane_counters(std::uint32_t* counters) {
  for (std::uint32_t i = threadIdx.x; i < kLaneCounters; i += kThreads) counters[i] = 0;
}

/// Adds a CTA's counts to totals[256] in global memory, after __syncthreads(). By at least 256
/// threads.
__device__ __forceinline__ void add_lane_counters(const std::uint32_t* counters,
                                                  std::uint64_t* totals) {
  if (threadIdx.x >= kNumCounters) return;
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < layout::kLanes; ++i) {
    sum += counters[threadIdx.x * layout::kLanes + (i + threadIdx.x) % layout::kLanes];
  }
  if (sum != 0) {
    atomicAdd(reinterpret_cast<unsigned long long*>(&totals[threadIdx.x]),
              static_cast<unsigned long long>(sum));
  }
}

}  // namespace unweight::kernels
