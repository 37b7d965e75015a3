// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <vector>

#include "bench_machine.h"
#include "gpu/device_memory.h"

namespace unweight::bench {

/// Streams that a captured stream forks to and joins again. One stream: no fork.
class StreamFork {
 public:
  explicit StreamFork(std::uint32_t num_streams)
      : start_(take(gpu::OwnedEvent::create(), "event")) {
    for (std::uint32_t i = 1; i < num_streams; ++i) {
      streams_.push_back(take(gpu::OwnedStream::create(), "stream"));
      ends_.push_back(take(gpu::OwnedEvent::create(), "event"));
    }
  }
  [[nodiscard]] cudaStream_t stream(std::uint32_t index, cudaStream_t origin) const {
    return index == 0 ? origin : streams_[index - 1].get();
  }
  void begin(cudaStream_t origin) const {
    if (streams_.empty()) return;
    require(cudaEventRecord(start_.get(), origin), "fork");
    for (const auto& stream : streams_)
      require(cudaStreamWaitEvent(stream.get(), start_.get(), 0), "fork");
  }
  void join(cudaStream_t origin) const {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      require(cudaEventRecord(ends_[i].get(), streams_[i].get()), "join");
      require(cudaStreamWaitEvent(origin, ends_[i].get(), 0), "join");
    }
  }

 private:
  gpu::OwnedEvent start_;
  std::vector<gpu::OwnedStream> streams_;
  std::vector<gpu::OwnedEvent> ends_;
};

}  // namespace unweight::bench
