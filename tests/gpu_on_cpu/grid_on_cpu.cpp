// SPDX-License-Identifier: BSD-3-Clause
#include "gpu_on_cpu/grid_on_cpu.h"

#include <ucontext.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace unweight::matmul {
alignas(1024) std::uint8_t dynamic[227 * 1024];
}  // namespace unweight::matmul

namespace unweight::on_cpu {
namespace {

constexpr std::size_t kStackBytes = 64 * 1024;
constexpr std::uint32_t kSharedBytes = sizeof(matmul::dynamic);
constexpr std::uint8_t kPoison = 0xa5;

struct NamedBarrier {
  std::uint32_t arrived = 0, generation = 0;

  void arrive(std::uint32_t num_threads) {
    if (++arrived < num_threads) return;
    arrived = 0;
    ++generation;
  }
};
struct PhaseBarrier {
  std::uint32_t arrivals = 0, missing = 0, phase = 0;
  std::int64_t bytes = 0;  ///< expected and not yet there

  void check() {
    if (missing != 0 || bytes != 0) return;
    missing = arrivals;
    phase ^= 1;
  }
};
struct Warp {
  const char* kind[2]{};
  LaneWords words[2]{};
  std::uint64_t arrived = 0;  ///< lanes at operations, in all
};
struct Cta {
  unsigned index = 0;
  std::vector<std::uint8_t> saved;  ///< its shared memory while another runs
  std::array<NamedBarrier, 16> named;
  std::vector<Warp> warps;
};
struct Fiber {
  ucontext_t context{};
  std::unique_ptr<std::uint8_t[]> stack;
  unsigned thread = 0;  ///< of its CTA
  Cta* cta = nullptr;
  std::uint32_t rank = 0;
  std::uint64_t operations = 0;  ///< of its warp, that it has come to
  std::uint32_t cluster_generation = 0;
  const std::function<bool()>* waits_until = nullptr;
  bool is_done = false;
};
struct Copy {
  std::uint32_t barrier, bytes, passes;  ///< until it is carried out
  std::function<void()> copy;
};

/// The cluster that runs. One at a time: launches do not nest.
class Cluster {
 public:
  Cluster(unsigned grid, unsigned cta_threads, std::uint32_t shared_bytes, std::uint32_t first_cta,
          std::uint32_t size, const std::function<void()>& thread)
      : grid_(grid), cta_dim_(cta_threads), shared_bytes_(shared_bytes), thread_(thread) {
    for (std::uint32_t rank = 0; rank < size; ++rank) {
      Cta& cta = *ctas_.emplace_back(std::make_unique<Cta>());
      cta.index = first_cta + rank;
      cta.saved.assign(kSharedBytes, kPoison);
      cta.warps.resize((cta_threads + kLanes - 1) / kLanes);
      for (std::uint32_t i = 0; i < cta_threads; ++i) add_fiber(cta, rank, i);
    }
    loaded_ = ctas_.front().get();
    std::memcpy(matmul::dynamic, loaded_->saved.data(), kSharedBytes);
  }

  cudaError_t run() {
    for (std::size_t left = fibers_.size(); left != 0;) {
      has_progress_ = false;
      for (const auto& fiber : fibers_) {
        if (fiber->is_done) continue;
        if (fiber->waits_until != nullptr && !(*fiber->waits_until)()) continue;
        fiber->waits_until = nullptr;
        has_progress_ = true;
        resume(*fiber);
        if (!problem.empty()) return cudaErrorIllegalInstruction;
        if (fiber->is_done) --left;
      }
      finish_copies();
      if (!has_progress_ && left != 0) {
        problem = "every thread waits";
        return cudaErrorLaunchTimeout;
      }
    }
    return cudaSuccess;
  }

  void wait_until(const std::function<bool()>& is_over) {
    if (is_over()) return;
    current->waits_until = &is_over;
    yield();
  }
  void fail(std::string what) {
    if (problem.empty()) problem = std::move(what);
    yield();
  }

  std::uint8_t* shared(std::uint32_t address, std::uint32_t bytes) {
    const std::uint32_t rank = address >> kRankShift;
    const std::uint32_t at = address & ((1u << kRankShift) - 1);
    if (rank >= ctas_.size() || at + bytes > shared_bytes_) {
      fail("shared memory outside of the CTA's");
      return matmul::dynamic;
    }
    Cta& cta = *ctas_[rank];
    return (&cta == loaded_ ? matmul::dynamic : cta.saved.data()) + at;
  }

  unsigned grid_, cta_dim_;
  Fiber* current = nullptr;
  std::unordered_map<std::uint32_t, PhaseBarrier> phase_barriers;
  NamedBarrier cluster_barrier;
  std::vector<Copy> copies;
  static inline std::string problem;

  /// Passes over all threads that a copy takes: any number, mostly few.
  [[nodiscard]] std::uint32_t next_delay() {
    delays_ = delays_ * 1664525 + 1013904223;
    return (delays_ >> 28) == 0 ? 200 : delays_ >> 24 & 15;
  }
  [[nodiscard]] std::uint32_t num_fibers() const {
    return static_cast<std::uint32_t>(fibers_.size());
  }

 private:
  void add_fiber(Cta& cta, std::uint32_t rank, std::uint32_t thread) {
    Fiber& fiber = *fibers_.emplace_back(std::make_unique<Fiber>());
    fiber.thread = thread;
    fiber.cta = &cta;
    fiber.rank = rank;
    fiber.stack = std::make_unique_for_overwrite<std::uint8_t[]>(kStackBytes);
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStackBytes;
    fiber.context.uc_link = &scheduler_;
    makecontext(&fiber.context, &Cluster::enter, 0);
  }
  static void enter();
  void resume(Fiber& fiber) {
    if (fiber.cta != loaded_) {
      std::memcpy(loaded_->saved.data(), matmul::dynamic, kSharedBytes);
      loaded_ = fiber.cta;
      std::memcpy(matmul::dynamic, loaded_->saved.data(), kSharedBytes);
    }
    current = &fiber;
    swapcontext(&scheduler_, &fiber.context);
  }
  void yield() { swapcontext(&current->context, &scheduler_); }
  void finish_copies() {
    if (!copies.empty()) has_progress_ = true;
    for (Copy& copy : copies) {
      if (copy.passes-- != 0) continue;
      copy.copy();
      PhaseBarrier& barrier = phase_barriers[copy.barrier];
      barrier.bytes -= copy.bytes;
      barrier.check();
    }
    std::erase_if(copies, [](const Copy& copy) { return copy.passes == ~0u; });
  }

  std::uint32_t shared_bytes_, delays_ = 1;
  const std::function<void()>& thread_;
  std::vector<std::unique_ptr<Cta>> ctas_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  Cta* loaded_ = nullptr;  ///< whose shared memory is in its place
  ucontext_t scheduler_{};
  bool has_progress_ = false;
};

Cluster* running = nullptr;

void Cluster::enter() {
  running->thread_();
  running->current->is_done = true;
}

}  // namespace

unsigned thread_index() {
  return running->current->thread;
}
unsigned cta_index() {
  return running->current->cta->index;
}
unsigned grid_dim() {
  return running->grid_;
}
unsigned cta_dim() {
  return running->cta_dim_;
}
std::uint32_t rank_in_cluster() {
  return running->current->rank;
}

cudaError_t launch(const cudaLaunchConfig_t& config, const std::function<void()>& thread) {
  Cluster::problem.clear();
  std::uint32_t size = 1;
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    if (config.attrs[i].id == cudaLaunchAttributeClusterDimension)
      size = config.attrs[i].val.clusterDim.x;
  }
  if (config.dynamicSmemBytes > kSharedBytes || config.gridDim.x % size != 0) {
    Cluster::problem = "too much shared memory, or part of a cluster";
    return cudaErrorInvalidValue;
  }
  cudaError_t status = cudaSuccess;
  for (std::uint32_t cta = 0; cta < config.gridDim.x && status == cudaSuccess; cta += size) {
    Cluster cluster(config.gridDim.x, config.blockDim.x,
                    static_cast<std::uint32_t>(config.dynamicSmemBytes), cta, size, thread);
    running = &cluster;
    status = cluster.run();
    running = nullptr;
  }
  return status;
}
const char* launch_problem() {
  return Cluster::problem.c_str();
}

void wait_until(const std::function<bool()>& is_over) {
  running->wait_until(is_over);
}

const LaneWords& exchange_words(const char* kind, const std::uint32_t* words, unsigned num_words) {
  Fiber& fiber = *running->current;
  Warp& warp = fiber.cta->warps[fiber.thread / kLanes];
  // Of this operation and the one before, which other lanes have yet to read.
  const std::uint64_t operation = fiber.operations++;
  const unsigned which = operation % 2;
  if (warp.arrived % kLanes == 0) warp.kind[which] = kind;
  if (std::strcmp(warp.kind[which], kind) != 0) {
    running->fail(std::string("lanes of a warp at ") + kind + " and " + warp.kind[which]);
  }
  std::copy_n(words, num_words, warp.words[which][fiber.thread % kLanes].begin());
  ++warp.arrived;
  running->wait_until([&] { return warp.arrived >= kLanes * (operation + 1); });
  return warp.words[which];
}

void barrier_arrive(std::uint32_t id, std::uint32_t num_threads) {
  running->current->cta->named[id].arrive(num_threads);
}
void barrier_arrive_and_wait(std::uint32_t id, std::uint32_t num_threads) {
  NamedBarrier& barrier = running->current->cta->named[id];
  const std::uint32_t generation = barrier.generation;
  barrier.arrive(num_threads);
  running->wait_until([&] { return barrier.generation != generation; });
}
void cluster_arrive() {
  running->current->cluster_generation = running->cluster_barrier.generation;
  running->cluster_barrier.arrive(running->num_fibers());
}
void cluster_wait() {
  const std::uint32_t generation = running->current->cluster_generation;
  running->wait_until([&] { return running->cluster_barrier.generation != generation; });
}

void mbarrier_init(std::uint32_t address, std::uint32_t arrivals) {
  running->phase_barriers[address] = {arrivals, arrivals, 0, 0};
}
void mbarrier_arrive(std::uint32_t address, std::uint32_t expected_bytes) {
  PhaseBarrier& barrier = running->phase_barriers[address];
  if (barrier.missing == 0) running->fail("an arrival too many on an mbarrier");
  barrier.bytes += expected_bytes;
  --barrier.missing;
  barrier.check();
}
bool mbarrier_is_over(std::uint32_t address, std::uint32_t parity) {
  return running->phase_barriers[address].phase != parity;
}

std::uint8_t* shared_memory(std::uint32_t address, std::uint32_t bytes) {
  return running->shared(address, bytes);
}
void copy_later(std::uint32_t barrier, std::uint32_t bytes, std::function<void()> copy) {
  running->copies.push_back({barrier, bytes, running->next_delay(), std::move(copy)});
}

}  // namespace unweight::on_cpu
