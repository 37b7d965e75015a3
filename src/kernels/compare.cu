// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   the number of 16-bit words in which two arrays differ
// Bound by:   reading both once
#include "kernels/compare.h"

namespace unweight::kernels {
namespace {

constexpr std::uint32_t kThreads = 256;
constexpr std::uint32_t kMaxCtas = 132 * 8;

__device__ std::uint32_t differing_halves(std::uint32_t a, std::uint32_t b) {
  const std::uint32_t x = a ^ b;
  return ((x & 0xffff) != 0 ? 1 : 0) + (x >> 16 != 0 ? 1 : 0);
}

__global__ void __launch_bounds__(kThreads) compare(const std::uint16_t* a, const std::uint16_t* b,
                                                    std::uint64_t num_elems, bool vectors,
                                                    unsigned long long* num_differences) {
  const std::uint64_t step = std::uint64_t{gridDim.x} * kThreads;
  const std::uint64_t thread = std::uint64_t{blockIdx.x} * kThreads + threadIdx.x;
  unsigned long long differences = 0;
  const std::uint64_t num_vectors = vectors ? num_elems / 8 : 0;
  for (std::uint64_t i = thread; i < num_vectors; i += step) {
    const uint4 va = __ldcs(reinterpret_cast<const uint4*>(a) + i);
    const uint4 vb = __ldcs(reinterpret_cast<const uint4*>(b) + i);
    differences += differing_halves(va.x, vb.x) + differing_halves(va.y, vb.y) +
                   differing_halves(va.z, vb.z) + differing_halves(va.w, vb.w);
  }
  for (std::uint64_t i = num_vectors * 8 + thread; i < num_elems; i += step) {
    differences += a[i] != b[i] ? 1 : 0;
  }
  if (differences != 0) atomicAdd(num_differences, differences);
}

}  // namespace

cudaError_t count_differences(const std::uint16_t* a, const std::uint16_t* b,
                              std::uint64_t num_elems, unsigned long long* num_differences,
                              cudaStream_t stream) {
  const bool vectors = (reinterpret_cast<std::uintptr_t>(a) | reinterpret_cast<std::uintptr_t>(b)) % 16 == 0;
  const std::uint64_t wanted = (num_elems + 8 * kThreads - 1) / (8 * kThreads);
  const auto ctas = static_cast<std::uint32_t>(wanted < 1 ? 1 : wanted > kMaxCtas ? kMaxCtas : wanted);
  compare<<<ctas, kThreads, 0, stream>>>(a, b, num_elems, vectors, num_differences);
  return cudaGetLastError();
}

}  // namespace unweight::kernels
