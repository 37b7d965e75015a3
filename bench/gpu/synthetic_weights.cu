// SPDX-License-Identifier: BSD-3-Clause
#include "bench_machine.h"
#include "gpu/device_memory.h"
#include "kernels/compare.h"
#include "layout/tile_order.h"
#include "synthetic_weights.h"

namespace unweight::bench {
namespace {

constexpr std::uint32_t kThreads = 256;
constexpr float kSigma = 0.02f;

// splitmix64's finaliser: 64 random bits of a counter.
__device__ std::uint64_t random_bits(std::uint64_t seed, std::uint64_t counter) {
  std::uint64_t z = seed * 0xd1342543de82ef95 + (counter + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

// In (0, 1], never 0: it goes into a logarithm.
__device__ float uniform(std::uint32_t bits) {
  return (static_cast<float>(bits >> 8) + 1.0f) * 0x1p-24f;
}

// Box and Muller.
__device__ float normal(std::uint64_t bits) {
  const float u = uniform(static_cast<std::uint32_t>(bits));
  const float v = uniform(static_cast<std::uint32_t>(bits >> 32));
  return sqrtf(-2.0f * logf(u)) * cospif(2.0f * v);
}

// Chi-squared with 4 degrees of freedom is -2 ln(u v).
__device__ float student_t4(std::uint64_t bits, std::uint64_t more_bits) {
  const float u = uniform(static_cast<std::uint32_t>(more_bits));
  const float v = uniform(static_cast<std::uint32_t>(more_bits >> 32));
  return normal(bits) * rsqrtf(fmaxf(-0.5f * (logf(u) + logf(v)), 1e-20f));
}

// Round to nearest even; not for NaN.
__device__ std::uint16_t to_bf16(float value) {
  const std::uint32_t bits = __float_as_uint(value);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

__global__ void make(Weights weights, std::uint64_t cols, std::uint64_t num_weights,
                     std::uint64_t seed, std::uint16_t* out) {
  const std::uint64_t step = std::uint64_t{gridDim.x} * kThreads;
  for (std::uint64_t i = blockIdx.x * std::uint64_t{kThreads} + threadIdx.x; i < num_weights;
       i += step) {
    const std::uint64_t row = i / cols, col = i % cols;
    const std::uint64_t bits = random_bits(seed, i);
    float value = kSigma * normal(bits);
    switch (weights) {
      case Weights::kNormal:
        break;
      case Weights::kStudentT:
        value = kSigma * student_t4(bits, random_bits(seed + 1, i));
        break;
      case Weights::kRowScaled:
        value *= expf(0.5f * normal(random_bits(seed + 1, row)));
        break;
      case Weights::kOutlierColumns:
        if (col % 100 == 7 || col == 0) value *= 30.0f;
        break;
      case Weights::kOnePercentZero:
        if (random_bits(seed + 1, i) % 100 == 0) value = 0.0f;
        break;
    }
    out[i] = to_bf16(value);
  }
}

// One thread a weight of the tile order: tile, lane, i.
template <bool kWholeWeights>
__global__ void expect(const std::uint16_t* original, std::uint64_t cols, std::uint64_t num_weights,
                       std::byte* out) {
  using namespace layout;
  const std::uint64_t index = blockIdx.x * std::uint64_t{kThreads} + threadIdx.x;
  if (index >= num_weights) return;
  const std::uint64_t tile = index / kTileElems;
  const auto in_tile = static_cast<std::uint32_t>(index % kTileElems);
  const LanePosition lane{in_tile / kLaneElems, in_tile % kLaneElems};
  const TilePosition position = tile_position(lane);
  const std::uint64_t tiles_per_strip = cols / kTileCols;
  const std::uint64_t row = tile / tiles_per_strip * kTileRows + position.row;
  const std::uint64_t col = tile % tiles_per_strip * kTileCols + position.col;
  const std::uint16_t weight = original[row * cols + col];
  if (kWholeWeights) {
    std::byte* to = out + tile * kTileWeightSectionBytes + weight_section_offset(lane);
    *reinterpret_cast<std::uint16_t*>(to) = weight;
  } else {
    out[tile * kTileByteSectionBytes + byte_section_offset(lane)] =
        static_cast<std::byte>(weight >> 7 & 0xff);
  }
}

constexpr std::uint32_t kGrid = 2048;

std::uint32_t ctas_for(std::uint64_t num_threads) {
  return static_cast<std::uint32_t>((num_threads + kThreads - 1) / kThreads);
}

}  // namespace

const char* weights_name(Weights weights) {
  switch (weights) {
    case Weights::kNormal:
      return "normal";
    case Weights::kStudentT:
      return "student_t";
    case Weights::kRowScaled:
      return "row_scaled";
    case Weights::kOutlierColumns:
      return "outlier_columns";
    case Weights::kOnePercentZero:
      return "one_percent_zero";
  }
  return "?";
}

void make_weights(Weights weights, std::uint64_t rows, std::uint64_t cols, std::uint64_t seed,
                  std::uint16_t* out, cudaStream_t stream) {
  make<<<kGrid, kThreads, 0, stream>>>(weights, cols, rows * cols, seed, out);
  require(cudaGetLastError(), "make_weights");
}

void expect_tiles(const std::uint16_t* original, std::uint64_t rows, std::uint64_t cols,
                  std::byte* out, cudaStream_t stream) {
  expect<true><<<ctas_for(rows * cols), kThreads, 0, stream>>>(original, cols, rows * cols, out);
  require(cudaGetLastError(), "expect_tiles");
}

void expect_exponents(const std::uint16_t* original, std::uint64_t rows, std::uint64_t cols,
                      std::byte* out, cudaStream_t stream) {
  expect<false><<<ctas_for(rows * cols), kThreads, 0, stream>>>(original, cols, rows * cols, out);
  require(cudaGetLastError(), "expect_exponents");
}

std::uint64_t count_differences(const void* left, const void* right, std::uint64_t num_words,
                                cudaStream_t stream) {
  const auto counter = take(gpu::DeviceBuffer::allocate(sizeof(std::uint64_t)), "counter");
  require(cudaMemsetAsync(counter.data(), 0, sizeof(std::uint64_t), stream), "cudaMemset");
  require(kernels::count_differences(static_cast<const std::uint16_t*>(left),
                                     static_cast<const std::uint16_t*>(right), num_words,
                                     counter.as<unsigned long long>(), stream),
          "count_differences");
  std::uint64_t different = 0;
  require(
      cudaMemcpyAsync(&different, counter.data(), sizeof different, cudaMemcpyDeviceToHost, stream),
      "count_differences");
  require(cudaStreamSynchronize(stream), "count_differences");
  return different;
}

}  // namespace unweight::bench
