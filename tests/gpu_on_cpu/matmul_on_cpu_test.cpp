// SPDX-License-Identifier: BSD-3-Clause
//
// The whole matmul of gpu_matmul.h, host code and kernels, on a device of fibers: against float64,
// and the same bits from every form of the weights. Small: tests/gpu has the sizes that matter.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "gpu_on_cpu/host_tensor.h"
#include "gpu_on_cpu/runtime_on_cpu.h"
#include "hostile_tensors.h"
#include "matmul_reference.h"
#include "unweight/gpu_matmul.h"

namespace unweight::on_cpu {
namespace {

using gpu::MatmulConfig;
using gpu::MatmulProblem;
using gpu::MatmulWeights;
using gpu::WeightForm;
using testing::HostileTensor;
using Words = std::vector<std::uint16_t>;

constexpr WeightForm kForms[] = {WeightForm::kPalette, WeightForm::kRadix, WeightForm::kExponents,
                                 WeightForm::kTiles};
constexpr std::uint16_t kPoison = 0xa5a5;

/// A tensor in every form.
struct HostWeights {
  explicit HostWeights(const HostileTensor& t)
      : tensor(t), palette(t, Family::kPalette), radix(t, Family::kRadix) {
    const layout::TileGrid grid{t.rows, t.cols};
    exponents.resize(grid.num_tiles() * layout::kTileByteSectionBytes / 8);
    tiles.resize(grid.num_tiles() * layout::kTileWeightSectionBytes / 8);
    for (std::uint64_t row = 0; row < t.rows; ++row) {
      for (std::uint64_t col = 0; col < t.cols; ++col) {
        const std::uint64_t tile =
            row / layout::kTileRows * grid.tiles_per_strip() + col / layout::kTileCols;
        const auto at =
            layout::lane_position({static_cast<std::uint32_t>(row % layout::kTileRows),
                                   static_cast<std::uint32_t>(col % layout::kTileCols)});
        const std::uint16_t w = t.weights[row * t.cols + col];
        reinterpret_cast<std::uint8_t*>(exponents.data())[tile * layout::kTileByteSectionBytes +
                                                          layout::byte_section_offset(at)] =
            codec::exponent_of(w);
        std::memcpy(reinterpret_cast<std::uint8_t*>(tiles.data()) +
                        tile * layout::kTileWeightSectionBytes + layout::weight_section_offset(at),
                    &w, sizeof(w));
      }
    }
  }
  [[nodiscard]] MatmulWeights in(WeightForm form) const {
    MatmulWeights weights;
    weights.form = form;
    weights.packed =
        form == WeightForm::kRadix ? radix.view(Family::kRadix) : palette.view(Family::kPalette);
    weights.exponents = reinterpret_cast<const std::byte*>(exponents.data());
    weights.tiles = reinterpret_cast<const std::byte*>(tiles.data());
    return weights;
  }
  [[nodiscard]] MatmulProblem problem(std::uint64_t m, WeightForm form, bool swiglu = false) const {
    return {tensor.rows, tensor.cols, m, form, swiglu};
  }

  HostileTensor tensor;
  HostTensor palette, radix;
  std::vector<std::uint64_t> exponents, tiles;
};

std::string describe(const MatmulConfig& c) {
  return std::string(c.kernel == MatmulConfig::Kernel::kMma ? "mma" : "wgmma") + " t" +
         std::to_string(c.tokens_per_tile) + " s" + std::to_string(c.strips_per_tile) + " w" +
         std::to_string(c.k_warps) + " p" + std::to_string(c.k_parts) + " c" +
         std::to_string(c.multicast) + " k" + std::to_string(c.tiles_per_stage) + " d" +
         std::to_string(c.num_stages) + " m" + std::to_string(c.max_sms) + " x" +
         std::to_string(c.stream_ctas);
}

/// Workspace and outputs of a launch.
struct Launch {
  /// Rows of y are `gap` elements apart.
  Launch(std::uint64_t m, std::uint64_t n, std::uint64_t workspace_bytes, std::uint64_t gap)
      : rows(m),
        cols(n),
        stride(n + gap),
        y(m * stride + 8, kPoison),
        workspace(workspace_bytes / 8 + 32, 0xa5a5a5a5) {
    options.workspace_bytes = workspace_bytes;
    std::byte* const at = reinterpret_cast<std::byte*>(workspace.data());
    options.workspace = at + (256 - reinterpret_cast<std::uintptr_t>(at) % 256) % 256;
    EXPECT_TRUE(gpu::prepare_matmul_workspace(options.workspace, workspace_bytes, nullptr).ok());
  }
  [[nodiscard]] gpu::MutableDeviceMatrix out() {
    return {y.data() + (8 - reinterpret_cast<std::uintptr_t>(y.data()) / 2 % 8) % 8, rows, cols,
            stride};
  }
  /// y, dense; nothing beside it was written, and the flags are zero again.
  [[nodiscard]] Words read() {
    Words dense;
    const std::uint16_t* const first = out().data;
    for (std::uint64_t i = 0; i < rows * stride; ++i) {
      if (i % stride < cols) {
        dense.push_back(first[i]);
      } else {
        EXPECT_EQ(first[i], kPoison) << "written beside y";
      }
    }
    const std::uint64_t flags = std::min<std::uint64_t>(options.workspace_bytes, 1024);
    EXPECT_TRUE(std::all_of(options.workspace, options.workspace + flags,
                            [](std::byte b) { return b == std::byte{0}; }));
    return dense;
  }

  std::uint64_t rows, cols, stride;
  Words y;
  std::vector<std::uint64_t> workspace;
  gpu::MatmulOptions options;
};

Words multiply(const HostWeights& w, WeightForm form, const Words& x, std::uint64_t m,
               const MatmulConfig& config, const gpu::MatmulEpilogue& epilogue = {},
               std::uint64_t gap = 8) {
  const gpu::DeviceMatrix view{x.data(), m, w.tensor.cols, w.tensor.cols};
  Launch launch(m, w.tensor.rows, gpu::matmul_workspace_bytes(w.problem(m, form), view, config),
                gap);
  const auto result =
      gpu::matmul(w.in(form), view, launch.out(), config, nullptr, epilogue, launch.options);
  EXPECT_TRUE(result.ok()) << (result ? "" : result.error().message);
  return launch.read();
}

void expect_product(const HostWeights& w, const Words& x, std::uint64_t m, const Words& y) {
  const std::uint64_t n = w.tensor.rows, k = w.tensor.cols;
  int shown = 0;
  for (std::uint64_t i = 0; i < m * n && shown < 3; ++i) {
    const auto sum =
        testing::dot_float64(w.tensor.weights.data() + i % n * k, x.data() + i / n * k, k);
    const std::string wrong = testing::check_output(y[i], sum, k);
    if (wrong.empty()) continue;
    ADD_FAILURE() << "token " << i / n << " row " << i % n << ": " << wrong;
    ++shown;
  }
}

/// Right, and the same from every form that has the config.
void expect_forms_agree(const HostWeights& w, const Words& x, std::uint64_t m,
                        const MatmulConfig& config) {
  SCOPED_TRACE(describe(config) + ", m " + std::to_string(m) + ", " + w.tensor.name);
  Words first;
  for (const WeightForm form : kForms) {
    if (!gpu::can_implement(w.problem(m, form), config)) continue;
    const Words y = multiply(w, form, x, m, config);
    if (first.empty()) {
      first = y;
      expect_product(w, x, m, y);
    }
    EXPECT_TRUE(y == first) << gpu::weight_form_name(form) << " has other bits";
  }
  EXPECT_FALSE(first.empty());
}

/// Configs that can_implement() accepts, in a fixed random order.
std::vector<MatmulConfig> some_configs(const MatmulProblem& problem, MatmulConfig::Kernel kernel,
                                       std::size_t count, std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  const auto one_of = [&](std::initializer_list<std::uint32_t> values) {
    return values.begin()[rng() % values.size()];
  };
  std::vector<MatmulConfig> found;
  for (int tries = 0; tries < 100'000 && found.size() < count; ++tries) {
    MatmulConfig c;
    c.kernel = kernel;
    c.tokens_per_tile =
        kernel == MatmulConfig::Kernel::kMma ? one_of({8, 16, 32}) : one_of({32, 64, 128, 256});
    c.strips_per_tile = one_of({1, 2, 3, 4, 5, 7, 8, 12});
    c.k_warps = one_of({1, 1, 2, 3, 4});
    c.k_parts = one_of({1, 1, 2, 4});
    c.multicast = one_of({1, 1, 2});
    c.tiles_per_stage = one_of({1, 2, 3, 4});
    c.num_stages = one_of({2, 3, 4, 5});
    c.max_sms = one_of({0, 0, 0, 2, 5});
    c.stream_ctas = one_of({0, 0, 2, 3, 5, 6});
    if (gpu::can_implement(problem, c)) found.push_back(c);
  }
  EXPECT_EQ(found.size(), count);
  return found;
}

class MatmulOnCpu : public ::testing::TestWithParam<int> {};

// 34 tiles a strip: chunks begin inside of strips; rows and columns that are no whole tiles.
TEST_P(MatmulOnCpu, MmaIsRightUnderAnyConfig) {
  const HostWeights w(testing::student_t_tensor(150, 700 + 1430 * (GetParam() % 2)));
  const std::uint64_t m = 1 + GetParam() * 11;
  const Words x = testing::make_inputs(testing::Input::kNormal, m, w.tensor.cols);
  for (const MatmulConfig& c : some_configs(w.problem(m, WeightForm::kTiles),
                                            MatmulConfig::Kernel::kMma, 6, 7 + GetParam()))
    expect_forms_agree(w, x, m, c);
}

TEST_P(MatmulOnCpu, WgmmaIsRightUnderAnyConfig) {
  const HostWeights w(testing::student_t_tensor(200, 330));
  const std::uint64_t m = 20 + GetParam() * 31;
  const Words x = testing::make_inputs(testing::Input::kNormal, m, w.tensor.cols);
  for (const MatmulConfig& c : some_configs(w.problem(m, WeightForm::kTiles),
                                            MatmulConfig::Kernel::kWgmma, 4, 70 + GetParam()))
    expect_forms_agree(w, x, m, c);
}

// Outputs that leave through fp32 sums, x that has to be copied first.
TEST_P(MatmulOnCpu, EpiloguesAndStrides) {
  const bool is_mma = GetParam() % 2 == 0;
  const std::uint64_t n = 90, k = 200, m = is_mma ? 9 : 70;
  const HostWeights gate(testing::normal_tensor(n, k)), up(testing::student_t_tensor(n, k));
  const Words shifted = testing::make_inputs(testing::Input::kNormal, 1, m * k + 1);
  const Words x(shifted.begin() + 1, shifted.end());
  const Words bias = testing::make_inputs(testing::Input::kNormal, 1, n, 3);
  const Words residual = testing::make_inputs(testing::Input::kNormal, m, n, 4);
  const gpu::MatmulEpilogue epilogue{bias.data(), residual.data(), n};
  const auto kernel = is_mma ? MatmulConfig::Kernel::kMma : MatmulConfig::Kernel::kWgmma;
  const auto sum_of = [&](const HostWeights& w, std::uint64_t i) {
    return testing::dot_float64(w.tensor.weights.data() + i % n * k, x.data() + i / n * k, k);
  };
  for (const MatmulConfig& c :
       some_configs(gate.problem(m, WeightForm::kRadix, true), kernel, 3, 700 + GetParam())) {
    SCOPED_TRACE(describe(c));
    const Words y = multiply(gate, WeightForm::kPalette, x, m, c, epilogue, 3);
    const gpu::DeviceMatrix bad_x{shifted.data() + 1, m, k, k};
    Launch launch(
        m, n, gpu::matmul_workspace_bytes(gate.problem(m, WeightForm::kRadix, true), bad_x, c), 1);
    const auto result = gpu::matmul_swiglu(gate.in(WeightForm::kRadix), up.in(WeightForm::kRadix),
                                           bad_x, launch.out(), c, nullptr, launch.options);
    ASSERT_TRUE(result.ok()) << result.error().message;
    const Words gated = launch.read();
    for (std::uint64_t i = 0; i < m * n; ++i) {
      const double added = testing::from_bf16(bias[i % n]) + testing::from_bf16(residual[i]);
      const double magnitude =
          std::abs(testing::from_bf16(bias[i % n])) + std::abs(testing::from_bf16(residual[i]));
      ASSERT_EQ(testing::check_output(y[i], sum_of(gate, i), k, added, magnitude), "") << i;
      ASSERT_EQ(testing::check_swiglu(gated[i], sum_of(gate, i), sum_of(up, i), k), "") << i;
    }
  }
}

TEST(MatmulPlanOnCpu, RunsInTheWorkspaceItWasMadeFor) {
  const HostWeights w(testing::normal_tensor(1600, 200));
  const std::uint64_t m = 40;
  const Words x = testing::make_inputs(testing::Input::kNormal, m, 200);
  for (const std::uint64_t workspace : {std::uint64_t{0}, std::uint64_t{18'000'000}}) {
    const MatmulProblem problem = w.problem(m, WeightForm::kPalette);
    const auto plan = gpu::plan_matmul(problem, {}, workspace);
    ASSERT_TRUE(plan.ok());
    EXPECT_LE(gpu::matmul_workspace_bytes(problem, {x.data(), m, 200, 200}, *plan), workspace);
    expect_forms_agree(w, x, m, *plan);
  }
}

INSTANTIATE_TEST_SUITE_P(Some, MatmulOnCpu, ::testing::Range(0, 4));

}  // namespace
}  // namespace unweight::on_cpu
