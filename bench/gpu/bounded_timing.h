// SPDX-License-Identifier: BSD-3-Clause
//
// LaunchGraph timings of launches between microseconds and many milliseconds, each in about the
// same device time.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <vector>

#include "launch_graph.h"

namespace unweight::bench {

struct TimeBudget {
  double total_us = 60'000;  ///< warm-ups included; more only if the fewest replays take longer
  double replay_us = 1'000;  ///< a replay holds launches for at least so long
  std::uint32_t max_samples = 50;
};

/// Something to be timed: enqueue(copy, stream) over `num_copies` copies.
struct Contestant {
  std::uint32_t num_copies = 1;
  LaunchGraph::Enqueue enqueue;
};

/// Of one of many launches back to back. Launches longer than two replays ought to be are timed
/// alone, on one copy: nothing of the one before is left in a cache.
[[nodiscard]] Timing time_within(const TimeBudget& budget, cudaStream_t stream,
                                 const Contestant& contestant);

/// The same for several, in turns without a pause, each within the budget: a GPU lowers its clocks
/// as it gets warm and draws power, and what was timed first would be the fastest. Every round
/// begins with another one.
[[nodiscard]] std::vector<Timing> time_in_turns(const TimeBudget& budget, cudaStream_t stream,
                                                const std::vector<Contestant>& contestants);

}  // namespace unweight::bench
