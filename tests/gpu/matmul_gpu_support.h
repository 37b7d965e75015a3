// SPDX-License-Identifier: BSD-3-Clause
//
// What the tests of gpu_matmul.h share: one matrix in every form, strided operands between guards,
// a menu of configurations, and outputs held against float64.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gpu_test_support.h"
#include "matmul_reference.h"
#include "unweight/gpu_matmul.h"

namespace unweight::gpu_testing {

using gpu::MatmulConfig;
using gpu::MatmulProblem;
using gpu::WeightForm;
using testing::HostileTensor;
using Words = std::vector<std::uint16_t>;

inline constexpr std::array kForms = {WeightForm::kPalette, WeightForm::kExponents,
                                      WeightForm::kTiles, WeightForm::kRadix};

inline std::string message_of(const Result<void>& result) {
  return result ? "" : result.error().message;
}

// ---- Weights ------------------------------------------------------------------------------------

/// One matrix on the device, in all forms.
class DeviceWeights {
 public:
  explicit DeviceWeights(HostileTensor t) : tensor(std::move(t)) {
    palette = load(Family::kPalette);
    huffman = load(Family::kHuffman);
    radix = load(Family::kRadix);
    const std::uint64_t num_tiles = layout::TileGrid{tensor.rows, tensor.cols}.num_tiles();
    exponents = std::make_unique<Guarded>(num_tiles * layout::kTileByteSectionBytes);
    tiles = std::make_unique<Guarded>(num_tiles * layout::kTileWeightSectionBytes);
    if (num_tiles == 0) return;
    const auto as_bytes = gpu::decode_exponents(huffman->view, exponents->data(), nullptr);
    EXPECT_TRUE(as_bytes.ok()) << message_of(as_bytes);
    const auto as_tiles = gpu::decode_to_tiles(palette->view, tiles->data(), nullptr);
    EXPECT_TRUE(as_tiles.ok()) << message_of(as_tiles);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  }

  /// Only what the form needs: everything else is null.
  [[nodiscard]] gpu::MatmulWeights in(WeightForm form) const {
    gpu::MatmulWeights weights;
    weights.form = form;
    switch (form) {
      case WeightForm::kPalette:
        weights.packed = palette->view;
        break;
      case WeightForm::kExponents:
        weights.packed.extents = huffman->view.extents;
        weights.packed.sign_mantissa = huffman->view.sign_mantissa;
        weights.exponents = exponents->data();
        break;
      case WeightForm::kTiles:
        weights.packed.extents = palette->view.extents;
        weights.tiles = tiles->data();
        break;
      case WeightForm::kRadix:
        weights.packed = radix->view;
        break;
    }
    return weights;
  }
  /// kPalette, kRadix: what in() has.
  [[nodiscard]] const GuardedTensor& packed(WeightForm form) const {
    return form == WeightForm::kRadix ? *radix : *palette;
  }
  [[nodiscard]] MatmulProblem problem(std::uint64_t m, WeightForm form, bool swiglu = false) const {
    return {.n = tensor.rows, .k = tensor.cols, .m = m, .form = form, .swiglu = swiglu};
  }

  HostileTensor tensor;
  std::unique_ptr<GuardedTensor> palette, huffman, radix;
  std::unique_ptr<Guarded> exponents, tiles;

 private:
  [[nodiscard]] std::unique_ptr<GuardedTensor> load(Family family) const {
    const auto blob = encode(view_of(tensor), {.family = family, .self_check = false});
    EXPECT_TRUE(blob.ok());
    const auto extents = gpu::blob_extents(*blob);
    EXPECT_TRUE(extents.ok());
    auto loaded = std::make_unique<GuardedTensor>(*extents);
    const auto uploaded = gpu::upload(*blob, loaded->view, nullptr);
    EXPECT_TRUE(uploaded.ok()) << message_of(uploaded);
    return loaded;
  }
};

// ---- Operands -----------------------------------------------------------------------------------

/// How a matrix lies in memory: elements before its first row, and behind each row.
struct Placing {
  std::uint64_t shift = 0;
  std::uint64_t gap = 0;
};

/// A gap that makes the stride a multiple of 8 (what tensor copies need), and is not empty.
inline std::uint64_t aligned_gap(std::uint64_t cols) {
  return (8 - cols % 8) % 8 + 8;
}

/// A matrix on the device. What is not of the matrix holds `between`: NaN before a matmul reads it,
/// so that whoever uses it is found out.
class DeviceOperand {
 public:
  static constexpr std::uint16_t kNan = 0x7fc0;
  static constexpr std::uint16_t kPoisonWord = kPoison << 8 | kPoison;

  DeviceOperand(const Words& dense, std::uint64_t rows, std::uint64_t cols, Placing placing,
                std::uint16_t between = kNan)
      : rows_(rows),
        cols_(cols),
        stride_(cols + placing.gap),
        shift_(placing.shift),
        between_(between),
        memory_(2 * (shift_ + rows * stride_)) {
    Words words(shift_ + rows * stride_, between);
    for (std::uint64_t i = 0; i < dense.size(); ++i) {
      words[shift_ + i / cols * stride_ + i % cols] = dense[i];
    }
    if (words.empty()) return;
    EXPECT_EQ(cudaMemcpy(memory_.data(), words.data(), 2 * words.size(), cudaMemcpyHostToDevice),
              cudaSuccess);
  }
  /// To be written to.
  DeviceOperand(std::uint64_t rows, std::uint64_t cols, Placing placing)
      : DeviceOperand({}, rows, cols, placing, kPoisonWord) {}

  [[nodiscard]] gpu::DeviceMatrix view() const {
    return {memory_.as<std::uint16_t>() + shift_, rows_, cols_, stride_};
  }
  [[nodiscard]] gpu::MutableDeviceMatrix out() const {
    return {memory_.as<std::uint16_t>() + shift_, rows_, cols_, stride_};
  }

  /// The matrix without gaps; fails the test if anything outside it was written to.
  [[nodiscard]] Words read() const {
    const Words words = memory_.read<std::uint16_t>();
    Words dense;
    dense.reserve(rows_ * cols_);
    std::uint64_t touched = 0;
    for (std::uint64_t i = 0; i < words.size(); ++i) {
      if (i >= shift_ && (i - shift_) % stride_ < cols_) {
        dense.push_back(words[i]);
      } else if (words[i] != between_) {
        ++touched;
      }
    }
    EXPECT_EQ(touched, 0u) << "elements in gaps were written";
    return dense;
  }

 private:
  std::uint64_t rows_, cols_, stride_, shift_;
  std::uint16_t between_;
  Guarded memory_;
};

/// A workspace.
struct Scratch {
  static constexpr std::uint64_t kEnough = 18'000'000;  ///< for any plan, of aligned x
  explicit Scratch(std::uint64_t bytes) : memory(bytes) {
    options.workspace = bytes == 0 ? nullptr : memory.data();
    options.workspace_bytes = bytes;
    const auto prepared = gpu::prepare_matmul_workspace(options.workspace, bytes, nullptr);
    EXPECT_TRUE(prepared.ok()) << message_of(prepared);
  }
  /// The next matmul finds it as this one did; nothing around it was written.
  void expect_ready() const {
    const auto all = memory.read();
    const auto end = all.begin() + std::min<std::ptrdiff_t>(kFlagsBytes, std::ssize(all));
    EXPECT_TRUE(std::all_of(all.begin(), end, [](std::uint8_t byte) { return byte == 0; }))
        << "flags are left";
  }
  static constexpr std::ptrdiff_t kFlagsBytes = 1024;  ///< what a matmul leaves zero
  Guarded memory;
  gpu::MatmulOptions options;
};

// ---- Configurations -----------------------------------------------------------------------------

inline std::string describe(const MatmulConfig& c) {
  return std::string(c.kernel == MatmulConfig::Kernel::kMma ? "mma" : "wgmma") + " tokens " +
         std::to_string(c.tokens_per_tile) + " strips " + std::to_string(c.strips_per_tile) +
         " k_warps " + std::to_string(c.k_warps) + " k_parts " + std::to_string(c.k_parts) +
         " multicast " + std::to_string(c.multicast) + " stage " +
         std::to_string(c.tiles_per_stage) + " x " + std::to_string(c.num_stages) + " sms " +
         std::to_string(c.max_sms) + " stream " + std::to_string(c.stream_ctas);
}

inline std::string describe(const MatmulProblem& p) {
  return std::to_string(p.m) + " tokens, " + std::to_string(p.n) + " x " + std::to_string(p.k) +
         " " + gpu::weight_form_name(p.form) + (p.swiglu ? " swiglu" : "");
}

inline constexpr int kNumFields = 8;
inline std::array<std::uint32_t, kNumFields> fields_of(const MatmulConfig& c) {
  return {c.tokens_per_tile, c.strips_per_tile, c.k_warps,    c.k_parts,
          c.multicast,       c.tiles_per_stage, c.num_stages, c.stream_ctas};
}

/// Every config with plausible values, in a fixed random order.
inline const std::vector<MatmulConfig>& all_configs() {
  static const std::vector<MatmulConfig> configs = [] {
    std::vector<MatmulConfig> made;
    const std::uint32_t pick[kNumFields][6] = {{8, 16, 32, 64, 128, 256},
                                               {1, 2, 4, 8, 16, 3},
                                               {1, 2, 4, 8},
                                               {1, 2, 4, 8},
                                               {1, 2},
                                               {1, 2, 4},
                                               {2, 3, 4, 6},
                                               {0, 1, 7, 100}};  // stream-K: CTAs
    const std::uint32_t sizes[kNumFields] = {6, 6, 4, 4, 2, 3, 4, 4};
    std::uint32_t total = 1;
    for (const std::uint32_t size : sizes) total *= size;
    for (std::uint32_t i = 0; i < 2 * total; ++i) {
      std::uint32_t v[kNumFields], rest = i / 2;
      for (int f = 0; f < kNumFields; ++f) {
        v[f] = pick[f][rest % sizes[f]];
        rest /= sizes[f];
      }
      const auto kernel = i % 2 == 0 ? MatmulConfig::Kernel::kMma : MatmulConfig::Kernel::kWgmma;
      made.push_back({kernel, v[0], v[1], v[2], v[3], v[4], v[5], v[6], 0, v[7]});
    }
    std::mt19937_64 rng(77);
    std::shuffle(made.begin(), made.end(), rng);
    return made;
  }();
  return configs;
}

/// Configs that can_implement() accepts, so many that every value of a field, or (`pairs`) every
/// two values of two fields, that it accepts together occur in one of them. Both kernels.
inline std::vector<MatmulConfig> covering_configs(const MatmulProblem& problem, bool pairs) {
  std::set<std::tuple<int, int, std::uint32_t, int, std::uint32_t>> covered;
  std::vector<MatmulConfig> chosen;
  for (const MatmulConfig& config : all_configs()) {
    const auto fields = fields_of(config);
    const int kernel = static_cast<int>(config.kernel);
    std::vector<std::tuple<int, int, std::uint32_t, int, std::uint32_t>> fresh;
    for (int a = 0; a < kNumFields; ++a) {
      for (int b = a; b < (pairs ? kNumFields : a + 1); ++b) {
        const std::tuple key{kernel, a, fields[a], b, fields[b]};
        if (!covered.contains(key)) fresh.push_back(key);
      }
    }
    if (fresh.empty() || !gpu::can_implement(problem, config)) continue;
    covered.insert(fresh.begin(), fresh.end());
    chosen.push_back(config);
  }
  return chosen;
}

/// The planner's choice, then up to `count` others, other ones for every `salt`. Which is which
/// does not depend on the form, so that forms can be compared.
inline std::vector<MatmulConfig> some_configs(MatmulProblem problem, std::size_t count,
                                              std::uint64_t salt) {
  static const auto menus = [] {
    std::array<std::vector<MatmulConfig>, 2> made;
    for (const bool swiglu : {false, true}) {
      made[swiglu] = covering_configs(
          {.n = 2048, .k = 4096, .m = 128, .form = WeightForm::kTiles, .swiglu = swiglu}, true);
    }
    return made;
  }();
  std::vector<MatmulConfig> configs;
  const auto planned = gpu::plan_matmul(problem, {}, Scratch::kEnough);
  EXPECT_TRUE(planned.ok()) << describe(problem) << ": "
                            << (planned ? "" : planned.error().message);
  if (planned) {
    configs.push_back(*planned);
    const auto possible = gpu::can_implement(problem, *planned);
    EXPECT_TRUE(possible.ok()) << describe(problem) << ", planned " << describe(*planned) << ": "
                               << message_of(possible);
  }
  const auto& menu = menus[problem.swiglu];
  for (std::size_t i = 0; i < menu.size() && configs.size() <= count; ++i) {
    const MatmulConfig& config = menu[(salt * 7 + i) % menu.size()];
    bool possible = true;
    for (const WeightForm form : kForms) {
      problem.form = form;
      possible = possible && gpu::can_implement(problem, config).ok();
    }
    if (possible) configs.push_back(config);
  }
  return configs;
}

// ---- Running ------------------------------------------------------------------------------------

/// y into poisoned memory; guards and gaps are looked at.
inline Words multiply(const DeviceWeights& weights, WeightForm form, const DeviceOperand& x,
                      const MatmulConfig& config, Placing y_placing = {},
                      const gpu::MatmulEpilogue& epilogue = {}) {
  const MatmulProblem problem = weights.problem(x.view().rows, form);
  SCOPED_TRACE(describe(problem) + ", " + describe(config));
  const Scratch scratch(gpu::matmul_workspace_bytes(problem, x.view(), config));
  const DeviceOperand y(problem.m, problem.n, y_placing);
  const auto result =
      gpu::matmul(weights.in(form), x.view(), y.out(), config, nullptr, epilogue, scratch.options);
  EXPECT_TRUE(result.ok()) << message_of(result);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  scratch.expect_ready();
  return y.read();
}

inline Words multiply_swiglu(const DeviceWeights& gate, const DeviceWeights& up, WeightForm form,
                             const DeviceOperand& x, const MatmulConfig& config,
                             Placing y_placing = {}) {
  const MatmulProblem problem = gate.problem(x.view().rows, form, true);
  SCOPED_TRACE(describe(problem) + ", " + describe(config));
  const Scratch scratch(gpu::matmul_workspace_bytes(problem, x.view(), config));
  const DeviceOperand y(problem.m, problem.n, y_placing);
  const auto result = gpu::matmul_swiglu(gate.in(form), up.in(form), x.view(), y.out(), config,
                                         nullptr, scratch.options);
  EXPECT_TRUE(result.ok()) << message_of(result);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  scratch.expect_ready();
  return y.read();
}

// ---- Comparing ----------------------------------------------------------------------------------

inline std::uint64_t reference_budget() {
  return small_sizes() ? 20'000'000 : 4'000'000'000;
}

/// float64 sums of all outputs, or of a sample of them where they are very many.
struct Reference {
  Reference(const HostileTensor& t, const Words& x, std::uint64_t m)
      : k(t.cols),
        n(t.rows),
        places(m == 0 || n == 0 ? std::vector<testing::Place>()
                                : testing::sample_outputs(m, n, k, reference_budget())),
        sums(places.size()) {
    constexpr std::uint64_t kGroup = 64;
    testing::for_each_parallel((sums.size() + kGroup - 1) / kGroup, [&](std::uint64_t group) {
      for (std::uint64_t i = group * kGroup; i < std::min(sums.size(), (group + 1) * kGroup); ++i) {
        sums[i] = testing::dot_float64(t.weights.data() + places[i].row * k,
                                       x.data() + places[i].token * k, k);
      }
    });
  }

  /// what(i, place, got) says what is wrong with an output.
  template <typename What>
  void expect(const Words& y, What what) const {
    int shown = 0;
    for (std::uint64_t i = 0; i < places.size() && shown < 5; ++i) {
      const std::string wrong = what(i, places[i], y[places[i].token * n + places[i].row]);
      if (wrong.empty()) continue;
      ADD_FAILURE() << "token " << places[i].token << " row " << places[i].row << ": " << wrong;
      ++shown;
    }
  }
  void expect_product(const Words& y) const {
    expect(y, [&](std::uint64_t i, const testing::Place&, std::uint16_t got) {
      return testing::check_output(got, sums[i], k);
    });
  }

  std::uint64_t k, n;
  std::vector<testing::Place> places;
  std::vector<testing::Sum> sums;
};

/// x W^T under each config: right, the same from every form and from run to run.
inline void expect_product(const DeviceWeights& weights, const Words& x, std::uint64_t m,
                           const std::vector<MatmulConfig>& configs) {
  const std::uint64_t k = weights.tensor.cols;
  const Reference reference(weights.tensor, x, m);
  const DeviceOperand device_x(x, m, k, {0, aligned_gap(k)});
  for (const MatmulConfig& config : configs) {
    SCOPED_TRACE(weights.tensor.name + " " + describe(config));
    Words first;
    for (const WeightForm form : kForms) {
      if (!gpu::can_implement(weights.problem(m, form), config)) continue;
      const Words y = multiply(weights, form, device_x, config, {0, 8});
      if (first.empty()) {
        first = y;
        reference.expect_product(y);
        EXPECT_TRUE(multiply(weights, form, device_x, config) == y) << "another time, another y";
      }
      EXPECT_TRUE(first == y) << gpu::weight_form_name(form) << " has other bits";
    }
    if (::testing::Test::HasFailure()) return;  // one config's messages are enough
  }
}

}  // namespace unweight::gpu_testing
