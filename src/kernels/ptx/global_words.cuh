// SPDX-License-Identifier: BSD-3-Clause
//
// Loads of global memory that nobody writes meanwhile, where they stand: a compiler may neither
// move nor repeat them, so that what needs them later finds them there. An address is a multiple of
// what is loaded. Host code too, so that tests need no GPU (tests/warp_on_cpu.h).
#pragma once

#include <cstdint>

namespace unweight::kernels::ptx {

__device__ __forceinline__ std::uint32_t load_global_1(const void* address) {
#ifdef __CUDACC__
  std::uint16_t v;
  asm volatile("ld.global.nc.u8 %0, [%1];" : "=h"(v) : "l"(address));
  return v;
#else
  return *static_cast<const std::uint8_t*>(address);
#endif
}
__device__ __forceinline__ std::uint32_t load_global_4(const void* address) {
#ifdef __CUDACC__
  std::uint32_t v;
  asm volatile("ld.global.nc.u32 %0, [%1];" : "=r"(v) : "l"(address));
  return v;
#else
  return *static_cast<const std::uint32_t*>(address);
#endif
}
__device__ __forceinline__ uint2 load_global_8(const void* address) {
#ifdef __CUDACC__
  uint2 v;
  asm volatile("ld.global.nc.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(address));
  return v;
#else
  return *static_cast<const uint2*>(address);
#endif
}

}  // namespace unweight::kernels::ptx
