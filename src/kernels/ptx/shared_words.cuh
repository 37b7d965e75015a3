// SPDX-License-Identifier: BSD-3-Clause
//
// One function per instruction: words between registers and shared memory by its addresses. An
// address is a multiple of what is moved.
#pragma once

#include <cstdint>
#include <cstring>

namespace unweight::kernels::ptx {

#ifdef __CUDACC__
__device__ __forceinline__ uint4 load_shared_16(std::uint32_t address) {
  uint4 v;
  asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(address)
               : "memory");
  return v;
}
__device__ __forceinline__ uint2 load_shared_8(std::uint32_t address) {
  uint2 v;
  asm volatile("ld.shared.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "r"(address) : "memory");
  return v;
}
__device__ __forceinline__ std::uint32_t load_shared_4(std::uint32_t address) {
  std::uint32_t v;
  asm volatile("ld.shared.u32 %0, [%1];" : "=r"(v) : "r"(address) : "memory");
  return v;
}
__device__ __forceinline__ std::uint32_t load_shared_2(std::uint32_t address) {
  std::uint16_t v;
  asm volatile("ld.shared.u16 %0, [%1];" : "=h"(v) : "r"(address) : "memory");
  return v;
}

__device__ __forceinline__ void store_shared_16(std::uint32_t address,
                                                const std::uint32_t (&v)[4]) {
  asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(address), "r"(v[0]), "r"(v[1]),
               "r"(v[2]), "r"(v[3])
               : "memory");
}
__device__ __forceinline__ void store_shared_2(std::uint32_t address, std::uint16_t v) {
  asm volatile("st.shared.u16 [%0], %1;" ::"r"(address), "h"(v) : "memory");
}

#else  // tests/warp_on_cpu.h: host code, so that tests need no GPU

inline thread_local std::uint8_t* shared_on_cpu = nullptr;  ///< address 0

template <typename T>
T load_shared_on_cpu(std::uint32_t address) {
  T v;
  std::memcpy(&v, shared_on_cpu + address, sizeof(v));
  return v;
}
inline uint4 load_shared_16(std::uint32_t address) {
  return load_shared_on_cpu<uint4>(address);
}
inline uint2 load_shared_8(std::uint32_t address) {
  return load_shared_on_cpu<uint2>(address);
}
inline std::uint32_t load_shared_4(std::uint32_t address) {
  return load_shared_on_cpu<std::uint32_t>(address);
}
inline std::uint32_t load_shared_2(std::uint32_t address) {
  return load_shared_on_cpu<std::uint16_t>(address);
}
inline void store_shared_16(std::uint32_t address, const std::uint32_t (&v)[4]) {
  std::memcpy(shared_on_cpu + address, v, sizeof(v));
}
inline void store_shared_2(std::uint32_t address, std::uint16_t v) {
  std::memcpy(shared_on_cpu + address, &v, sizeof(v));
}
#endif

}  // namespace unweight::kernels::ptx
