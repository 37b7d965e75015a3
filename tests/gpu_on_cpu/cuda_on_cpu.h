// SPDX-License-Identifier: BSD-3-Clause
//
// CUDA for a C++ compiler, so that kernels can be run, and tested, where no GPU is: names that nvcc
// knows by itself. Included before any .cuh (-include). grid_on_cpu.h runs the threads,
// ptx_on_cpu.h has what kernels/ptx has.
#pragma once

#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_runtime_api.h>
#include <vector_functions.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <stdexcept>

#include "gpu_on_cpu/grid_on_cpu.h"

// NOLINTBEGIN: names of CUDA
#define __launch_bounds__(...)
#ifndef __grid_constant__
#define __grid_constant__
#endif

/// An index whose x is that of the thread that asks.
template <unsigned (*kX)()>
struct IndexOnCpu {
  struct {
    operator unsigned() const { return kX(); }
  } x;
};
inline constexpr IndexOnCpu<unweight::on_cpu::thread_index> threadIdx{};
inline constexpr IndexOnCpu<unweight::on_cpu::cta_index> blockIdx{};
inline constexpr IndexOnCpu<unweight::on_cpu::grid_dim> gridDim{};
inline constexpr IndexOnCpu<unweight::on_cpu::cta_dim> blockDim{};

inline std::uint32_t __shfl_sync(unsigned, std::uint32_t value, int from) {
  return unweight::on_cpu::exchange<1>("shfl", {value})[static_cast<unsigned>(from) % 32][0];
}
inline std::uint32_t __ballot_sync(unsigned, bool bit) {
  const auto& bits = unweight::on_cpu::exchange<1>("ballot", {bit ? 1u : 0u});
  std::uint32_t all = 0;
  for (unsigned i = 0; i < 32; ++i) all |= bits[i][0] << i;
  return all;
}
inline bool __any_sync(unsigned mask, bool bit) {
  return __ballot_sync(mask, bit) != 0;
}
inline std::uint32_t __reduce_or_sync(unsigned, std::uint32_t value) {
  const auto& values = unweight::on_cpu::exchange<1>("reduce_or", {value});
  std::uint32_t all = 0;
  for (unsigned i = 0; i < 32; ++i) all |= values[i][0];
  return all;
}
inline void __syncwarp(unsigned = ~0u) {
  unweight::on_cpu::exchange<1>("syncwarp", {0u});
}
inline void __syncthreads() {
  unweight::on_cpu::barrier_arrive_and_wait(0, unweight::on_cpu::cta_dim());
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
inline float __uint_as_float(std::uint32_t bits) {
  return std::bit_cast<float>(bits);
}
inline float __expf(float v) {
  return std::exp(v);
}
template <typename T>
T __ldg(const T* address) {
  return *address;
}
template <typename T>
void __stcg(T* address, T value) {
  *address = value;
}
using std::max;
using std::min;

// ---- Launches, as cuda_runtime.h has them for nvcc
// ------------------------------------------------

template <typename... P, typename... A>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(P...),
                               A&&... arguments) {
  return unweight::on_cpu::launch(*config, [&] { kernel(arguments...); });
}
template <typename... P>
cudaError_t cudaFuncSetAttribute(void (*)(P...), cudaFuncAttribute, int) {
  return cudaSuccess;
}
// NOLINTEND

#include "gpu_on_cpu/ptx_on_cpu.h"
