// SPDX-License-Identifier: BSD-3-Clause
//
// Computes   nothing: reads, or reads and writes, memory as fast as it goes
// Bound by   DRAM bandwidth
// Requires   16-byte aligned pointers, sizes that are multiples of 128 KiB
// Pipeline   bulk: one thread a CTA keeps 4 bulk copies of 32 KiB in flight
//            loads: 8 independent 16-byte loads a thread and iteration
#include <algorithm>
#include <vector>

#include "ceilings.h"
#include "gpu/device_memory.h"
#include "launch_graph.h"

namespace unweight::bench {
namespace {

constexpr std::uint64_t kReadBytes = std::uint64_t{2} << 30;
constexpr std::uint64_t kCopyBytes = std::uint64_t{1} << 30;
constexpr std::uint32_t kStageBytes = 32 * 1024;
constexpr std::uint32_t kNumStages = 4;
constexpr std::uint32_t kLoadsInFlight = 8;
constexpr std::uint32_t kThreads = 512;
constexpr std::uint32_t kBulkSharedBytes = kStageBytes * kNumStages + 8 * kNumStages;

__device__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

__device__ void start_bulk_copy(std::uint32_t stage, const std::byte* source,
                                std::uint32_t barrier) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier),
               "r"(kStageBytes)
               : "memory");
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
          "r"(stage),
      "l"(__cvta_generic_to_global(source)), "r"(kStageBytes), "r"(barrier)
      : "memory");
}

__device__ void wait_for(std::uint32_t barrier, std::uint32_t parity) {
  std::uint32_t done = 0;
  while (done == 0) {
    asm volatile(
        "{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;"
        " selp.u32 %0, 1, 0, p; }"
        : "=r"(done)
        : "r"(barrier), "r"(parity)
        : "memory");
  }
}

__global__ void read_by_bulk_copies(const std::byte* source, std::uint64_t num_stages) {
  extern __shared__ __align__(128) std::byte shared[];
  if (threadIdx.x != 0) return;
  const std::uint32_t stages = shared_address(shared), barriers = stages + kStageBytes * kNumStages;
  for (std::uint32_t s = 0; s < kNumStages; ++s)
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(barriers + 8 * s) : "memory");
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");

  const std::uint64_t mine = (num_stages - blockIdx.x + gridDim.x - 1) / gridDim.x;
  const auto start = [&](std::uint64_t i) {
    const std::uint32_t slot = i % kNumStages;
    start_bulk_copy(stages + slot * kStageBytes,
                    source + (blockIdx.x + i * gridDim.x) * kStageBytes, barriers + 8 * slot);
  };
  for (std::uint64_t i = 0; i < mine && i < kNumStages; ++i) start(i);
  for (std::uint64_t i = 0; i < mine; ++i) {
    wait_for(barriers + 8 * (i % kNumStages), i / kNumStages & 1);
    if (i + kNumStages < mine) start(i + kNumStages);
  }
}

// One piece of memory after another; `impossible` is false, but the compiler does not know.
__global__ void read_by_loads(const uint4* source, std::uint64_t num_words, bool impossible,
                              std::uint32_t* sink) {
  constexpr std::uint64_t kPiece = kThreads * kLoadsInFlight;
  std::uint32_t sum = 0;
  for (std::uint64_t base = blockIdx.x * kPiece + threadIdx.x; base < num_words;
       base += gridDim.x * kPiece) {
    uint4 words[kLoadsInFlight];
    for (std::uint32_t i = 0; i < kLoadsInFlight; ++i)
      words[i] = __ldcs(source + base + i * kThreads);
    for (const uint4& word : words) sum ^= word.x ^ word.y ^ word.z ^ word.w;
  }
  if (impossible) *sink = sum;
}

template <bool kStreaming, std::uint32_t kInFlight>
__global__ void copy_by_loads(const uint4* source, uint4* target, std::uint64_t num_words) {
  constexpr std::uint64_t kPiece = kThreads * kInFlight;
  for (std::uint64_t base = blockIdx.x * kPiece + threadIdx.x; base < num_words;
       base += gridDim.x * kPiece) {
    uint4 words[kInFlight];
    for (std::uint32_t i = 0; i < kInFlight; ++i)
      words[i] = kStreaming ? __ldcs(source + base + i * kThreads) : source[base + i * kThreads];
    for (std::uint32_t i = 0; i < kInFlight; ++i) {
      uint4* to = target + base + i * kThreads;
      if (kStreaming)
        __stcs(to, words[i]);
      else
        *to = words[i];
    }
  }
}

struct Candidate {
  const char* name;
  LaunchGraph::Enqueue enqueue;
};

// The fastest candidate; one launch of each is a graph of its own.
std::pair<double, std::string> fastest(const std::vector<Candidate>& candidates,
                                       std::uint64_t bytes, cudaStream_t stream) {
  double best = 0;
  std::string name;
  for (const Candidate& candidate : candidates) {
    const double us = LaunchGraph(1, 1, stream, candidate.enqueue).time().us;
    const double tb_s = static_cast<double>(bytes) / us / 1e6;
    if (tb_s <= best) continue;
    best = tb_s;
    name = candidate.name;
  }
  return {best, name};
}

}  // namespace

Ceilings measure_ceilings(const Machine& machine) {
  const auto memory = take(gpu::DeviceBuffer::allocate(kReadBytes), "2 GiB for the ceilings");
  const auto stream = take(gpu::OwnedStream::create(), "stream");
  require(cudaMemsetAsync(memory.data(), 0x5a, kReadBytes, stream.get()), "cudaMemset");
  require(cudaFuncSetAttribute(read_by_bulk_copies, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               kBulkSharedBytes),
          "cudaFuncSetAttribute");

  const std::uint32_t sms = machine.num_sms;
  auto* words = memory.as<uint4>();
  auto* half = words + kCopyBytes / sizeof(uint4);
  constexpr std::uint64_t kCopyWords = kCopyBytes / sizeof(uint4);
  const auto by_loads = [=](std::uint32_t ctas_per_sm) {
    return [=](std::uint32_t, cudaStream_t s) {
      read_by_loads<<<sms * ctas_per_sm, kThreads, 0, s>>>(words, kReadBytes / sizeof(uint4), false,
                                                           nullptr);
      require(cudaGetLastError(), "read_by_loads");
    };
  };
  const std::vector<Candidate> reads{{"bulk copies of 32 KiB",
                                      [&](std::uint32_t, cudaStream_t s) {
                                        read_by_bulk_copies<<<sms, 32, kBulkSharedBytes, s>>>(
                                            memory.data(), kReadBytes / kStageBytes);
                                        require(cudaGetLastError(), "read_by_bulk_copies");
                                      }},
                                     {"16-byte loads, 2 CTAs an SM", by_loads(2)},
                                     {"16-byte loads, 4 CTAs an SM", by_loads(4)}};
  const auto copy_with = [=](auto kernel, std::uint32_t num_ctas) {
    return [=](std::uint32_t, cudaStream_t s) {
      kernel<<<num_ctas, kThreads, 0, s>>>(words, half, kCopyWords);
      require(cudaGetLastError(), "copy_by_loads");
    };
  };
  const std::vector<Candidate> copies{
      {"16-byte loads and stores, 4 CTAs an SM", copy_with(copy_by_loads<false, 4>, 4 * sms)},
      {"16-byte streaming loads and stores, 4 CTAs an SM",
       copy_with(copy_by_loads<true, 4>, 4 * sms)},
      {"16-byte streaming loads and stores, a CTA for every 32 KiB",
       copy_with(copy_by_loads<true, 4>, kCopyWords / (4 * kThreads))},
      {"cudaMemcpyAsync", [=](std::uint32_t, cudaStream_t s) {
         require(cudaMemcpyAsync(half, words, kCopyBytes, cudaMemcpyDeviceToDevice, s), "copy");
       }}};

  Ceilings ceilings;
  std::tie(ceilings.read_tb_s, ceilings.read_kernel) = fastest(reads, kReadBytes, stream.get());
  std::tie(ceilings.copy_tb_s, ceilings.copy_kernel) =
      fastest(copies, 2 * kCopyBytes, stream.get());
  return ceilings;
}

}  // namespace unweight::bench
