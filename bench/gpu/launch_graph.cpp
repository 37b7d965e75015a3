// SPDX-License-Identifier: BSD-3-Clause
#include "launch_graph.h"

#include <algorithm>
#include <vector>

#include "bench_machine.h"

namespace unweight::bench {

TimedEvent::TimedEvent() {
  cudaEvent_t event = nullptr;
  require(cudaEventCreate(&event), "cudaEventCreate");
  event_.reset(event);
}

void TimedEvent::record(cudaStream_t stream) const {
  require(cudaEventRecord(event_.get(), stream), "cudaEventRecord");
}

double TimedEvent::microseconds_since(const TimedEvent& begin) const {
  float ms = 0;
  require(cudaEventElapsedTime(&ms, begin.event_.get(), event_.get()), "cudaEventElapsedTime");
  return 1000.0 * static_cast<double>(ms);
}

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
void LaunchGraph::sample(const Sampling& sampling) {
  for (std::uint32_t i = 0; i < sampling.num_warmups; ++i) replay();
  for (std::uint32_t i = 0; i < sampling.num_samples; ++i) {
    const auto& [begin, end] = samples_.emplace_back();
    begin.record(stream_);
    replay();
    end.record(stream_);
  }
}

Timing LaunchGraph::timing() const {
  require(cudaStreamSynchronize(stream_), "replays");
  std::vector<double> us;
  for (const auto& [begin, end] : samples_)
    us.push_back(end.microseconds_since(begin) / num_launches_);
  std::sort(us.begin(), us.end());
  if (us.empty()) return {};
  return {us[us.size() / 2], us.front(), us.back()};
}

}  // namespace unweight::bench
