// SPDX-License-Identifier: BSD-3-Clause
//
// Computes   x w^T by the definition, and sums of squared differences
// Bound by   nothing that matters: a check runs once for each case
#include <algorithm>
#include <cmath>

#include "bench_machine.h"
#include "gpu/device_memory.h"
#include "naive_matmul.h"

namespace unweight::bench {
namespace {

constexpr std::uint32_t kTile = 16;
constexpr std::uint32_t kThreads = 256;
constexpr std::uint32_t kGrid = 1024;

__device__ float to_float(std::uint16_t bf16) {
  return __uint_as_float(std::uint32_t{bf16} << 16);
}
__device__ float to_float(float value) {
  return value;
}

__device__ std::uint64_t token_of(TokenSample tokens, std::uint64_t i) {
  return tokens.num_sampled <= 1 ? 0 : i * (tokens.m - 1) / (tokens.num_sampled - 1);
}

__global__ void multiply(const std::uint16_t* w, const std::uint16_t* x, std::uint64_t n,
                         std::uint64_t k, TokenSample tokens, float* out) {
  __shared__ float w_tile[kTile][kTile + 1], x_tile[kTile][kTile + 1];
  const std::uint64_t first_row = std::uint64_t{blockIdx.x} * kTile;
  const std::uint64_t first_token = std::uint64_t{blockIdx.y} * kTile;
  const std::uint32_t tx = threadIdx.x, ty = threadIdx.y;
  const std::uint64_t w_row = first_row + ty, x_row = first_token + ty;
  float sum = 0;
  for (std::uint64_t base = 0; base < k; base += kTile) {
    const std::uint64_t col = base + tx;
    w_tile[ty][tx] = w_row < n && col < k ? to_float(w[w_row * k + col]) : 0.0f;
    x_tile[ty][tx] = x_row < tokens.num_sampled && col < k
                         ? to_float(x[token_of(tokens, x_row) * k + col])
                         : 0.0f;
    __syncthreads();
    for (std::uint32_t i = 0; i < kTile; ++i) sum += x_tile[ty][i] * w_tile[tx][i];
    __syncthreads();
  }
  const std::uint64_t row = first_row + tx, token = first_token + ty;
  if (row < n && token < tokens.num_sampled) out[token * n + row] = sum;
}

struct Sums {
  double difference;  // squared
  double reference;
  unsigned long long num_not_finite;
  unsigned long long num_off;
};

template <typename T>
__global__ void add_squares(const std::uint16_t* y, std::uint64_t n, TokenSample tokens,
                            const T* reference, Sums* sums) {
  double difference = 0, squares = 0;
  const std::uint64_t step = std::uint64_t{gridDim.x} * kThreads;
  for (std::uint64_t i = std::uint64_t{blockIdx.x} * kThreads + threadIdx.x;
       i < n * tokens.num_sampled; i += step) {
    const float want = to_float(reference[i]);
    const float got = to_float(y[token_of(tokens, i / n) * n + i % n]);
    if (!isfinite(got)) continue;  // counted elsewhere; one would hide all others
    difference += static_cast<double>(got - want) * static_cast<double>(got - want);
    squares += static_cast<double>(want) * static_cast<double>(want);
  }
  atomicAdd(&sums->difference, difference);
  atomicAdd(&sums->reference, squares);
}

template <typename T>
__global__ void count_off(const std::uint16_t* y, std::uint64_t n, TokenSample tokens,
                          const T* reference, float slack, Sums* sums) {
  const std::uint64_t step = std::uint64_t{gridDim.x} * kThreads;
  for (std::uint64_t i = std::uint64_t{blockIdx.x} * kThreads + threadIdx.x;
       i < n * tokens.num_sampled; i += step) {
    const float want = to_float(reference[i]);
    const float got = to_float(y[token_of(tokens, i / n) * n + i % n]);
    if (!(fabsf(got - want) <= slack + fabsf(want) / 64)) atomicAdd(&sums->num_off, 1ull);
  }
}

__global__ void count_not_finite(const std::uint16_t* y, std::uint64_t num_elems, Sums* sums) {
  const std::uint64_t step = std::uint64_t{gridDim.x} * kThreads;
  for (std::uint64_t i = std::uint64_t{blockIdx.x} * kThreads + threadIdx.x; i < num_elems;
       i += step)
    if (!isfinite(to_float(y[i]))) atomicAdd(&sums->num_not_finite, 1ull);
}

template <typename T>
Deviation compare(const std::uint16_t* y, std::uint64_t n, TokenSample tokens, const T* reference,
                  cudaStream_t stream) {
  constexpr float kSlack = 0.03f;  // of the root mean square
  const auto memory = take(gpu::DeviceBuffer::allocate(sizeof(Sums)), "sums");
  Sums* sums = memory.as<Sums>();
  Sums host{};
  const auto fetch = [&] {
    require(cudaGetLastError(), "comparison");
    require(cudaMemcpyAsync(&host, sums, sizeof host, cudaMemcpyDeviceToHost, stream),
            "comparison");
    require(cudaStreamSynchronize(stream), "comparison");
  };
  require(cudaMemsetAsync(sums, 0, sizeof host, stream), "comparison");
  add_squares<<<kGrid, kThreads, 0, stream>>>(y, n, tokens, reference, sums);
  count_not_finite<<<kGrid, kThreads, 0, stream>>>(y, n * tokens.m, sums);
  fetch();
  const double num_elems = static_cast<double>(n * tokens.num_sampled);
  const auto slack = kSlack * static_cast<float>(std::sqrt(host.reference / num_elems));
  count_off<<<kGrid, kThreads, 0, stream>>>(y, n, tokens, reference, slack, sums);
  fetch();
  return {std::sqrt(host.difference / std::max(host.reference, 1e-30)), host.num_not_finite,
          host.num_off};
}

}  // namespace

TokenSample sample_tokens(std::uint64_t m, std::uint64_t at_most) {
  return {m, std::min(m, at_most)};
}

void reference_matmul(const std::uint16_t* w, const std::uint16_t* x, std::uint64_t n,
                      std::uint64_t k, TokenSample tokens, float* out, cudaStream_t stream) {
  const dim3 grid(static_cast<std::uint32_t>((n + kTile - 1) / kTile),
                  static_cast<std::uint32_t>((tokens.num_sampled + kTile - 1) / kTile));
  multiply<<<grid, dim3(kTile, kTile), 0, stream>>>(w, x, n, k, tokens, out);
  require(cudaGetLastError(), "reference_matmul");
}

Deviation deviation(const std::uint16_t* y, std::uint64_t n, TokenSample tokens,
                    const float* reference, cudaStream_t stream) {
  return compare(y, n, tokens, reference, stream);
}

Deviation deviation(const std::uint16_t* y, std::uint64_t n, TokenSample tokens,
                    const std::uint16_t* reference, cudaStream_t stream) {
  return compare(y, n, tokens, reference, stream);
}

}  // namespace unweight::bench
