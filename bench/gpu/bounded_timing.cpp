// SPDX-License-Identifier: BSD-3-Clause
#include "bounded_timing.h"

#include <algorithm>
#include <cmath>

namespace unweight::bench {
namespace {

constexpr std::uint32_t kFewestSamples = 3;
constexpr std::uint32_t kMostWarmups = 20;
constexpr double kWarmupShare = 0.25;  // of the device time

}  // namespace

Timing time_within(const TimeBudget& budget, std::uint32_t num_copies, cudaStream_t stream,
                   const LaunchGraph::Enqueue& enqueue) {
  // Once outside of a capture: kernels are loaded, and their attributes set, by their first launch.
  enqueue(0, stream);
  // One launch alone, its start included: too long by a few microseconds, which does no harm.
  const double alone_us = std::max(1.0, LaunchGraph(1, 1, stream, enqueue).time({1, 1}).us);
  const bool is_long = alone_us > 2 * budget.replay_us;
  const std::uint32_t copies = is_long ? 1 : num_copies;
  const auto passes =
      static_cast<std::uint32_t>(std::max(1.0, std::ceil(budget.replay_us / (alone_us * copies))));
  const double replays = budget.total_us / (alone_us * copies * passes);
  const auto share = [&](double part) { return static_cast<std::uint32_t>(replays * part); };
  const Sampling sampling{std::clamp(share(kWarmupShare), 1u, kMostWarmups),
                          std::clamp(share(1 - kWarmupShare), kFewestSamples, budget.max_samples)};
  return LaunchGraph(copies, passes, stream, enqueue).time(sampling);
}

}  // namespace unweight::bench
