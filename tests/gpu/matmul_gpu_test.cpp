// SPDX-License-Identifier: BSD-3-Clause
//
// What gpu::matmul computes: against float64 over sizes, configs, weights and inputs; the same bits
// from every form of the weights and from run to run.
#include "matmul_gpu_support.h"
#include "unweight/matmul.h"

namespace unweight::gpu_testing {
namespace {

using MatmulGpuTest = GpuTest;
using testing::Input;
using testing::make_inputs;

struct Size {
  std::uint64_t m, n, k;
};

std::vector<Size> sizes() {
  std::vector<Size> all = {{1, 1, 1},      {2, 8, 15},    {3, 15, 16},    {7, 16, 17},
                           {8, 17, 64},    {9, 64, 65},   {16, 65, 8},    {17, 100, 100},
                           {33, 1, 1000},  {64, 64, 1},   {1, 100, 1000}, {100, 17, 129},
                           {129, 33, 200}, {5, 1000, 72}, {65, 130, 320}, {1, 16, 4096}};
  if (small_sizes()) return all;
  const std::vector<Size> large = {
      {1, 4096, 4096},   {2, 1024, 2050},   {3, 2050, 1024},   {7, 4096, 1000},
      {8, 1000, 4096},   {9, 2050, 2050},   {16, 1024, 8192},  {17, 4100, 1030},
      {33, 1000, 1000},  {64, 2050, 4096},  {100, 1024, 1024}, {128, 1000, 2050},
      {129, 4096, 1024}, {256, 1024, 2050}, {300, 2050, 1000}, {1000, 1000, 1024},
      {1000, 65, 4096},  {1, 14336, 4096},  {4, 4096, 14336},  {1, 1, 16384},
      {255, 48, 64},     {257, 8, 8},       {2049, 100, 100},  {1, 32000, 512}};
  all.insert(all.end(), large.begin(), large.end());
  return all;
}

TEST_F(MatmulGpuTest, AnySize) {
  std::uint64_t salt = 0;
  for (const Size& s : sizes()) {
    const DeviceWeights weights(testing::normal_tensor(s.n, s.k));
    const Words x = make_inputs(Input::kNormal, s.m, s.k);
    expect_product(
        weights, x, s.m,
        some_configs(weights.problem(s.m, WeightForm::kPalette), small_sizes() ? 2 : 6, ++salt));
    if (HasFailure()) return;
  }
}

// Also one that was planned for another form or fewer SMs.
TEST_F(MatmulGpuTest, EveryPlanOfEveryForm) {
  const DeviceWeights weights(testing::student_t_tensor(530, 1000));
  for (const std::uint64_t m : {1u, 5u, 12u, 30u, 60u, 120u, 250u}) {
    if (small_sizes() && m > 30) break;
    std::vector<MatmulConfig> plans;
    for (const WeightForm form : kForms) {
      for (const std::uint32_t max_sms : {0u, 1u, 5u}) {
        const auto plan =
            gpu::plan_matmul(weights.problem(m, form), {.max_sms = max_sms}, Scratch::kEnough);
        ASSERT_TRUE(plan.ok()) << plan.error().message;
        EXPECT_TRUE(max_sms == 0 || plan->max_sms == max_sms);
        plans.push_back(*plan);
      }
    }
    expect_product(weights, make_inputs(Input::kNormal, m, 1000), m, plans);
  }
}

TEST_F(MatmulGpuTest, EveryConfig) {
  const std::vector<Size> shapes =
      small_sizes() ? std::vector<Size>{{9, 100, 200}}
                    : std::vector<Size>{{5, 1030, 4160}, {70, 200, 1000}, {260, 530, 648}};
  for (const Size& s : shapes) {
    // Rows with outliers: verbatim rows in every stage.
    const DeviceWeights weights(testing::student_t_tensor(s.n, s.k));
    const auto configs =
        covering_configs(weights.problem(s.m, WeightForm::kPalette), !small_sizes());
    for (const auto kernel : {MatmulConfig::Kernel::kMma, MatmulConfig::Kernel::kWgmma}) {
      EXPECT_TRUE(std::any_of(configs.begin(), configs.end(),
                              [&](const MatmulConfig& c) { return c.kernel == kernel; }))
          << "no config of kernel " << static_cast<int>(kernel);
    }
    expect_product(weights, make_inputs(Input::kNormal, s.m, s.k), s.m, configs);
    if (HasFailure()) return;
  }
}

// Wherever stream-K cuts items: heads, middles and tails of all lengths, with and without whole
// items before, more CTAs than tiles.
TEST_F(MatmulGpuTest, StreamKOfEveryCut) {
  const std::uint64_t n = 300, k = small_sizes() ? 300 : 1100;
  const DeviceWeights weights(testing::student_t_tensor(n, k));
  for (const std::uint64_t m : {40u, 300u}) {
    std::vector<MatmulConfig> configs;
    for (std::uint32_t ctas = 2; ctas <= 130; ctas += small_sizes() ? 41 : 3) {
      MatmulConfig c{.kernel = MatmulConfig::Kernel::kWgmma, .num_stages = 4, .stream_ctas = ctas};
      c.tokens_per_tile = m == 40 ? 64 : 32 << ctas % 4;
      c.strips_per_tile = c.tokens_per_tile >= 128 ? 8 : 4;
      c.k_warps = c.tokens_per_tile <= 64 ? 1 + ctas / 4 % 4 : 1;
      c.tiles_per_stage = c.tokens_per_tile <= 128 ? c.k_warps * (1 + ctas / 16 % 2) : 1;
      if (gpu::can_implement(weights.problem(m, WeightForm::kTiles), c)) configs.push_back(c);
    }
    EXPECT_GE(configs.size(), small_sizes() ? 2u : 20u);
    expect_product(weights, make_inputs(Input::kNormal, m, k), m, configs);
    if (HasFailure()) return;
  }
}

// Few CTAs do the work of many, in the same order.
TEST_F(MatmulGpuTest, FewSms) {
  const DeviceWeights weights(testing::normal_tensor(400, 700));
  const Words x = make_inputs(Input::kNormal, 100, 700);
  const DeviceOperand device_x(x, 100, 700, {0, aligned_gap(700)});
  for (MatmulConfig config : some_configs(weights.problem(100, WeightForm::kPalette), 8, 3)) {
    const Words all = multiply(weights, WeightForm::kPalette, device_x, config);
    for (const std::uint32_t max_sms : {8u, 17u}) {
      config.max_sms = max_sms;
      if (!gpu::can_implement(weights.problem(100, WeightForm::kPalette), config)) continue;
      EXPECT_TRUE(multiply(weights, WeightForm::kPalette, device_x, config) == all)
          << describe(config);
    }
  }
}

HostileTensor few_zeros_tensor(std::uint64_t rows, std::uint64_t cols) {
  HostileTensor t = testing::normal_tensor(rows, cols);  // 1 %: the palette is no run then
  for (std::size_t i = 0; i < t.weights.size(); i += 97) {
    t.weights[i] = static_cast<std::uint16_t>(i % 2 << 15);
  }
  t.name = "few_zeros";
  return t;
}

HostileTensor paired_tensor(std::uint64_t rows, std::uint64_t cols) {
  HostileTensor t = testing::normal_tensor(rows, cols);  // what kCancelling inputs cancel
  for (std::size_t i = 1; i < t.weights.size(); i += 2) {
    if (i % 100 != 1) t.weights[i] = t.weights[i - 1];
  }
  t.name = "paired";
  return t;
}

TEST_F(MatmulGpuTest, AnyWeights) {
  std::vector<HostileTensor> tensors = test_tensors();
  tensors.push_back(few_zeros_tensor(130, 330));
  tensors.push_back(testing::many_exponents_tensor(70, 200));  // every row verbatim
  tensors.push_back(testing::random_bits_tensor(64, 128));
  std::uint64_t salt = 0;
  for (const HostileTensor& t : tensors) {
    SCOPED_TRACE(t.name);
    const std::uint64_t m = ++salt % 3 == 0 ? 70 : 11;
    const DeviceWeights weights(t);
    const auto configs =
        some_configs(weights.problem(m, WeightForm::kPalette), small_sizes() ? 1 : 3, salt);
    expect_product(weights, make_inputs(Input::kNormal, m, t.cols), m, configs);
    if (HasFailure()) return;
  }
}

/// Exponents 115 .. 125, which the radix family has digits for, but weights of which
/// is_escape(tile, random) says so.
template <typename IsEscape>
HostileTensor escapes_tensor(const char* name, std::uint64_t rows, std::uint64_t cols,
                             IsEscape is_escape) {
  HostileTensor t{rows, cols, Words(rows * cols), name};
  std::mt19937_64 rng(47);
  const std::uint64_t strip_tiles = layout::TileGrid{rows, cols}.tiles_per_strip();
  for (std::uint64_t i = 0; i < t.weights.size(); ++i) {
    const std::uint64_t tile =
        i / cols / layout::kTileRows * strip_tiles + i % cols / layout::kTileCols;
    const std::uint64_t exponent = is_escape(tile, rng()) ? 95 + rng() % 20 : 115 + rng() % 11;
    t.weights[i] = static_cast<std::uint16_t>((rng() & 0x807f) | exponent << 7);
  }
  return t;
}

// Windows of 32 escapes lie over many chunks or inside one tile, end with a chunk or a tile, and
// warps that share a strip pass over many whose tiles others decode.
TEST_F(MatmulGpuTest, EscapesOfAnyDensity) {
  // 34 or 66 tiles: strips begin anywhere in a chunk.
  const std::uint64_t n = small_sizes() ? 40 : 200, k = small_sizes() ? 2122 : 4170;
  const HostileTensor tensors[] = {
      escapes_tensor("none", n, k, [](std::uint64_t, std::uint64_t) { return false; }),
      escapes_tensor("rare", n, k,
                     [](std::uint64_t, std::uint64_t random) { return random % 20000 == 0; }),
      escapes_tensor("one_a_chunk", n, k,
                     [](std::uint64_t tile, std::uint64_t random) {
                       return tile % 32 == 7 && random % 1024 == 0;
                     }),
      escapes_tensor("32_a_tile", n, k,
                     [](std::uint64_t, std::uint64_t random) { return random % 32 == 0; }),
      escapes_tensor("chunks", n, k,
                     [](std::uint64_t tile, std::uint64_t) { return tile / 32 % 3 == 1; }),
      escapes_tensor("tiles", n, k,
                     [](std::uint64_t tile, std::uint64_t) { return tile % 37 == 30; }),
      escapes_tensor("ends_of_chunks", n, k,
                     [](std::uint64_t tile, std::uint64_t) { return tile % 32 >= 29; }),
  };
  std::uint64_t salt = 0;
  for (const HostileTensor& t : tensors) {
    const DeviceWeights weights(t);
    for (const std::uint64_t m : {5u, 40u}) {
      if (small_sizes() && (++salt / 2 + m) % 2 == 0) continue;
      expect_product(
          weights, make_inputs(Input::kNormal, m, k), m,
          some_configs(weights.problem(m, WeightForm::kRadix), small_sizes() ? 1 : 12, ++salt));
      if (HasFailure()) return;
    }
  }
}

TEST_F(MatmulGpuTest, AnyInputs) {
  std::uint64_t salt = 0;
  for (const HostileTensor& t :
       {testing::normal_tensor(100, 330), paired_tensor(64, 512), few_zeros_tensor(80, 200),
        testing::normal_tensor(50, 130, 1e-38f), testing::outlier_columns_tensor(40, 1000)}) {
    const DeviceWeights weights(t);
    for (const Input input : testing::kInputs) {
      for (const std::uint64_t m : {4u, 70u}) {
        SCOPED_TRACE(t.name + " " + testing::input_name(input));
        expect_product(
            weights, make_inputs(input, m, t.cols), m,
            some_configs(weights.problem(m, WeightForm::kPalette), small_sizes() ? 1 : 4, ++salt));
        if (HasFailure()) return;
      }
    }
  }
}

// Padding of a matrix that is all infinities or NaNs has their exponent: times 0 it would be NaN,
// where the sum of the real products is an infinity.
TEST_F(MatmulGpuTest, PaddingAddsNothing) {
  std::uint64_t salt = 0;
  for (const auto& [n, k] : {std::pair{17, 65}, {33, 1}, {20, 70}, {100, 1000}}) {
    for (const std::uint16_t value : {std::uint16_t{0x7f80}, std::uint16_t{0x7fc1}}) {
      const DeviceWeights weights(testing::constant_tensor(n, k, value));
      for (const Input input : {Input::kOnes, Input::kNormal}) {
        for (const std::uint64_t m : {3u, 66u}) {
          const auto configs = some_configs(weights.problem(m, WeightForm::kPalette), 5, ++salt);
          expect_product(weights, make_inputs(input, m, k), m, configs);
          if (HasFailure()) return;
        }
      }
    }
  }
}

TEST_F(MatmulGpuTest, BadTokensStayAmongThemselves) {
  constexpr std::uint64_t kTokens = 75, kCols = 330;
  const DeviceWeights weights(testing::student_t_tensor(100, kCols));
  const Words clean = make_inputs(Input::kNormal, kTokens, kCols);
  Words spoilt = clean;
  spoilt[1 * kCols + kCols - 1] = 0x7fc0;
  spoilt[4 * kCols + 64] = 0x7f80;
  spoilt[70 * kCols + 3] = 0xff80;
  spoilt[74 * kCols + 200] = 0x7f81;
  const DeviceOperand x(clean, kTokens, kCols, {0, aligned_gap(kCols)});
  const DeviceOperand bad_x(spoilt, kTokens, kCols, {0, aligned_gap(kCols)});
  for (const MatmulConfig& config :
       some_configs(weights.problem(kTokens, WeightForm::kPalette), 8, 5)) {
    SCOPED_TRACE(describe(config));
    const Words expected = multiply(weights, WeightForm::kPalette, x, config);
    const Words y = multiply(weights, WeightForm::kPalette, bad_x, config);
    for (std::uint64_t t = 0; t < kTokens; ++t) {
      for (std::uint64_t r = 0; r < 100; ++r) {
        const std::uint16_t got = y[t * 100 + r];
        if (t == 1 || t == 74) {
          ASSERT_TRUE(testing::is_nan_bf16(got)) << t << " " << r;
        } else if (t == 4 || t == 70) {
          ASSERT_GE(got & 0x7fff, 0x7f80) << t << " " << r;
        } else {
          ASSERT_EQ(got, expected[t * 100 + r]) << t << " " << r;
        }
      }
    }
    Reference(weights.tensor, spoilt, kTokens).expect_product(y);
  }
}

// The CPU's matmul is another implementation with the same rounding: its outputs differ by what two
// orders of fp32 sums can, mostly not at all.
TEST_F(MatmulGpuTest, AgreesWithTheCpu) {
  const std::uint64_t n = 1000, k = 1030, m = 40;
  const DeviceWeights weights(testing::normal_tensor(n, k));
  const Words x = make_inputs(Input::kNormal, m, k);
  const auto blob = encode(view_of(weights.tensor), {.family = Family::kHuffman});
  ASSERT_TRUE(blob.ok());
  auto cpu_weights = CpuWeights::open(*blob);
  auto cpu = CpuMatmul::create();
  ASSERT_TRUE(cpu_weights.ok() && cpu.ok());
  Words expected(m * n);
  ASSERT_TRUE(cpu->matmul(*cpu_weights, {x.data(), m, k, k}, {expected.data(), m, n, n}).ok());
  const DeviceOperand device_x(x, m, k, {0, aligned_gap(k)});
  for (const MatmulConfig& config : some_configs(weights.problem(m, WeightForm::kPalette), 4, 1)) {
    const Words y = multiply(weights, WeightForm::kPalette, device_x, config);
    std::uint64_t differing = 0;
    for (std::uint64_t i = 0; i < y.size(); ++i) differing += y[i] != expected[i] ? 1 : 0;
    // Neighbours of a rounding boundary: 2^-24 * sqrt(K) of 2^-9, rarely more than 1 in 100.
    EXPECT_LT(differing, y.size() / 50) << describe(config);
  }
}

}  // namespace
}  // namespace unweight::gpu_testing
