// SPDX-License-Identifier: BSD-3-Clause
//
// CpuMatmul against float64, against itself with other threads and forms, and against bad input.
#include <gtest/gtest.h>

#include <cstring>

#include "hostile_tensors.h"
#include "matmul_reference.h"
#include "unweight/matmul.h"

namespace unweight {
namespace {

using testing::HostileTensor;
using testing::Input;
using testing::Sum;

constexpr std::uint16_t kPoison = 0xa5a5;

/// Rows with gaps between them.
struct Strided {
  std::uint64_t rows, cols, stride;
  std::vector<std::uint16_t> words;

  Strided(std::uint64_t r, std::uint64_t c, std::uint64_t gap)
      : rows(r), cols(c), stride(c + gap), words(r * stride, kPoison) {}
  Strided(const std::vector<std::uint16_t>& dense, std::uint64_t r, std::uint64_t c,
          std::uint64_t gap)
      : Strided(r, c, gap) {
    for (std::uint64_t i = 0; i < dense.size(); ++i) words[i / c * stride + i % c] = dense[i];
  }
  [[nodiscard]] MatrixView view() const { return {words.data(), rows, cols, stride}; }
  [[nodiscard]] MutableMatrixView out() { return {words.data(), rows, cols, stride}; }
  [[nodiscard]] std::uint16_t at(std::uint64_t r, std::uint64_t c) const {
    return words[r * stride + c];
  }
  [[nodiscard]] bool gaps_untouched() const {
    for (std::uint64_t i = 0; i < words.size(); ++i) {
      if (i % stride >= cols && words[i] != kPoison) return false;
    }
    return true;
  }
};

struct Packed {
  std::vector<std::byte> blob;
  CpuWeights weights;
};

Packed pack(const HostileTensor& t, Family family) {
  auto blob = encode({t.weights.data(), t.rows, t.cols, t.cols},
                     {.family = family, .num_threads = 1, .self_check = false});
  EXPECT_TRUE(blob.ok());
  std::vector<std::byte> bytes = std::move(blob).value();
  auto weights = CpuWeights::open(bytes, 2);
  EXPECT_TRUE(weights.ok()) << (weights ? "" : weights.error().message);
  return {std::move(bytes), std::move(weights).value()};
}

CpuMatmul threads(unsigned n) {
  return std::move(CpuMatmul::create(n)).value();
}

std::vector<Sum> reference(const HostileTensor& t, const Strided& x) {
  std::vector<Sum> sums(x.rows * t.rows);
  for (std::uint64_t m = 0; m < x.rows; ++m) {
    for (std::uint64_t n = 0; n < t.rows; ++n) {
      sums[m * t.rows + n] =
          testing::dot_float64(&t.weights[n * t.cols], x.words.data() + m * x.stride, t.cols);
    }
  }
  return sums;
}

// Every family, 1, 2 and 3 threads: the same bits, which are right.
void expect_product(const HostileTensor& t, const Strided& x) {
  const std::vector<Sum> sums = reference(t, x);
  const Packed palette = pack(t, Family::kPalette), huffman = pack(t, Family::kHuffman),
               radix = pack(t, Family::kRadix);
  EXPECT_EQ(palette.weights.family(), Family::kPalette);
  EXPECT_EQ(radix.weights.family(), Family::kRadix);
  EXPECT_EQ(huffman.weights.family(), Family::kHuffman);
  EXPECT_EQ(huffman.weights.rows(), t.rows);
  EXPECT_EQ(huffman.weights.cols(), t.cols);
  std::vector<std::uint16_t> first;
  for (const unsigned n : {1u, 2u, 3u}) {
    CpuMatmul cpu = threads(n);
    for (const Packed* packed : {&palette, &huffman, &radix}) {
      Strided y(x.rows, t.rows, 5);
      const auto result = cpu.matmul(packed->weights, x.view(), y.out());
      ASSERT_TRUE(result.ok()) << result.error().message;
      EXPECT_TRUE(y.gaps_untouched());
      if (first.empty()) first = y.words;
      ASSERT_TRUE(first == y.words) << n << " threads, " << family_name(packed->weights.family());
    }
  }
  for (std::uint64_t m = 0; m < x.rows; ++m) {
    for (std::uint64_t r = 0; r < t.rows; ++r) {
      ASSERT_EQ(
          testing::check_output(first[m * (t.rows + 5) + r], sums[m * t.rows + r], t.cols, 0, 0, 1),
          "")
          << "token " << m << " row " << r;
    }
  }
}

TEST(CpuMatmul, AnySize) {
  const std::vector<std::pair<std::uint64_t, std::uint64_t>> shapes = {
      {1, 1},    {1, 64},    {17, 1},    {16, 64},  {15, 65},
      {33, 100}, {100, 330}, {40, 2050}, {600, 64}, {70, 2112}};
  for (const auto& [n, k] : shapes) {
    for (const std::uint64_t m : {1u, 2u, 3u, 17u, 100u}) {
      SCOPED_TRACE(std::to_string(m) + " tokens, " + std::to_string(n) + " x " + std::to_string(k));
      expect_product(testing::normal_tensor(n, k),
                     {testing::make_inputs(Input::kNormal, m, k), m, k, 3});
    }
  }
}

TEST(CpuMatmul, AnyValues) {
  // Columns in equal pairs: what kCancelling inputs cancel.
  HostileTensor paired = testing::normal_tensor(64, 512);
  for (std::size_t i = 1; i < paired.weights.size(); i += 2) {
    if (i % 100 != 1) paired.weights[i] = paired.weights[i - 1];
  }
  std::vector<HostileTensor> tensors = testing::hostile_distributions(50, 200);
  tensors.push_back(paired);
  tensors.push_back(testing::random_bits_tensor(40, 130));
  for (const HostileTensor& t : tensors) {
    for (const Input input : testing::kInputs) {
      SCOPED_TRACE(t.name + " " + testing::input_name(input));
      expect_product(t, {testing::make_inputs(input, 4, t.cols), 4, t.cols, 1});
    }
  }
}

TEST(CpuMatmul, NothingIsNothing) {
  CpuMatmul cpu = threads(2);
  const Packed no_rows = pack(testing::normal_tensor(0, 64), Family::kHuffman);
  const Packed no_cols = pack(testing::normal_tensor(64, 0), Family::kHuffman);
  const Packed some = pack(testing::normal_tensor(64, 64), Family::kHuffman);
  const Strided x(3, 64, 0);
  EXPECT_TRUE(cpu.matmul(no_rows.weights, x.view(), {nullptr, 3, 0, 0}).ok());
  EXPECT_TRUE(cpu.matmul(some.weights, {nullptr, 0, 64, 64}, {nullptr, 0, 64, 64}).ok());
  Strided y(3, 64, 2);
  std::vector<std::uint16_t> bias(64, 0x3f80);
  ASSERT_TRUE(cpu.matmul(no_cols.weights, {nullptr, 3, 0, 0}, y.out()).ok());
  EXPECT_EQ(y.at(2, 63), 0);
  ASSERT_TRUE(cpu.matmul(no_cols.weights, {nullptr, 3, 0, 0}, y.out(), {.bias = bias.data()}).ok());
  EXPECT_EQ(y.at(2, 63), 0x3f80);
  EXPECT_TRUE(y.gaps_untouched());
}

// Padding is multiplied too: not with what an encoder wrote there.
TEST(CpuMatmul, PaddingAddsNothing) {
  for (const std::uint16_t value : {std::uint16_t{0x7f80}, std::uint16_t{0x7fc1}}) {
    const HostileTensor t = testing::constant_tensor(20, 70, value);
    // A wider one first: its weights are what scratch memory is full of.
    CpuMatmul cpu = threads(1);
    const Packed wide = pack(testing::constant_tensor(64, 300, 0x7fc1), Family::kPalette);
    const Strided wide_x(testing::make_inputs(Input::kOnes, 2, 300), 2, 300, 0);
    Strided wide_y(2, 64, 0);
    ASSERT_TRUE(cpu.matmul(wide.weights, wide_x.view(), wide_y.out()).ok());
    const Packed narrow = pack(testing::normal_tensor(20, 70), Family::kPalette);
    const Strided x(testing::make_inputs(Input::kOnes, 2, 70), 2, 70, 0);
    Strided y(2, 20, 0);
    ASSERT_TRUE(cpu.matmul(narrow.weights, x.view(), y.out()).ok());
    for (const std::uint16_t bits : y.words) EXPECT_FALSE(testing::is_nan_bf16(bits));
    expect_product(t, x);
  }
}

TEST(CpuMatmul, BadTokensStayAmongThemselves) {
  const HostileTensor t = testing::student_t_tensor(100, 130);
  const std::vector<std::uint16_t> clean = testing::make_inputs(Input::kNormal, 9, 130);
  std::vector<std::uint16_t> spoilt = clean;
  spoilt[1 * 130 + 129] = 0x7fc0;
  spoilt[4 * 130 + 64] = 0x7f80;
  spoilt[7 * 130 + 3] = 0xff80;
  const Packed packed = pack(t, Family::kHuffman);
  CpuMatmul cpu = threads(2);
  Strided expected(9, 100, 0), y(9, 100, 0);
  ASSERT_TRUE(cpu.matmul(packed.weights, {clean.data(), 9, 130, 130}, expected.out()).ok());
  ASSERT_TRUE(cpu.matmul(packed.weights, {spoilt.data(), 9, 130, 130}, y.out()).ok());
  for (std::uint64_t m = 0; m < 9; ++m) {
    for (std::uint64_t n = 0; n < 100; ++n) {
      if (m == 1) {
        EXPECT_TRUE(testing::is_nan_bf16(y.at(m, n)));
      } else if (m == 4 || m == 7) {
        EXPECT_GE(y.at(m, n) & 0x7fff, 0x7f80);
      } else {
        EXPECT_EQ(y.at(m, n), expected.at(m, n));
      }
    }
  }
  expect_product(t, {spoilt, 9, 130, 2});
}

TEST(CpuMatmul, BiasAndResidual) {
  const HostileTensor t = testing::normal_tensor(70, 200);
  const Strided x(testing::make_inputs(Input::kNormal, 5, 200), 5, 200, 3);
  const std::vector<Sum> sums = reference(t, x);
  const std::vector<std::uint16_t> bias = testing::make_inputs(Input::kHeavyTails, 1, 70, 3);
  const Strided residual(testing::make_inputs(Input::kNormal, 5, 70, 4), 5, 70, 9);
  const Packed packed = pack(t, Family::kPalette);
  CpuMatmul cpu = threads(2);
  for (const bool with_bias : {false, true}) {
    Strided y(5, 70, 4), in_place(testing::make_inputs(Input::kNormal, 5, 70, 4), 5, 70, 4);
    CpuMatmulEpilogue epilogue{with_bias ? bias.data() : nullptr, residual.words.data(),
                               residual.stride};
    ASSERT_TRUE(cpu.matmul(packed.weights, x.view(), y.out(), epilogue).ok());
    epilogue.residual = in_place.words.data();
    epilogue.residual_stride_elems = in_place.stride;
    ASSERT_TRUE(cpu.matmul(packed.weights, x.view(), in_place.out(), epilogue).ok());
    EXPECT_TRUE(y.words == in_place.words);
    EXPECT_TRUE(y.gaps_untouched());
    for (std::uint64_t m = 0; m < 5; ++m) {
      for (std::uint64_t n = 0; n < 70; ++n) {
        const double b = with_bias ? testing::from_bf16(bias[n]) : 0;
        const double r = testing::from_bf16(residual.at(m, n));
        ASSERT_EQ(testing::check_output(y.at(m, n), sums[m * 70 + n], 200, b + r,
                                        std::abs(b) + std::abs(r), 1),
                  "");
      }
    }
  }
}

TEST(CpuMatmul, SwiGlu) {
  for (const float sigma : {0.02f, 1.0f, 30.0f}) {
    const HostileTensor gate = testing::normal_tensor(90, 150, sigma, 5);
    const HostileTensor up = testing::normal_tensor(90, 150, 0.02f, 6);
    const Strided x(testing::make_inputs(Input::kNormal, 7, 150), 7, 150, 1);
    const std::vector<Sum> gates = reference(gate, x), ups = reference(up, x);
    const Packed g = pack(gate, Family::kHuffman), u = pack(up, Family::kPalette),
                 other_u = pack(up, Family::kHuffman);
    std::vector<std::uint16_t> first;
    for (const unsigned n : {1u, 3u}) {
      CpuMatmul cpu = threads(n);
      for (const Packed* second : {&u, &other_u}) {
        Strided y(7, 90, 2);
        ASSERT_TRUE(cpu.matmul_swiglu(g.weights, second->weights, x.view(), y.out()).ok());
        EXPECT_TRUE(y.gaps_untouched());
        if (first.empty()) first = y.words;
        EXPECT_TRUE(first == y.words);
      }
    }
    for (std::uint64_t i = 0; i < 7 * 90; ++i) {
      ASSERT_EQ(testing::check_swiglu(first[i / 90 * 92 + i % 90], gates[i], ups[i], 150, 1), "")
          << "gate " << gates[i].sum << " up " << ups[i].sum;
    }
  }
}

TEST(CpuMatmul, ManyTokens) {  // more than are widened at once
  const HostileTensor t = testing::normal_tensor(17, 65);
  expect_product(t, {testing::make_inputs(Input::kNormal, 2500, 65), 2500, 65, 0});
}

TEST(CpuMatmul, WrongArgumentsAreNamed) {
  const Packed packed = pack(testing::normal_tensor(32, 64), Family::kPalette);
  const Packed other = pack(testing::normal_tensor(31, 64), Family::kPalette);
  CpuMatmul cpu = threads(1);
  Strided x(3, 64, 0), y(3, 32, 0);
  const auto expect_refused = [&](const Result<void>& result, const std::string& name) {
    ASSERT_FALSE(result.ok()) << name;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(result.error().message.find(name), std::string::npos) << result.error().message;
  };
  const CpuWeights& w = packed.weights;
  expect_refused(cpu.matmul(w, {x.words.data(), 3, 63, 64}, y.out()), "x");
  expect_refused(cpu.matmul(w, {x.words.data(), 3, 64, 63}, y.out()), "x");
  expect_refused(cpu.matmul(w, {nullptr, 3, 64, 64}, y.out()), "x");
  expect_refused(cpu.matmul(w, x.view(), {y.words.data(), 3, 31, 32}), "y");
  expect_refused(cpu.matmul(w, x.view(), {y.words.data(), 2, 32, 32}), "y");
  expect_refused(cpu.matmul(w, x.view(), {y.words.data(), 3, 32, 31}), "y");
  expect_refused(cpu.matmul(w, x.view(), {nullptr, 3, 32, 32}), "y");
  expect_refused(cpu.matmul(w, x.view(), y.out(), {nullptr, x.words.data(), 31}), "residual");
  expect_refused(cpu.matmul(w, x.view(), y.out(), {nullptr, y.words.data(), 33}), "residual");
  expect_refused(cpu.matmul_swiglu(w, other.weights, x.view(), y.out()), "up");
  EXPECT_TRUE(y.words == Strided(3, 32, 0).words);
}

TEST(CpuWeights, DamageIsRefused) {
  for (const Family family : {Family::kPalette, Family::kHuffman, Family::kRadix}) {
    const Packed packed = pack(testing::student_t_tensor(40, 130), family);
    for (std::size_t at = 0; at < packed.blob.size(); at += 1 + at / 64) {
      std::vector<std::byte> damaged = packed.blob;
      damaged[at] ^= std::byte{0x10};
      EXPECT_FALSE(CpuWeights::open(damaged).ok()) << at;
    }
    for (const std::size_t size : {std::size_t{0}, std::size_t{511}, packed.blob.size() - 1}) {
      EXPECT_FALSE(CpuWeights::open(std::span(packed.blob).first(size)).ok());
    }
    std::vector<std::byte> shifted(packed.blob.size() + 1);
    std::memcpy(shifted.data() + 1, packed.blob.data(), packed.blob.size());
    const auto misaligned = CpuWeights::open(std::span(shifted).subspan(1));
    ASSERT_FALSE(misaligned.ok());
    EXPECT_EQ(misaligned.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace unweight
