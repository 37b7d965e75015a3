// SPDX-License-Identifier: BSD-3-Clause
//
// One function per instruction: moves between registers and shared memory, and copies into shared
// memory that announce themselves on a barrier. Names as in the PTX manual.
#pragma once

#include <cstdint>

#ifdef __CUDACC__  // else: tests/gpu_on_cpu/ptx_on_cpu.h
namespace unweight::kernels::ptx {

__device__ __forceinline__ std::uint32_t shared_address(const void* p) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(p));
}

/// The same value, of which no compiler knows where it comes from (a move would be seen through):
/// kept in a register instead of being computed again wherever it is used. By a whole warp.
__device__ __forceinline__ std::uint32_t keep(std::uint32_t value) {
  return __shfl_sync(~0u, value, static_cast<int>(threadIdx.x % 32));
}

/// The same value, which all lanes have, in a uniform register: what descriptors of products come
/// from. By a whole warp.
__device__ __forceinline__ std::uint32_t warp_uniform(std::uint32_t value) {
  return __reduce_or_sync(~0u, value);
}

/// threadIdx.x, read here and now instead of being kept from before.
__device__ __forceinline__ std::uint32_t thread_index() {
  std::uint32_t index;
  asm volatile("mov.u32 %0, %%tid.x;" : "=r"(index));
  return index;
}

/// Four 8x8 matrices of 16 bits: lane l names row l % 8 of matrix l / 8; register i gets matrix i
/// as fragments (lane 4g+t: row g, columns 2t and 2t+1).
__device__ __forceinline__ void ldmatrix_x4(std::uint32_t (&r)[4], std::uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

/// Inverse of ldmatrix_x4.
__device__ __forceinline__ void stmatrix_x4(std::uint32_t address, std::uint32_t r0,
                                            std::uint32_t r1, std::uint32_t r2, std::uint32_t r3) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1,%2,%3,%4};" ::"r"(address),
               "r"(r0), "r"(r1), "r"(r2), "r"(r3)
               : "memory");
}

/// The same, of transposed matrices: fragments' columns become rows in shared memory.
__device__ __forceinline__ void stmatrix_x4_trans(std::uint32_t address, std::uint32_t r0,
                                                  std::uint32_t r1, std::uint32_t r2,
                                                  std::uint32_t r3) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1,%2,%3,%4};" ::"r"(address),
               "r"(r0), "r"(r1), "r"(r2), "r"(r3)
               : "memory");
}

__device__ __forceinline__ void mbarrier_init(std::uint32_t barrier, std::uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

/// Makes initialised barriers visible to the copy engine.
__device__ __forceinline__ void fence_mbarrier_init() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ __forceinline__ void mbarrier_arrive_expect_tx(std::uint32_t barrier,
                                                          std::uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
               : "memory");
}

__device__ __forceinline__ void mbarrier_wait(std::uint32_t barrier, std::uint32_t parity) {
  constexpr std::uint32_t kNanoseconds = 1'000'000;  // to sleep at a time: it is woken anyway
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "wait:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1, %2;\n"
      "@!done bra wait;\n"
      "}\n" ::"r"(barrier),
      "r"(parity), "r"(kNanoseconds)
      : "memory");
}

/// Whether the phase is over, without waiting: to be asked early, and waited for where not.
[[nodiscard]] __device__ __forceinline__ bool mbarrier_test(std::uint32_t barrier,
                                                            std::uint32_t parity) {
  std::uint32_t is_over;
  asm volatile(
      "{\n"
      ".reg .pred over;\n"
      "mbarrier.test_wait.parity.shared::cta.b64 over, [%1], %2;\n"
      "selp.u32 %0, 1, 0, over;\n"
      "}\n"
      : "=r"(is_over)
      : "r"(barrier), "r"(parity)
      : "memory");
  return is_over != 0;
}

/// `bytes`, both addresses: multiples of 16. Arrives on `barrier` with its bytes.
__device__ __forceinline__ void bulk_copy_to_shared(std::uint32_t destination, const void* source,
                                                    std::uint32_t bytes, std::uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
          "r"(destination),
      "l"(source), "r"(bytes), "r"(barrier)
      : "memory");
}

/// Orders this thread's earlier reads and writes of shared memory before later bulk copies.
__device__ __forceinline__ void fence_proxy_async_shared() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

}  // namespace unweight::kernels::ptx
#endif
