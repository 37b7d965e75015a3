// SPDX-License-Identifier: BSD-3-Clause
//
// Loads of global memory that nobody writes meanwhile, where they stand: a compiler may neither
// move nor repeat them, so that what needs them later finds them there. An address is a multiple of
// what is loaded.
#pragma once

#include <cstdint>

#ifdef __CUDACC__  // else: tests/gpu_on_cpu/ptx_on_cpu.h
namespace unweight::kernels::ptx {

__device__ __forceinline__ std::uint32_t load_global_1(const void* address) {
  std::uint16_t v;
  asm volatile("ld.global.nc.u8 %0, [%1];" : "=h"(v) : "l"(address));
  return v;
}
__device__ __forceinline__ std::uint32_t load_global_4(const void* address) {
  std::uint32_t v;
  asm volatile("ld.global.nc.u32 %0, [%1];" : "=r"(v) : "l"(address));
  return v;
}
__device__ __forceinline__ uint2 load_global_8(const void* address) {
  uint2 v;
  asm volatile("ld.global.nc.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(address));
  return v;
}

}  // namespace unweight::kernels::ptx
#endif
