// SPDX-License-Identifier: BSD-3-Clause
//
// Every instruction set against the order of sums that unweight/matmul.h promises, bit for bit.
#include "cpumatmul/dot_kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>
#include <vector>

namespace unweight::cpumatmul {
namespace {

class DotKernels : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (GetParam() > detected_isa()) GTEST_SKIP() << "this machine has no " << isa_name(GetParam());
  }
};

float widen(std::uint32_t weight) {
  return std::bit_cast<float>(weight << 16);
}

// As the header says it.
float promised_sum(const std::uint16_t* w, const float* x, std::size_t k) {
  float sums[16] = {};
  for (std::size_t i = 0; i < k; ++i) sums[i % 16] = std::fma(widen(w[i]), x[i], sums[i % 16]);
  for (int half = 8; half != 0; half /= 2) {
    for (int l = 0; l < half; ++l) sums[l] += sums[l + half];
  }
  return sums[0];
}

bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

enum class Values { kNormal, kSmall, kAnyFinite, kAnyBits };

// Bits of a BF16 value.
std::uint16_t draw(Values values, std::mt19937_64& rng) {
  const auto any = static_cast<std::uint16_t>(rng());
  const auto with_exponent = [&](std::uint64_t e) {
    return static_cast<std::uint16_t>((any & 0x807f) | e << 7);
  };
  switch (values) {
    case Values::kNormal:
      return with_exponent(115 + rng() % 14);
    case Values::kSmall:  // products around and below the smallest float
      return with_exponent(rng() % 3 == 0 ? 0 : 45 + rng() % 20);
    case Values::kAnyFinite:
      return with_exponent(rng() % 255);
    case Values::kAnyBits:
      return any;
  }
  return 0;
}

void compare(Isa isa, Values values, std::uint32_t rows, std::uint32_t tokens, std::size_t k) {
  std::mt19937_64 rng(rows * 1000 + tokens * 100 + k);
  const std::size_t w_stride = k + 3, x_stride = k + 5, sum_stride = rows + 2;
  std::vector<std::uint16_t> w(rows * w_stride);
  std::vector<float> x(tokens * x_stride);
  for (auto& value : w) value = draw(values, rng);
  for (auto& value : x) value = widen(draw(values, rng));
  constexpr float kUntouched = -12345.0f;
  std::vector<float> sums(tokens * sum_stride, kUntouched);
  dot_rows(isa)({w.data(), w_stride, x.data(), x_stride, sums.data(), sum_stride, rows, tokens, k});
  for (std::uint32_t t = 0; t < tokens; ++t) {
    for (std::uint32_t r = 0; r < sum_stride; ++r) {
      const float expected =
          r < rows ? promised_sum(&w[r * w_stride], &x[t * x_stride], k) : kUntouched;
      ASSERT_TRUE(same(sums[t * sum_stride + r], expected))
          << "row " << r << " token " << t << " of " << rows << " x " << tokens << ", K " << k
          << ": " << sums[t * sum_stride + r] << ", not " << expected;
    }
  }
}

TEST_P(DotKernels, SumsInThePromisedOrder) {
  for (const Values values :
       {Values::kNormal, Values::kSmall, Values::kAnyFinite, Values::kAnyBits}) {
    for (const std::size_t k : {16u, 32u, 48u, 320u}) {
      for (std::uint32_t rows = 1; rows <= 17; ++rows) {
        for (std::uint32_t tokens = 1; tokens <= 7; ++tokens) {
          compare(GetParam(), values, rows, tokens, k);
        }
      }
    }
    compare(GetParam(), values, 16, 4, 4096);
    compare(GetParam(), values, 9, 2, 1040);
  }
}

TEST_P(DotKernels, NothingToSum) {
  compare(GetParam(), Values::kNormal, 5, 4, 0);
  compare(GetParam(), Values::kNormal, 0, 4, 16);
  compare(GetParam(), Values::kNormal, 5, 0, 16);
}

INSTANTIATE_TEST_SUITE_P(Isa, DotKernels,
                         ::testing::Values(Isa::kPortable, Isa::kAvx2, Isa::kAvx512),
                         [](const auto& isa) { return isa_name(isa.param); });

}  // namespace
}  // namespace unweight::cpumatmul
