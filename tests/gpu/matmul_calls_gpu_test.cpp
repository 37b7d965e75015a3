// SPDX-License-Identifier: BSD-3-Clause
//
// How gpu::matmul is called: epilogues, SwiGLU, operands of any alignment, graphs, dependent
// launches, wrong arguments, and weights that are not what an encoder wrote.
#include "codec/families_format.h"
#include "gpu/device_memory.h"
#include "matmul_gpu_support.h"

namespace unweight::gpu_testing {
namespace {

using MatmulCallsGpuTest = GpuTest;
using testing::Input;
using testing::make_inputs;

constexpr std::uint64_t kTokens[] = {1, 5, 66};

TEST_F(MatmulCallsGpuTest, BiasAndResidual) {
  std::uint64_t salt = 0;
  for (const auto& [n, k] : {std::pair<std::uint64_t, std::uint64_t>{70, 200}, {1000, 520}}) {
    const DeviceWeights weights(testing::normal_tensor(n, k));
    const Words bias = make_inputs(Input::kHeavyTails, 1, n, 3);
    const DeviceOperand device_bias(bias, 1, n, {});
    for (const std::uint64_t m : kTokens) {
      const Words x = make_inputs(Input::kNormal, m, k);
      const Words residual = make_inputs(Input::kNormal, m, n, 4);
      const DeviceOperand device_x(x, m, k, {0, aligned_gap(k)});
      const DeviceOperand device_residual(residual, m, n, {1, 3});
      const Reference reference(weights.tensor, x, m);
      for (const MatmulConfig& config :
           some_configs(weights.problem(m, WeightForm::kPalette), 5, ++salt)) {
        for (const int what : {1, 2, 3}) {
          SCOPED_TRACE(describe(config) + ", epilogue " + std::to_string(what));
          gpu::MatmulEpilogue epilogue;
          if (what & 1) epilogue.bias = device_bias.view().data;
          if (what & 2) {
            epilogue.residual = device_residual.view().data;
            epilogue.residual_stride_elems = device_residual.view().row_stride_elems;
          }
          const Words y =
              multiply(weights, WeightForm::kPalette, device_x, config, {0, 5}, epilogue);
          reference.expect(y, [&](std::uint64_t i, const testing::Place& place, std::uint16_t got) {
            const double b = what & 1 ? testing::from_bf16(bias[place.row]) : 0;
            const double r =
                what & 2 ? testing::from_bf16(residual[place.token * n + place.row]) : 0;
            return testing::check_output(got, reference.sums[i], k, b + r,
                                         std::abs(b) + std::abs(r));
          });
          for (const WeightForm form : kForms) {
            if (!gpu::can_implement(weights.problem(m, form), config)) continue;
            EXPECT_TRUE(multiply(weights, form, device_x, config, {}, epilogue) == y);
          }
          if (what != 2) continue;
          const DeviceOperand in_place(residual, m, n, {0, 6}, DeviceOperand::kPoisonWord);
          const Scratch scratch(gpu::matmul_workspace_bytes(
              weights.problem(m, WeightForm::kPalette), device_x.view(), config));
          const auto result = gpu::matmul(
              weights.in(WeightForm::kPalette), device_x.view(), in_place.out(), config, nullptr,
              {.residual = in_place.view().data,
               .residual_stride_elems = in_place.view().row_stride_elems},
              scratch.options);
          EXPECT_TRUE(result.ok()) << message_of(result);
          EXPECT_TRUE(in_place.read() == y) << "residual is y";
        }
        if (HasFailure()) return;
      }
    }
  }
}

TEST_F(MatmulCallsGpuTest, SwiGlu) {
  std::uint64_t salt = 0;
  for (const float sigma : {0.02f, 1.0f, 30.0f}) {
    for (const auto& [n, k] : {std::pair<std::uint64_t, std::uint64_t>{90, 150}, {530, 1000}}) {
      if (small_sizes() && n > 100) continue;
      const DeviceWeights gate(testing::normal_tensor(n, k, sigma, 5));
      HostileTensor heavy = testing::student_t_tensor(n, k);  // another palette, verbatim rows
      const DeviceWeights up(std::move(heavy));
      for (const std::uint64_t m : kTokens) {
        const Words x = make_inputs(Input::kNormal, m, k);
        const DeviceOperand device_x(x, m, k, {0, aligned_gap(k)});
        const Reference gates(gate.tensor, x, m), ups(up.tensor, x, m);
        for (const MatmulConfig& config :
             some_configs(gate.problem(m, WeightForm::kPalette, true), 5, ++salt)) {
          SCOPED_TRACE(describe(config));
          const Words y = multiply_swiglu(gate, up, WeightForm::kPalette, device_x, config, {0, 3});
          gates.expect(y, [&](std::uint64_t i, const testing::Place&, std::uint16_t got) {
            return testing::check_swiglu(got, gates.sums[i], ups.sums[i], k);
          });
          for (const WeightForm form : kForms) {
            if (!gpu::can_implement(gate.problem(m, form, true), config)) continue;
            EXPECT_TRUE(multiply_swiglu(gate, up, form, device_x, config) == y)
                << gpu::weight_form_name(form);
          }
          if (HasFailure()) return;
        }
      }
    }
  }
}

// Whatever the alignment of x and y: the same bits.
TEST_F(MatmulCallsGpuTest, AnyAlignment) {
  const std::uint64_t k = 200;
  const DeviceWeights weights(testing::normal_tensor(100, k));
  for (const std::uint64_t m : kTokens) {
    const Words x = make_inputs(Input::kNormal, m, k);
    const DeviceOperand aligned(x, m, k, {0, aligned_gap(k)});
    const MatmulProblem problem = weights.problem(m, WeightForm::kPalette);
    for (const MatmulConfig& config : some_configs(problem, 4, m)) {
      EXPECT_EQ(gpu::matmul_workspace_bytes(problem, aligned.view(), config) != 0,
                config.stream_ctas != 0);
      const Words expected = multiply(weights, WeightForm::kPalette, aligned, config);
      for (const Placing& placing :
           {Placing{1, 8}, {0, 1}, {3, 5}, {8, 8}, {4, 4}, {0, 0}, {2, 6}}) {
        SCOPED_TRACE("shift " + std::to_string(placing.shift) + " gap " +
                     std::to_string(placing.gap));
        const DeviceOperand shifted(x, m, k, placing);
        EXPECT_TRUE(multiply(weights, WeightForm::kPalette, shifted, config, placing) == expected);
        const std::uint64_t bytes = gpu::matmul_workspace_bytes(problem, shifted.view(), config);
        if (bytes == 0) continue;
        const DeviceOperand y(m, 100, {});
        Scratch little(bytes - 1);
        const auto refused = gpu::matmul(weights.in(WeightForm::kPalette), shifted.view(), y.out(),
                                         config, nullptr, {}, little.options);
        EXPECT_FALSE(refused.ok()) << "with a workspace that is too small";
      }
      if (HasFailure()) return;
    }
  }
}

TEST_F(MatmulCallsGpuTest, NothingIsNothing) {
  for (const auto& [m, n, k] : {std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>{0, 64, 64},
                                {3, 0, 64},
                                {3, 64, 0},
                                {70, 100, 0},
                                {0, 0, 0}}) {
    SCOPED_TRACE(std::to_string(m) + " " + std::to_string(n) + " " + std::to_string(k));
    const DeviceWeights weights(testing::normal_tensor(n, k));
    const DeviceOperand x(make_inputs(Input::kNormal, m, k), m, k, {0, 8});
    const auto config = gpu::plan_matmul(weights.problem(m, WeightForm::kPalette));
    ASSERT_TRUE(config.ok()) << config.error().message;
    const Words y = multiply(weights, WeightForm::kPalette, x, *config, {0, 4});
    EXPECT_TRUE(y == Words(m * n, 0)) << "a sum over nothing is 0";
    if (n == 0) continue;
    const DeviceOperand bias(Words(n, 0x3f80), 1, n, {});
    const Words biased =
        multiply(weights, WeightForm::kPalette, x, *config, {0, 4}, {.bias = bias.view().data});
    EXPECT_TRUE(biased == Words(m * n, 0x3f80));
  }
}

// ---- Streams and graphs -------------------------------------------------------------------------

/// y1 = x W1, x = y1 W2, and so on; every value depends on all before it.
struct Chain {
  static constexpr std::uint64_t kWide = 1040, kNarrow = 520;
  const int rounds = small_sizes() ? 2 : 12;

  explicit Chain(std::uint64_t tokens)
      : m(tokens),
        x(make_inputs(Input::kNormal, tokens, kNarrow)),
        up(testing::normal_tensor(kWide, kNarrow, 0.044f, 1)),
        down(testing::normal_tensor(kNarrow, kWide, 0.031f, 2)),
        narrow(x, m, kNarrow, {0, 8}),
        wide(m, kWide, {0, 8}),
        scratch(Scratch::kEnough) {}

  void reset() {
    narrow = DeviceOperand(x, m, kNarrow, {0, 8});
    wide = DeviceOperand(m, kWide, {0, 8});
  }
  void enqueue(WeightForm form, const MatmulConfig& first, const MatmulConfig& second,
               gpu::Stream stream, bool dependent) {
    gpu::MatmulOptions options = scratch.options;  // one for all: they follow each other
    for (int round = 0; round < rounds; ++round) {
      options.dependent_launch = dependent && round != 0;  // the first follows a copy
      const auto a =
          gpu::matmul(up.in(form), narrow.view(), wide.out(), first, stream, {}, options);
      EXPECT_TRUE(a.ok()) << message_of(a);
      options.dependent_launch = dependent;
      const auto b =
          gpu::matmul(down.in(form), wide.view(), narrow.out(), second, stream, {}, options);
      EXPECT_TRUE(b.ok()) << message_of(b);
    }
  }

  std::uint64_t m;
  Words x;
  DeviceWeights up, down;
  DeviceOperand narrow, wide;
  Scratch scratch;
};

/// Captures `enqueue(stream)` and replays it `times` times.
template <typename Enqueue>
void capture_and_replay(int times, Enqueue enqueue) {
  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  enqueue(stream);
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  for (int i = 0; i < times; ++i) ASSERT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

TEST_F(MatmulCallsGpuTest, DependentLaunchesAndGraphsChangeNothing) {
  std::uint64_t salt = 0;
  for (const std::uint64_t m : kTokens) {
    Chain chain(m);
    for (const WeightForm form : kForms) {
      const std::size_t count = small_sizes() ? 1 : 4;
      const auto firsts = some_configs(chain.up.problem(m, form), count, ++salt);
      const auto seconds = some_configs(chain.down.problem(m, form), count, salt);
      for (std::size_t i = 0; i < std::min(firsts.size(), seconds.size()); ++i) {
        SCOPED_TRACE(describe(firsts[i]) + "; " + describe(seconds[i]));
        chain.reset();
        chain.enqueue(form, firsts[i], seconds[i], nullptr, false);
        ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
        const Words narrow = chain.narrow.read(), wide = chain.wide.read();
        for (const std::uint16_t bits : narrow) ASSERT_FALSE(testing::is_nan_bf16(bits));
        for (const int repeat : {0, 1, 2}) {
          chain.reset();
          chain.enqueue(form, firsts[i], seconds[i], nullptr, true);
          ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
          ASSERT_TRUE(chain.narrow.read() == narrow && chain.wide.read() == wide)
              << "dependent, repeat " << repeat;
        }
        for (const bool dependent : {false, true}) {
          chain.reset();
          capture_and_replay(1, [&](gpu::Stream stream) {
            chain.enqueue(form, firsts[i], seconds[i], stream, dependent);
          });
          ASSERT_TRUE(chain.narrow.read() == narrow && chain.wide.read() == wide)
              << "graph, dependent " << dependent;
        }
      }
    }
  }
}

TEST_F(MatmulCallsGpuTest, GraphsOfEveryKind) {
  const DeviceWeights gate(testing::normal_tensor(200, 330, 0.02f, 5));
  const DeviceWeights up(testing::student_t_tensor(200, 330));
  for (const std::uint64_t m : kTokens) {
    // Misaligned, so that the copy through the workspace is captured too.
    const DeviceOperand x(make_inputs(Input::kNormal, m, 330), m, 330, {1, 1});
    for (const MatmulConfig& config :
         some_configs(gate.problem(m, WeightForm::kPalette, true), 3, m)) {
      SCOPED_TRACE(describe(config));
      const Words expected = multiply_swiglu(gate, up, WeightForm::kPalette, x, config);
      const Scratch scratch(gpu::matmul_workspace_bytes(gate.problem(m, WeightForm::kPalette, true),
                                                        x.view(), config));
      const DeviceOperand y(m, 200, {});
      capture_and_replay(3, [&](gpu::Stream stream) {
        const auto result =
            gpu::matmul_swiglu(gate.in(WeightForm::kPalette), up.in(WeightForm::kPalette), x.view(),
                               y.out(), config, stream, scratch.options);
        EXPECT_TRUE(result.ok()) << message_of(result);
      });
      EXPECT_TRUE(y.read() == expected);
    }
  }
}

// ---- Arguments ----------------------------------------------------------------------------------

void expect_refused(const Result<void>& result, const std::string& name) {
  ASSERT_FALSE(result.ok()) << name;
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument) << result.error().message;
  EXPECT_NE(result.error().message.find(name), std::string::npos)
      << "\"" << result.error().message << "\" does not name " << name;
}

constexpr MatmulConfig kStreamed{.kernel = MatmulConfig::Kernel::kWgmma,
                                 .tokens_per_tile = 32,
                                 .strips_per_tile = 2,
                                 .num_stages = 4,
                                 .stream_ctas = 7};

struct Arguments {
  gpu::MatmulWeights weights, up;
  gpu::DeviceMatrix x;
  gpu::MutableDeviceMatrix y;
  MatmulConfig config;
  gpu::MatmulEpilogue epilogue;
  gpu::MatmulOptions options;
};

TEST_F(MatmulCallsGpuTest, WrongArgumentsAreNamed) {
  const DeviceWeights weights(testing::student_t_tensor(80, 192));
  const DeviceWeights other(testing::normal_tensor(96, 192));
  const DeviceOperand x(make_inputs(Input::kNormal, 5, 192), 5, 192, {});
  const DeviceOperand y(5, 80, {0, 8});
  const Guarded scratch(1 << 16);
  for (const WeightForm form : kForms) {
    SCOPED_TRACE(gpu::weight_form_name(form));
    for (const bool swiglu : {false, true}) {
      const auto config = gpu::plan_matmul(weights.problem(5, form, swiglu));
      ASSERT_TRUE(config.ok());
      const Arguments good{weights.in(form), weights.in(form), x.view(), y.out(), *config, {}, {}};
      const auto call = [&](const Arguments& a) {
        return swiglu ? gpu::matmul_swiglu(a.weights, a.up, a.x, a.y, a.config, nullptr, a.options)
                      : gpu::matmul(a.weights, a.x, a.y, a.config, nullptr, a.epilogue, a.options);
      };
      const auto refused = [&](const std::string& name, auto&& spoil) {
        Arguments bad = good;
        spoil(bad);
        expect_refused(call(bad), name);
      };
      refused("x", [](Arguments& a) { a.x.data = nullptr; });
      refused("x", [](Arguments& a) { a.x.cols = 191; });
      refused("x", [](Arguments& a) { a.x.row_stride_elems = 191; });
      refused("x", [](Arguments& a) { a.x.row_stride_elems = std::uint64_t{1} << 62; });
      refused("x", [](Arguments& a) {
        a.x.data = reinterpret_cast<const std::uint16_t*>(
            reinterpret_cast<const std::byte*>(a.x.data) + 1);
      });
      refused("y", [](Arguments& a) { a.y.data = nullptr; });
      refused("y", [](Arguments& a) { a.y.rows = 4; });
      refused("y", [](Arguments& a) { a.y.cols = 79; });
      refused("y", [](Arguments& a) { a.y.row_stride_elems = 79; });
      refused("y", [](Arguments& a) { a.y.row_stride_elems = std::uint64_t{1} << 62; });
      refused("tokens_per_tile", [](Arguments& a) { a.config.tokens_per_tile = 7; });
      refused("k_parts", [](Arguments& a) { a.config.k_parts = 3; });
      refused("num_stages", [](Arguments& a) { a.config.num_stages = 0; });
      refused("stream_ctas", [](Arguments& a) { a.config.stream_ctas = 1; });
      refused("stream_ctas", [](Arguments& a) {
        a.config = kStreamed;
        a.config.stream_ctas = 250;  // more than SMs
      });
      refused("stream_ctas", [](Arguments& a) {
        a.config = kStreamed;
        a.config.stream_ctas = 257;
      });
      refused("stream_ctas", [](Arguments& a) {
        a.config = kStreamed;
        a.config.max_sms = 6;
      });
      refused("stream_ctas", [](Arguments& a) {
        a.config = kStreamed;
        a.config.multicast = 2;
      });
      refused("workspace", [](Arguments& a) { a.config = kStreamed; });
      refused("tiles_per_stage", [](Arguments& a) { a.config.tiles_per_stage = 0; });
      refused("strips_per_tile", [](Arguments& a) { a.config.strips_per_tile = 0; });
      refused("workspace", [&](Arguments& a) {
        a.x.rows = a.y.rows = 4;
        ++a.x.data;  // now it needs one
      });
      refused("workspace", [&](Arguments& a) {
        a.x.rows = a.y.rows = 4;
        ++a.x.data;
        a.options.workspace = scratch.data() + 1;
        a.options.workspace_bytes = (1 << 16) - 1;
      });
      switch (form) {
        case WeightForm::kPalette:
        case WeightForm::kRadix:
          refused("codes", [](Arguments& a) { a.weights.packed.codes = nullptr; });
          refused("codes", [](Arguments& a) { ++a.weights.packed.codes; });
          refused("record", [](Arguments& a) { a.weights.packed.record = nullptr; });
          refused("verbatim", [](Arguments& a) { a.weights.packed.verbatim_index = nullptr; });
          refused("verbatim", [](Arguments& a) { a.weights.packed.verbatim_rows = nullptr; });
          refused("family",
                  [](Arguments& a) { a.weights.packed.extents.family = Family::kHuffman; });
          refused("family", [&](Arguments& a) {
            a.weights.packed.extents.family =
                form == WeightForm::kRadix ? Family::kPalette : Family::kRadix;
          });
          refused("sign_mantissa", [](Arguments& a) { a.weights.packed.sign_mantissa = nullptr; });
          break;
        case WeightForm::kExponents:
          refused("sign_mantissa", [](Arguments& a) { a.weights.packed.sign_mantissa = nullptr; });
          refused("exponents", [](Arguments& a) { a.weights.exponents = nullptr; });
          refused("exponents", [](Arguments& a) { a.weights.exponents += 8; });
          break;
        case WeightForm::kTiles:
          refused("tiles", [](Arguments& a) { a.weights.tiles = nullptr; });
          refused("tiles", [](Arguments& a) { a.weights.tiles += 8; });
          break;
      }
      if (swiglu) {
        refused("up", [&](Arguments& a) { a.up = other.in(form); });
        refused("up", [&](Arguments& a) {
          a.up = weights.in(form == WeightForm::kTiles ? WeightForm::kPalette : WeightForm::kTiles);
        });
      } else {
        refused("bias", [&](Arguments& a) {
          a.epilogue.bias = reinterpret_cast<const std::uint16_t*>(scratch.data() + 1);
        });
        refused("residual", [&](Arguments& a) {
          a.epilogue.residual = scratch.as<std::uint16_t>();
          a.epilogue.residual_stride_elems = 79;
        });
      }
      EXPECT_TRUE(call(good).ok()) << message_of(call(good));
    }
  }
  (void)y.read();
}

TEST_F(MatmulCallsGpuTest, ProblemsThatCannotBe) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 20;
  for (const WeightForm form : kForms) {
    for (const bool swiglu : {false, true}) {
      for (const MatmulProblem& p : {MatmulProblem{kMost + 1, 64, 1, form, swiglu},
                                     MatmulProblem{64, kMost + 1, 1, form, swiglu},
                                     MatmulProblem{64, 64, kMost + 1, form, swiglu},
                                     MatmulProblem{~std::uint64_t{0}, 1, 1, form, swiglu}}) {
        const auto plan = gpu::plan_matmul(p);
        ASSERT_FALSE(plan.ok()) << describe(p);
        EXPECT_EQ(plan.error().code, ErrorCode::kInvalidArgument);
        EXPECT_FALSE(gpu::can_implement(p, {}).ok()) << describe(p);
      }
      for (const MatmulProblem& p :
           {MatmulProblem{kMost, 64, 1, form, swiglu}, MatmulProblem{64, kMost, 1, form, swiglu},
            MatmulProblem{64, 64, kMost, form, swiglu}, MatmulProblem{1, 1, 1, form, swiglu}}) {
        const auto plan = gpu::plan_matmul(p);
        ASSERT_TRUE(plan.ok()) << describe(p) << ": " << plan.error().message;
        EXPECT_TRUE(gpu::can_implement(p, *plan).ok()) << describe(p) << describe(*plan);
      }
    }
  }
}

// ---- Damage -------------------------------------------------------------------------------------

void randomize(const Guarded& section, std::mt19937_64& rng) {
  std::vector<std::uint8_t> bytes(section.bytes());
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(rng());
  if (bytes.empty()) return;
  ASSERT_EQ(cudaMemcpy(section.data(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice),
            cudaSuccess);
}

void flip_bits(const Guarded& section, std::mt19937_64& rng, int count) {
  auto bytes = section.read();
  if (bytes.empty()) return;
  for (int i = 0; i < count; ++i) {
    bytes[rng() % bytes.size()] ^= static_cast<std::uint8_t>(1u << rng() % 8);
  }
  ASSERT_EQ(cudaMemcpy(section.data(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice),
            cudaSuccess);
}

/// Damages the sections of one packed tensor, one by one and all together, in ways that differ from
/// round to round; use(), then looks at the guards.
template <typename Restore, typename Use>
void damage_every_section(const GuardedTensor& packed, std::mt19937_64& rng, Restore restore,
                          Use use) {
  const std::vector<const Guarded*> sections = packed.sections();
  for (std::size_t s = 0; s <= sections.size(); ++s) {
    for (int round = 0; round < (small_sizes() ? 2 : 6); ++round) {
      SCOPED_TRACE("section " + std::to_string(s) + " round " + std::to_string(round));
      restore();
      if (s == sections.size()) {
        for (const Guarded* section : sections) randomize(*section, rng);
      } else if (round == 0) {
        randomize(*sections[s], rng);
      } else {
        flip_bits(*sections[s], rng, 1 << 2 * round);
      }
      use();
      packed.expect_guards_intact();
    }
  }
}

// Guards here (multiply() looks at them); compute-sanitizer says the rest.
TEST_F(MatmulCallsGpuTest, DamagedWeightsStayInsideTheirBuffers) {
  std::mt19937_64 rng(99);
  for (const HostileTensor& t : {testing::student_t_tensor(small_sizes() ? 40 : 250, 330),
                                 testing::random_bits_tensor(33, 130),
                                 testing::normal_tensor(100, small_sizes() ? 200 : 4160)}) {
    const DeviceWeights weights(t);
    for (const WeightForm form : {WeightForm::kPalette, WeightForm::kRadix}) {
      const GuardedTensor& packed = weights.packed(form);
      const auto blob =
          encode(view_of(t), {.family = packed.view.extents.family, .self_check = false});
      ASSERT_TRUE(blob.ok());
      const auto restore = [&] { ASSERT_TRUE(gpu::upload(*blob, packed.view, nullptr).ok()); };
      for (const std::uint64_t m : {3u, 70u}) {
        const DeviceOperand x(make_inputs(Input::kNormal, m, t.cols), m, t.cols,
                              {0, aligned_gap(t.cols)});
        for (const MatmulConfig& config :
             some_configs(weights.problem(m, form), small_sizes() ? 1 : 4, m)) {
          SCOPED_TRACE(t.name);
          const Words good = multiply(weights, form, x, config);
          const bool twice = gpu::can_implement(weights.problem(m, form, true), config).ok();
          damage_every_section(packed, rng, restore, [&] {
            (void)multiply(weights, form, x, config);
            if (twice) (void)multiply_swiglu(weights, weights, form, x, config);
          });
          restore();  // and it is as good as before
          EXPECT_TRUE(multiply(weights, form, x, config) == good);
          if (HasFailure()) return;
        }
      }
    }
  }
}

/// Writes one 32-bit word to every index entry's first row, or one 16-bit word to every position.
template <typename Word>
void fill_every(const Guarded& section, std::size_t stride, Word value) {
  auto bytes = section.read();
  for (std::size_t at = 0; at + sizeof(Word) <= bytes.size(); at += stride) {
    std::memcpy(bytes.data() + at, &value, sizeof(Word));
  }
  ASSERT_EQ(cudaMemcpy(section.data(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice),
            cudaSuccess);
}

// What would make a reader of escapes go on for ever, or beyond its arrays.
TEST_F(MatmulCallsGpuTest, EscapesThatLeadNowhere) {
  const HostileTensor t = testing::student_t_tensor(small_sizes() ? 40 : 500, 1100);
  const DeviceWeights weights(t);
  const auto blob = encode(view_of(t), {.family = Family::kRadix, .self_check = false});
  ASSERT_TRUE(blob.ok());
  const GuardedTensor& packed = *weights.radix;
  const auto count = static_cast<std::uint32_t>(packed.view.extents.num_verbatim_rows);
  for (const std::uint64_t m : {3u, 70u}) {
    const DeviceOperand x(make_inputs(Input::kNormal, m, t.cols), m, t.cols,
                          {0, aligned_gap(t.cols)});
    for (const MatmulConfig& config :
         some_configs(weights.problem(m, WeightForm::kRadix), small_sizes() ? 1 : 4, m)) {
      for (const std::uint32_t first : {0u, count - 1, count, count + 31, ~0u - 32, ~0u}) {
        for (const std::uint32_t position : {0u, 0x7c00u, 0xffffu}) {
          SCOPED_TRACE(std::to_string(first) + ", positions " + std::to_string(position));
          ASSERT_TRUE(gpu::upload(*blob, packed.view, nullptr).ok());
          fill_every(packed.verbatim_index, sizeof(codec::VerbatimIndexEntry), first);
          fill_every(packed.verbatim_positions, 2, static_cast<std::uint16_t>(position));
          (void)multiply(weights, WeightForm::kRadix, x, config);
          packed.expect_guards_intact();
          if (HasFailure()) return;
        }
      }
    }
  }
}

}  // namespace
}  // namespace unweight::gpu_testing
