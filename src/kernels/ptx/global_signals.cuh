// SPDX-License-Identifier: BSD-3-Clause
//
// CTAs of a grid tell each other through device memory. Names as in the PTX manual.
#pragma once

#include <cstdint>

#ifdef __CUDACC__  // else: tests/gpu_on_cpu/ptx_on_cpu.h
namespace unweight::kernels::ptx {

/// What this thread wrote or, by a barrier of the CTA, knows to be written is seen by whoever sees
/// `value`.
__device__ __forceinline__ void store_release(std::uint32_t* address, std::uint32_t value) {
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(address), "r"(value) : "memory");
}
__device__ __forceinline__ std::uint32_t load_acquire(const std::uint32_t* address) {
  std::uint32_t v;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(address) : "memory");
  return v;
}
__device__ __forceinline__ void wait_for(const std::uint32_t* address, std::uint32_t value) {
  while (load_acquire(address) != value) {
  }
}

/// 16 bytes that another CTA wrote: from the second-level cache, and where it stands.
__device__ __forceinline__ float4 load_global_16(const float4* address) {
  float4 v;
  asm volatile("ld.relaxed.gpu.global.v4.f32 {%0,%1,%2,%3}, [%4];"
               : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
               : "l"(address)
               : "memory");
  return v;
}

}  // namespace unweight::kernels::ptx
#endif
