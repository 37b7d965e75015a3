// SPDX-License-Identifier: BSD-3-Clause
//
// Device code on the CPU, for tests that need no GPU: 32 lanes take turns as fibers, each running
// to its next warp-wide operation. Included before any .cuh, by a plain C++ compiler. What a GPU
// adds (order of memory, other warps, the instructions behind kernels/ptx) is not tested so.
#pragma once

#include <cuda_runtime_api.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

// NOLINTBEGIN: names of CUDA
struct IndexOnCpu {
  unsigned x = 0, y = 0, z = 0;
};
inline thread_local IndexOnCpu threadIdx, blockIdx, gridDim{1, 1, 1}, blockDim{32, 1, 1};

namespace unweight::testing {

/// Runs a function as a warp of 32 lanes. All lanes must come to the same warp-wide operations.
class WarpOnCpu {
 public:
  static constexpr unsigned kLanes = 32;
  using Values = std::array<std::uint32_t, kLanes>;

  static void run(const std::function<void(unsigned lane)>& function) {
    WarpOnCpu warp(function);
    warp.run_all();
  }
  /// The values that all lanes give to the operation `kind` that each of them has come to.
  static const Values& exchange(const char* kind, std::uint32_t value) {
    return current_->exchange_values(kind, value);
  }

 private:
  static constexpr std::size_t kStackBytes = 256 * 1024;

  struct Lane {
    ucontext_t context;
    std::unique_ptr<std::uint8_t[]> stack;
    unsigned operations = 0;
    bool is_done = false;
  };

  explicit WarpOnCpu(const std::function<void(unsigned)>& function) : function_(function) {
    for (Lane& lane : lanes_) {
      lane.stack = std::make_unique_for_overwrite<std::uint8_t[]>(kStackBytes);
      getcontext(&lane.context);
      lane.context.uc_stack.ss_sp = lane.stack.get();
      lane.context.uc_stack.ss_size = kStackBytes;
      lane.context.uc_link = &scheduler_;
      makecontext(&lane.context, &WarpOnCpu::enter, 0);
    }
  }

  void run_all() {
    WarpOnCpu* const outer = current_;
    const unsigned first_thread = threadIdx.x / kLanes * kLanes;
    current_ = this;
    for (bool is_done = false; !is_done;) {
      is_done = true;
      for (lane_ = 0; lane_ < kLanes; ++lane_) {
        if (lanes_[lane_].is_done) continue;
        threadIdx.x = first_thread + lane_;
        swapcontext(&scheduler_, &lanes_[lane_].context);
        is_done = is_done && lanes_[lane_].is_done;
      }
      const auto all_as_first = [&](const Lane& lane) {
        return lane.operations == lanes_[0].operations && lane.is_done == lanes_[0].is_done;
      };
      if (!std::all_of(lanes_.begin(), lanes_.end(), all_as_first)) diverged_ = true;
      if (diverged_) break;
    }
    threadIdx.x = first_thread;
    current_ = outer;
    if (diverged_) throw std::logic_error("lanes of a warp came to different operations");
  }
  static void enter() {
    current_->function_(current_->lane_);
    current_->lanes_[current_->lane_].is_done = true;
  }
  const Values& exchange_values(const char* kind, std::uint32_t value) {
    Lane& lane = lanes_[lane_];
    // Of this operation and the one before, which the lanes behind this one have yet to read.
    const unsigned which = lane.operations++ % 2;
    if (lane_ == 0) kind_[which] = kind;
    if (kind_[which] != kind) diverged_ = true;
    values_[which][lane_] = value;
    swapcontext(&lane.context, &scheduler_);
    return values_[which];
  }

  static inline thread_local WarpOnCpu* current_ = nullptr;
  const std::function<void(unsigned)>& function_;
  std::array<Lane, kLanes> lanes_;
  ucontext_t scheduler_{};
  unsigned lane_ = 0;
  bool diverged_ = false;
  const char* kind_[2]{};
  Values values_[2]{};
};

}  // namespace unweight::testing

// ---- CUDA's functions, as far as kernels use them
// ------------------------------------------------

inline std::uint32_t __shfl_sync(unsigned, std::uint32_t value, int from) {
  static const char kKind[] = "shfl";
  return unweight::testing::WarpOnCpu::exchange(kKind, value)[static_cast<unsigned>(from) % 32];
}
inline std::uint32_t __ballot_sync(unsigned, bool bit) {
  static const char kKind[] = "ballot";
  const auto& bits = unweight::testing::WarpOnCpu::exchange(kKind, bit ? 1 : 0);
  std::uint32_t all = 0;
  for (unsigned i = 0; i < bits.size(); ++i) all |= bits[i] << i;
  return all;
}
inline bool __any_sync(unsigned mask, bool bit) {
  return __ballot_sync(mask, bit) != 0;
}
inline std::uint32_t __reduce_or_sync(unsigned, std::uint32_t value) {
  static const char kKind[] = "reduce_or";
  std::uint32_t all = 0;
  for (const std::uint32_t v : unweight::testing::WarpOnCpu::exchange(kKind, value)) all |= v;
  return all;
}
inline void __syncwarp(unsigned = ~0u) {
  static const char kKind[] = "syncwarp";
  unweight::testing::WarpOnCpu::exchange(kKind, 0);
}

inline std::uint32_t __byte_perm(std::uint32_t low, std::uint32_t high, std::uint32_t selector) {
  const std::uint64_t bytes = std::uint64_t{high} << 32 | low;
  std::uint32_t permuted = 0;
  for (unsigned i = 0; i < 4; ++i) {
    permuted |= static_cast<std::uint32_t>(bytes >> 8 * (selector >> 4 * i & 7) & 0xff) << 8 * i;
  }
  return permuted;
}
inline std::uint32_t __brev(std::uint32_t v) {
  std::uint32_t reversed = 0;
  for (unsigned i = 0; i < 32; ++i) reversed |= (v >> i & 1) << (31 - i);
  return reversed;
}
inline std::uint32_t __funnelshift_l(std::uint32_t low, std::uint32_t high, std::uint32_t shift) {
  const std::uint64_t both = std::uint64_t{high} << 32 | low;
  return static_cast<std::uint32_t>(both << shift % 32 >> 32);
}
inline std::uint32_t __funnelshift_r(std::uint32_t low, std::uint32_t high, std::uint32_t shift) {
  return static_cast<std::uint32_t>((std::uint64_t{high} << 32 | low) >> shift % 32);
}
inline int __clz(int v) {
  return std::countl_zero(static_cast<unsigned>(v));
}
inline std::size_t __cvta_generic_to_shared(const void*) {
  throw std::logic_error("shared memory has no pointers on the CPU");
}
template <typename T>
T __ldg(const T* address) {
  return *address;
}
using std::max;
using std::min;
// NOLINTEND
