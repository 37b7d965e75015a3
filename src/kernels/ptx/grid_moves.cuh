// SPDX-License-Identifier: BSD-3-Clause
//
// One function per instruction: clusters of CTAs, tensor copies, dependent launches. Names as in
// the PTX manual.
#pragma once

#include <cuda.h>

#include <cstdint>

#ifdef __CUDACC__  // else: tests/gpu_on_cpu/ptx_on_cpu.h
namespace unweight::kernels::ptx {

/// Waits until the kernels that this one depends on have ended and their writes are visible; at
/// once without programmatic dependent launch.
__device__ __forceinline__ void griddepcontrol_wait() {
  asm volatile("griddepcontrol.wait;" ::: "memory");
}
/// Lets the next kernel start as soon as every CTA of this one has come here (and there is room).
__device__ __forceinline__ void griddepcontrol_launch_dependents() {
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
}

__device__ __forceinline__ std::uint32_t cluster_ctarank() {
  std::uint32_t rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
__device__ __forceinline__ void cluster_arrive() {
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}
__device__ __forceinline__ void cluster_wait() {
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

/// The address that `address` (shared memory) has in CTA `rank` of the cluster.
__device__ __forceinline__ std::uint32_t mapa(std::uint32_t address, std::uint32_t rank) {
  std::uint32_t mapped;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(mapped) : "r"(address), "r"(rank));
  return mapped;
}
/// `bytes` (a multiple of 16) from this CTA's shared memory to another's; that one's barrier gets
/// them. Both addresses by mapa() of the same CTA.
__device__ __forceinline__ void bulk_copy_to_cluster(std::uint32_t destination,
                                                     std::uint32_t source, std::uint32_t bytes,
                                                     std::uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%0], [%1], %2, "
      "[%3];" ::"r"(destination),
      "r"(source), "r"(bytes), "r"(barrier)
      : "memory");
}
/// Arrives on a barrier of another CTA of the cluster. Orders this thread's reads of shared memory
/// before it, not writes (release at cluster scope would be a fence of hundreds of clocks).
__device__ __forceinline__ void mbarrier_arrive_cluster(std::uint32_t mapped) {
  asm volatile("mbarrier.arrive.shared::cluster.b64 _, [%0];" ::"r"(mapped) : "memory");
}
__device__ __forceinline__ void mbarrier_arrive(std::uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

/// A box of the tensor at (x, y, z), x contiguous; what lies outside of the tensor arrives as zero.
__device__ __forceinline__ void tensor_copy_to_shared(std::uint32_t destination,
                                                      const CUtensorMap& map, std::uint32_t x,
                                                      std::uint32_t y, std::uint32_t z,
                                                      std::uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, "
      "{%2, %3, %4}], [%5];" ::"r"(destination),
      "l"(&map), "r"(x), "r"(y), "r"(z), "r"(barrier)
      : "memory");
}

/// The same, to the same place in every CTA of the cluster whose bit is set; each one's
/// barrier at that place gets the bytes.
__device__ __forceinline__ void tensor_multicast_to_shared(std::uint32_t destination,
                                                           const CUtensorMap& map, std::uint32_t x,
                                                           std::uint32_t y, std::uint32_t z,
                                                           std::uint32_t barrier,
                                                           std::uint32_t ctas) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes"
      ".multicast::cluster [%0], [%1, {%2, %3, %4}], [%5], %6;" ::"r"(destination),
      "l"(&map), "r"(x), "r"(y), "r"(z), "r"(barrier), "h"(static_cast<std::uint16_t>(ctas))
      : "memory");
}
__device__ __forceinline__ void prefetch_tensormap(const CUtensorMap& map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}

/// Threads of some warps only: barrier `id` (1..15) for `num_threads` of the CTA.
__device__ __forceinline__ void named_barrier(std::uint32_t id, std::uint32_t num_threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(num_threads) : "memory");
}
/// The same for a warp that need not wait for the others.
__device__ __forceinline__ void named_barrier_arrive(std::uint32_t id, std::uint32_t num_threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(num_threads) : "memory");
}

}  // namespace unweight::kernels::ptx
#endif
