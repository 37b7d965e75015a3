// SPDX-License-Identifier: BSD-3-Clause
//
// Times launches as they run in a decode step: back to back in a CUDA graph, over so many copies of
// the data that no cache holds them.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace unweight::bench {

/// Of one launch, in microseconds: median, least and most over the replays of its graph.
struct Timing {
  double us = 0;
  double us_min = 0;
  double us_max = 0;
};

struct Sampling {
  std::uint32_t num_warmups = 20;
  std::uint32_t num_samples = 50;
};

/// An event of a stream that keeps the time.
class TimedEvent {
 public:
  TimedEvent();
  TimedEvent(TimedEvent&& other) noexcept = default;
  /// Into the stream, now.
  void record(cudaStream_t stream) const;
  /// From `begin`; both have happened.
  [[nodiscard]] double microseconds_since(const TimedEvent& begin) const;

 private:
  struct Destroy {
    void operator()(cudaEvent_t event) const noexcept { cudaEventDestroy(event); }
  };
  std::unique_ptr<CUevent_st, Destroy> event_;
};

/// Copies of `bytes` (what one launch reads, or writes if that is less) that four times the L2
/// cache does not hold, at least 2.
[[nodiscard]] std::uint32_t num_rotating_copies(std::uint64_t bytes, std::uint64_t l2_bytes);

/// A captured sequence of launches, copy after copy.
class LaunchGraph {
 public:
  /// enqueue(copy, stream) for copy = 0 .. num_copies - 1, `passes` times over. It may fork to
  /// other streams if it joins them again.
  using Enqueue = std::function<void(std::uint32_t copy, cudaStream_t stream)>;
  LaunchGraph(std::uint32_t num_copies, std::uint32_t passes, cudaStream_t stream,
              const Enqueue& enqueue);

  void replay() const;
  /// Replays, each between two events, after warm-ups that do not count. The host does not wait.
  void sample(const Sampling& sampling);
  /// Of all samples so far. Waits for them.
  [[nodiscard]] Timing timing() const;
  [[nodiscard]] Timing time(const Sampling& sampling = {}) {
    sample(sampling);
    return timing();
  }

 private:
  struct Destroy {
    void operator()(cudaGraphExec_t graph) const noexcept { cudaGraphExecDestroy(graph); }
  };
  std::unique_ptr<CUgraphExec_st, Destroy> graph_;
  cudaStream_t stream_ = nullptr;
  std::uint32_t num_launches_ = 0;
  std::vector<std::pair<TimedEvent, TimedEvent>> samples_;  ///< begin, end
};

}  // namespace unweight::bench
