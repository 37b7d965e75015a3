// SPDX-License-Identifier: BSD-3-Clause
//
// The threads of a grid as fibers of one thread of the CPU. The CTAs of a cluster run together,
// clusters one after the other. A fiber runs until it has to wait: for its warp, a barrier, a copy.
// Copies are carried out late, some much later than others: who does not wait for them is found
// out. What a GPU adds (order of memory, races inside of a warp, time) is not tested so.
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstdint>
#include <functional>

namespace unweight::on_cpu {

// Of the thread that asks; x alone, there is no other.
[[nodiscard]] unsigned thread_index();
[[nodiscard]] unsigned cta_index();
[[nodiscard]] unsigned grid_dim();
[[nodiscard]] unsigned cta_dim();
[[nodiscard]] std::uint32_t rank_in_cluster();

/// Runs `thread` as every thread of the grid. Errors: cudaErrorInvalidValue (more shared memory
/// than there is, clusters that do not divide the grid), cudaErrorLaunchTimeout (every thread
/// waits), cudaErrorIllegalInstruction (lanes of a warp came to different operations). What went
/// wrong is in launch_problem().
cudaError_t launch(const cudaLaunchConfig_t& config, const std::function<void()>& thread);
[[nodiscard]] const char* launch_problem();

/// Until `is_over()`; meanwhile others run.
void wait_until(const std::function<bool()>& is_over);

// ---- Warps
// ----------------------------------------------------------------------------------------

inline constexpr unsigned kLanes = 32, kMostWords = 6;
using LaneWords = std::array<std::array<std::uint32_t, kMostWords>, kLanes>;
/// By all lanes of a warp: the words of all of them. `kind`: the same for all.
const LaneWords& exchange_words(const char* kind, const std::uint32_t* words, unsigned num_words);
template <unsigned kWords>
const LaneWords& exchange(const char* kind, const std::uint32_t (&words)[kWords]) {
  static_assert(kWords <= kMostWords);
  return exchange_words(kind, words, kWords);
}

// ---- Barriers
// -------------------------------------------------------------------------------------

/// Named barriers of the CTA, for `num_threads` threads.
void barrier_arrive(std::uint32_t id, std::uint32_t num_threads);
void barrier_arrive_and_wait(std::uint32_t id, std::uint32_t num_threads);
void cluster_arrive();
void cluster_wait();

void mbarrier_init(std::uint32_t address, std::uint32_t arrivals);
void mbarrier_arrive(std::uint32_t address, std::uint32_t expected_bytes);
[[nodiscard]] bool mbarrier_is_over(std::uint32_t address, std::uint32_t parity);

// ---- Shared memory and copies into it
// -------------------------------------------------------------

/// An address is the CTA's rank in its cluster << kRankShift, and a place in its memory.
inline constexpr std::uint32_t kRankShift = 20;
/// Where the shared memory of a CTA of the cluster is now. Fails the launch if `bytes` are not
/// there.
[[nodiscard]] std::uint8_t* shared_memory(std::uint32_t address, std::uint32_t bytes);
/// Later: copy(), then `bytes` have arrived on the barrier.
void copy_later(std::uint32_t barrier, std::uint32_t bytes, std::function<void()> copy);

}  // namespace unweight::on_cpu

namespace unweight::matmul {
/// What `extern __shared__` names: of the CTA that runs.
extern std::uint8_t dynamic[];
}  // namespace unweight::matmul
