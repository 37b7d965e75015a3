// SPDX-License-Identifier: BSD-3-Clause
//
// Tensors that a lossless codec gets wrong first, and ordinary ones to compare with. Deterministic:
// fixed seeds, the same bits in every run.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace unweight::testing {

struct HostileTensor {
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
  std::vector<std::uint16_t> weights;  ///< row-major BF16 bit patterns
  std::string name;
};

/// Round to nearest even, as the frameworks do. Not for NaN.
inline std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// A tensor whose weight (row, col) is make(row, col).
template <typename Make>
HostileTensor make_tensor(std::string name, std::uint64_t rows, std::uint64_t cols, Make make) {
  HostileTensor tensor{rows, cols, {}, std::move(name)};
  tensor.weights.reserve(rows * cols);
  for (std::uint64_t r = 0; r < rows; ++r) {
    for (std::uint64_t c = 0; c < cols; ++c) {
      tensor.weights.push_back(static_cast<std::uint16_t>(make(r, c)));
    }
  }
  return tensor;
}

// ---- Ordinary weights ---------------------------------------------------------------------------

inline HostileTensor normal_tensor(std::uint64_t rows, std::uint64_t cols, float sigma = 0.02f,
                                   std::uint64_t seed = 1) {
  std::mt19937_64 rng(seed);
  std::normal_distribution<float> normal(0.0f, sigma);
  return make_tensor("normal", rows, cols,
                     [&](std::uint64_t, std::uint64_t) { return to_bf16(normal(rng)); });
}

inline HostileTensor student_t_tensor(std::uint64_t rows, std::uint64_t cols) {
  std::mt19937_64 rng(2);
  std::student_t_distribution<float> student(4.0f);
  return make_tensor("student_t", rows, cols,
                     [&](std::uint64_t, std::uint64_t) { return to_bf16(0.02f * student(rng)); });
}

/// 1 % of the columns (at least one) 30 times larger.
inline HostileTensor outlier_columns_tensor(std::uint64_t rows, std::uint64_t cols) {
  std::mt19937_64 rng(3);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  return make_tensor("outlier_columns", rows, cols, [&](std::uint64_t, std::uint64_t c) {
    return to_bf16((c % 100 == 7 || c == 0 ? 30.0f : 1.0f) * normal(rng));
  });
}

/// Every third row is +0, every ninth -0.
inline HostileTensor dead_rows_tensor(std::uint64_t rows, std::uint64_t cols) {
  HostileTensor tensor = normal_tensor(rows, cols, 0.02f, 4);
  tensor.name = "dead_rows";
  for (std::uint64_t r = 0; r < rows; r += 3) {
    std::fill_n(tensor.weights.begin() + static_cast<std::ptrdiff_t>(r * cols), cols,
                static_cast<std::uint16_t>(r % 9 == 0 ? 0x8000 : 0));
  }
  return tensor;
}

/// Half of the weights are zeros of both signs.
inline HostileTensor zero_mix_tensor(std::uint64_t rows, std::uint64_t cols) {
  std::mt19937_64 rng(5);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  return make_tensor("zero_mix", rows, cols, [&](std::uint64_t, std::uint64_t) {
    const std::uint64_t coin = rng();
    const auto zero = static_cast<std::uint16_t>((coin & 2) << 14);
    const std::uint16_t drawn = to_bf16(normal(rng));
    return (coin & 1) != 0 ? zero : drawn;
  });
}

// ---- Every bit pattern, everywhere --------------------------------------------------------------

/// All 65,536 patterns.
inline HostileTensor all_patterns_tensor(std::uint64_t cols) {
  return make_tensor("all_patterns", (65536 + cols - 1) / cols, cols,
                     [&](std::uint64_t r, std::uint64_t c) { return (r * cols + c) & 0xffff; });
}

/// 256 tiles of 16 x 64. Each of a tile's 1024 places sees each of the 256 exponents and each of
/// the 256 sign/mantissa bytes once; over all places every one of the 65,536 patterns occurs. All
/// exponents are equally frequent, so nearly every row of 32 is verbatim.
inline HostileTensor every_exponent_everywhere_tensor() {
  return make_tensor("every_exponent_everywhere", 256, 1024, [](std::uint64_t r, std::uint64_t c) {
    const std::uint64_t tile = r / 16 * 16 + c / 64, place = r % 16 * 64 + c % 64;
    const std::uint64_t exponent = (tile + 7 * place) & 0xff;
    const std::uint64_t other = (3 * tile + 21 * place + (place ^ place >> 8)) & 0xff;
    return (other & 0x80) << 8 | exponent << 7 | (other & 0x7f);
  });
}

/// The same with 16 exponents: no row is verbatim, every palette code occurs at every place.
inline HostileTensor every_code_everywhere_tensor() {
  return make_tensor("every_code_everywhere", 256, 1024, [](std::uint64_t r, std::uint64_t c) {
    const std::uint64_t tile = r / 16 * 16 + c / 64, place = r % 16 * 64 + c % 64;
    const std::uint64_t exponent = 108 + ((tile + 5 * place) & 0xf);
    const std::uint64_t other = (3 * tile + place) & 0xff;
    return (other & 0x80) << 8 | exponent << 7 | (other & 0x7f);
  });
}

/// 1024 tiles; tile t has one weight far outside, at its place t. Their 128 exponents are too rare
/// to enter the palette.
inline HostileTensor lone_outliers_tensor() {
  HostileTensor tensor = normal_tensor(1024, 1024, 0.02f, 6);
  tensor.name = "lone_outliers";
  for (std::uint64_t t = 0; t < 1024; ++t) {
    const std::uint64_t row = t / 16 * 16 + t / 64, col = t % 16 * 64 + t % 64;
    tensor.weights[row * 1024 + col] =
        static_cast<std::uint16_t>((t & 1) << 15 | (128 + t % 128) << 7 | t % 101);
  }
  return tensor;
}

// ---- Extremes of the distribution ---------------------------------------------------------------

inline HostileTensor random_bits_tensor(std::uint64_t rows, std::uint64_t cols) {
  std::mt19937_64 rng(7);
  return make_tensor("random_bits", rows, cols,
                     [&](std::uint64_t, std::uint64_t) { return rng() & 0xffff; });
}

inline HostileTensor subnormals_tensor(std::uint64_t rows, std::uint64_t cols) {
  std::mt19937_64 rng(8);
  return make_tensor("subnormals", rows, cols,
                     [&](std::uint64_t, std::uint64_t) { return rng() & 0x807f; });
}

/// Infinities and NaNs with every payload, quiet and signalling: exponent 255 alone.
inline HostileTensor nan_payloads_tensor(std::uint64_t rows, std::uint64_t cols) {
  std::mt19937_64 rng(9);
  return make_tensor("nan_payloads", rows, cols,
                     [&](std::uint64_t, std::uint64_t) { return (rng() & 0x807f) | 0x7f80; });
}

inline HostileTensor constant_tensor(std::uint64_t rows, std::uint64_t cols, std::uint16_t value) {
  return make_tensor("constant_" + std::to_string(value), rows, cols,
                     [&](std::uint64_t, std::uint64_t) { return value; });
}

inline HostileTensor one_exponent_tensor(std::uint64_t rows, std::uint64_t cols) {
  std::mt19937_64 rng(10);
  return make_tensor("one_exponent", rows, cols,
                     [&](std::uint64_t, std::uint64_t) { return (rng() & 0x807f) | 120 << 7; });
}

/// Every second exponent, equally often: 128 distinct ones, whatever the palette.
inline HostileTensor many_exponents_tensor(std::uint64_t rows, std::uint64_t cols) {
  std::mt19937_64 rng(11);
  return make_tensor("many_exponents", rows, cols,
                     [&](std::uint64_t, std::uint64_t) { return rng() & 0xff7f; });
}

/// Exponent 130 - n with probability 2^-(n+1), down to 2^-20: codes as long and as skewed as they
/// get.
inline HostileTensor skewed_tensor(std::uint64_t rows, std::uint64_t cols) {
  std::mt19937_64 rng(12);
  return make_tensor("skewed", rows, cols, [&](std::uint64_t, std::uint64_t) {
    const auto n = static_cast<std::uint64_t>(std::countr_zero(rng() | std::uint64_t{1} << 20));
    return (rng() & 0x807f) | (130 - n) << 7;
  });
}

// ---- Collections --------------------------------------------------------------------------------

/// 0 x n, 1 x 1, single rows and columns, dimensions around multiples of 16 and 64, and widths
/// whose strips a chunk of 32 tiles crosses.
inline std::vector<std::pair<std::uint64_t, std::uint64_t>> awkward_shapes() {
  return {{0, 0},    {0, 64},   {64, 0},   {1, 1},     {1, 63},    {1, 64},    {1, 65},
          {1, 5000}, {15, 64},  {16, 63},  {16, 64},   {17, 64},   {5000, 1},  {100, 100},
          {33, 130}, {530, 64}, {530, 60}, {130, 320}, {70, 1984}, {70, 2112}, {40, 4160}};
}

/// Distributions, at a shape that has edge tiles on both sides and several chunks.
inline std::vector<HostileTensor> hostile_distributions(std::uint64_t rows = 250,
                                                        std::uint64_t cols = 330) {
  return {normal_tensor(rows, cols),
          normal_tensor(rows, cols, 1e-38f),
          normal_tensor(rows, cols, 1e38f),
          student_t_tensor(rows, cols),
          outlier_columns_tensor(rows, cols),
          dead_rows_tensor(rows, cols),
          zero_mix_tensor(rows, cols),
          random_bits_tensor(rows, cols),
          subnormals_tensor(rows, cols),
          nan_payloads_tensor(rows, cols),
          constant_tensor(rows, cols, 0x0000),
          constant_tensor(rows, cols, 0x8000),
          constant_tensor(rows, cols, 0x3f80),
          constant_tensor(rows, cols, 0xffff),
          one_exponent_tensor(rows, cols),
          many_exponents_tensor(rows, cols),
          skewed_tensor(rows, cols)};
}

/// Everything: distributions, exhaustive patterns, awkward shapes of ordinary and of random
/// weights.
inline std::vector<HostileTensor> hostile_tensors() {
  std::vector<HostileTensor> tensors = hostile_distributions();
  tensors.push_back(all_patterns_tensor(256));
  tensors.push_back(all_patterns_tensor(1000));
  tensors.push_back(every_exponent_everywhere_tensor());
  tensors.push_back(every_code_everywhere_tensor());
  tensors.push_back(lone_outliers_tensor());
  for (const auto& [rows, cols] : awkward_shapes()) {
    tensors.push_back(normal_tensor(rows, cols));
    tensors.push_back(random_bits_tensor(rows, cols));
  }
  for (HostileTensor& tensor : tensors) {
    tensor.name += "_" + std::to_string(tensor.rows) + "x" + std::to_string(tensor.cols);
  }
  return tensors;
}

}  // namespace unweight::testing
