// SPDX-License-Identifier: BSD-3-Clause
#include "launch_graph.h"

#include <algorithm>
#include <vector>

#include "bench_machine.h"

namespace unweight::bench {
namespace {

class TimedEvent {
 public:
  TimedEvent() { require(cudaEventCreate(&event_), "cudaEventCreate"); }
  ~TimedEvent() { cudaEventDestroy(event_); }
  TimedEvent(const TimedEvent&) = delete;
  TimedEvent& operator=(const TimedEvent&) = delete;
  [[nodiscard]] cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace

std::uint32_t num_rotating_copies(std::uint64_t bytes, std::uint64_t l2_bytes) {
  const std::uint64_t needed = 4 * l2_bytes / std::max<std::uint64_t>(bytes, 1) + 1;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(needed, 2, 256));
}

LaunchGraph::LaunchGraph(std::uint32_t num_copies, std::uint32_t passes, cudaStream_t stream,
                         const Enqueue& enqueue)
    : stream_(stream), num_launches_(num_copies * passes) {
  require(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "begin capture");
  for (std::uint32_t i = 0; i < num_launches_; ++i) enqueue(i % num_copies, stream);
  cudaGraph_t graph = nullptr;
  require(cudaStreamEndCapture(stream, &graph), "end capture");
  cudaGraphExec_t executable = nullptr;
  require(cudaGraphInstantiate(&executable, graph, 0), "cudaGraphInstantiate");
  require(cudaGraphDestroy(graph), "cudaGraphDestroy");
  graph_.reset(executable);
  require(cudaGraphUpload(executable, stream), "cudaGraphUpload");
}

void LaunchGraph::replay() const {
  require(cudaGraphLaunch(graph_.get(), stream_), "cudaGraphLaunch");
}

// The host never waits between replays, so that the device never waits for the host.
Timing LaunchGraph::time(const Sampling& sampling) const {
  for (std::uint32_t i = 0; i < sampling.num_warmups; ++i) replay();
  const std::size_t num_samples = sampling.num_samples;
  std::vector<TimedEvent> begin(num_samples), end(num_samples);
  for (std::size_t i = 0; i < num_samples; ++i) {
    require(cudaEventRecord(begin[i].get(), stream_), "cudaEventRecord");
    replay();
    require(cudaEventRecord(end[i].get(), stream_), "cudaEventRecord");
  }
  require(cudaStreamSynchronize(stream_), "replays");
  std::vector<double> us;
  for (std::size_t i = 0; i < num_samples; ++i) {
    float ms = 0;
    require(cudaEventElapsedTime(&ms, begin[i].get(), end[i].get()), "cudaEventElapsedTime");
    us.push_back(1000.0 * static_cast<double>(ms) / num_launches_);
  }
  std::sort(us.begin(), us.end());
  return {us[us.size() / 2], us.front(), us.back()};
}

}  // namespace unweight::bench
