// SPDX-License-Identifier: BSD-3-Clause
//
// LaunchGraph timings of launches between microseconds and many milliseconds, each in about the
// same device time.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "launch_graph.h"

namespace unweight::bench {

struct TimeBudget {
  double total_us = 60'000;  ///< warm-ups included; more only if the fewest replays take longer
  double replay_us = 1'000;  ///< a replay holds launches for at least so long
  std::uint32_t max_samples = 50;
};

/// Of one of many launches back to back over `num_copies` copies. Launches longer than two replays
/// ought to be are timed alone, on one copy: nothing of the one before is left in a cache.
[[nodiscard]] Timing time_within(const TimeBudget& budget, std::uint32_t num_copies,
                                 cudaStream_t stream, const LaunchGraph::Enqueue& enqueue);

}  // namespace unweight::bench
