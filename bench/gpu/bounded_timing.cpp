// SPDX-License-Identifier: BSD-3-Clause
#include "bounded_timing.h"

#include <algorithm>
#include <cmath>

namespace unweight::bench {
namespace {

constexpr std::uint32_t kFewestSamples = 3;
constexpr std::uint32_t kMostWarmups = 20;
constexpr double kWarmupShare = 0.25;  // of the device time
constexpr std::uint32_t kRounds = 6;   // in which contestants take turns

struct Prepared {
  LaunchGraph graph;
  Sampling sampling;
};

Prepared prepare(const TimeBudget& budget, cudaStream_t stream, const Contestant& contestant) {
  // Once outside of a capture: kernels are loaded, and their attributes set, by their first launch.
  contestant.enqueue(0, stream);
  // One launch alone, its start included: too long by a few microseconds, which does no harm.
  LaunchGraph alone(1, 1, stream, contestant.enqueue);
  const double alone_us = std::max(1.0, alone.time({1, 1}).us);
  const bool is_long = alone_us > 2 * budget.replay_us;
  const std::uint32_t copies = is_long ? 1 : contestant.num_copies;
  const auto passes =
      static_cast<std::uint32_t>(std::max(1.0, std::ceil(budget.replay_us / (alone_us * copies))));
  const double replays = budget.total_us / (alone_us * copies * passes);
  const auto share = [&](double part) { return static_cast<std::uint32_t>(replays * part); };
  return {LaunchGraph(copies, passes, stream, contestant.enqueue),
          {std::clamp(share(kWarmupShare), 1u, kMostWarmups),
           std::clamp(share(1 - kWarmupShare), kFewestSamples, budget.max_samples)}};
}

}  // namespace

Timing time_within(const TimeBudget& budget, cudaStream_t stream, const Contestant& contestant) {
  Prepared prepared = prepare(budget, stream, contestant);
  prepared.graph.sample(prepared.sampling);
  return prepared.graph.timing();
}

std::vector<Timing> time_in_turns(const TimeBudget& budget, cudaStream_t stream,
                                  const std::vector<Contestant>& contestants) {
  std::vector<Prepared> prepared;
  for (const Contestant& c : contestants) prepared.push_back(prepare(budget, stream, c));
  const auto of_a_round = [](std::uint32_t count) { return (count + kRounds - 1) / kRounds; };
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < prepared.size(); ++i) {
      // Forwards and backwards: nobody always follows the one that draws the most.
      const std::size_t place = round % 2 == 0 ? i : prepared.size() - 1 - i;
      Prepared& turn = prepared[(place + round) % prepared.size()];
      turn.graph.sample(
          {of_a_round(turn.sampling.num_warmups), of_a_round(turn.sampling.num_samples)});
    }
  }
  std::vector<Timing> timings;
  for (const Prepared& p : prepared) timings.push_back(p.graph.timing());
  return timings;
}

}  // namespace unweight::bench
