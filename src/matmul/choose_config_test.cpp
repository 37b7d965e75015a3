// SPDX-License-Identifier: BSD-3-Clause
//
// Plans are made without a GPU: every one must be a config that the kernels can carry out.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

#include "layout/tile_order.h"
#include "matmul/matmul_geometry.h"
#include "matmul/matmul_limits.h"
#include "matmul/tuned_configs.h"

namespace unweight::matmul {
namespace {

using gpu::MatmulConfig;
using gpu::MatmulProblem;
using gpu::WeightForm;

constexpr std::uint64_t kDimensions[] = {0,    1,    7,    16,    17,    64,    100,    1000,
                                         1024, 4096, 6144, 14336, 28672, 57344, 128256, 1 << 20};
constexpr std::uint64_t kTokens[] = {0,  1,   8,   9,   16,   17,   32,     33,
                                     64, 100, 128, 256, 1000, 8192, 1 << 20};
constexpr WeightForm kForms[] = {WeightForm::kPalette, WeightForm::kExponents, WeightForm::kTiles,
                                 WeightForm::kRadix};

/// What any plan needs at most.
constexpr std::uint64_t kWorkspaceBytes = 18'000'000;

template <typename F>
void for_each_problem(F f) {
  for (const std::uint64_t n : kDimensions) {
    for (const std::uint64_t k : kDimensions) {
      if (!layout::TileGrid{n, k}.representable()) continue;
      for (const std::uint64_t m : kTokens) {
        for (const WeightForm form : kForms) {
          for (const bool swiglu : {false, true}) f(MatmulProblem{n, k, m, form, swiglu});
        }
      }
    }
  }
}

std::string name_of(const MatmulProblem& p) {
  return std::to_string(p.n) + "x" + std::to_string(p.k) + " m " + std::to_string(p.m) + " " +
         std::to_string(static_cast<int>(p.form)) + (p.swiglu ? " swiglu" : "");
}

bool is_same(const MatmulConfig& a, const MatmulConfig& b) {
  return a.kernel == b.kernel && a.tokens_per_tile == b.tokens_per_tile &&
         a.strips_per_tile == b.strips_per_tile && a.k_warps == b.k_warps &&
         a.k_parts == b.k_parts && a.multicast == b.multicast &&
         a.tiles_per_stage == b.tiles_per_stage && a.num_stages == b.num_stages &&
         a.stream_ctas == b.stream_ctas;
}

TEST(ChooseConfig, EveryProblemHasAPlanThatFits) {
  const DeviceShape device;
  for_each_problem([&](const MatmulProblem& problem) {
    for (const std::uint32_t max_sms : {0u, 1u, 20u}) {
      const auto config = choose_config(problem, device, {max_sms, kWorkspaceBytes});
      ASSERT_TRUE(config.ok()) << name_of(problem) << ": " << config.error().message;
      const auto geometry = geometry_of(problem, *config, device);
      ASSERT_TRUE(geometry.ok()) << name_of(problem) << ": " << geometry.error().message;
      ASSERT_LE(geometry->shared_bytes, device.max_shared_bytes);
      ASSERT_EQ(config->max_sms, max_sms);
      if (max_sms != 0) {
        ASSERT_LE(geometry->num_ctas, max_sms) << name_of(problem);
      }
    }
  });
}

TEST(ChooseConfig, TunedConfigsFitAndAreTaken) {
  for (const TunedConfig& t : kTunedConfigs) {
    DeviceShape device;
    device.memory_bus_bits = t.card;
    for (const std::uint64_t m : {t.min_m, t.max_m}) {
      const MatmulProblem problem{t.n, t.k, m, t.form, false};
      const auto geometry = geometry_of(problem, t.config, device);
      ASSERT_TRUE(geometry.ok()) << name_of(problem) << ": " << geometry.error().message;
      const auto config = choose_config(problem, device, {0, kWorkspaceBytes});
      ASSERT_TRUE(config.ok());
      EXPECT_TRUE(is_same(*config, t.config)) << name_of(problem);
    }
  }
}

// What nobody has timed on a card was timed on another.
TEST(ChooseConfig, OtherCardsTunedConfigsAreBetterThanNone) {
  DeviceShape device;
  device.memory_bus_bits = 1;
  const auto& lines = kTunedConfigs;
  for (const TunedConfig& t : lines) {
    const MatmulProblem problem{t.n, t.k, t.max_m, t.form, false};
    const auto config = choose_config(problem, device, {0, kWorkspaceBytes});
    ASSERT_TRUE(config.ok());
    EXPECT_TRUE(std::any_of(std::begin(lines), std::end(lines), [&](const TunedConfig& other) {
      return other.n == t.n && other.k == t.k && other.form == t.form && other.min_m <= t.max_m &&
             t.max_m <= other.max_m && is_same(*config, other.config);
    })) << name_of(problem);
  }
}

TEST(ChooseConfig, NoPlanTakesMoreWorkspaceThanThereIs) {
  const DeviceShape device;
  std::uint64_t num_streamed = 0, least = kWorkspaceBytes;
  for (const std::uint64_t n : {4096u, 10240u, 14336u, 28672u}) {
    for (const std::uint64_t m : {16u, 64u, 128u, 256u, 777u, 2048u}) {
      const MatmulProblem problem{n, 4096 + n % 100, m, WeightForm::kPalette, false};
      const auto with = choose_config(problem, device, {0, kWorkspaceBytes});
      const auto without = choose_config(problem, device, {});
      ASSERT_TRUE(with.ok() && without.ok());
      EXPECT_EQ(without->stream_ctas, 0u);
      if (with->stream_ctas == 0) continue;
      ++num_streamed;
      least = std::min(least, cut_sums_bytes(*with));
      const auto less = choose_config(problem, device, {0, cut_sums_bytes(*with)});
      ASSERT_TRUE(less.ok());
      EXPECT_FALSE(is_same(*less, *with)) << name_of(problem) << ": the flags have no room";
    }
  }
  EXPECT_GT(num_streamed, 3u);
  EXPECT_GT(least, 1'000'000u);
}

// Every strip and every token is in exactly one output tile.
TEST(ChooseConfig, TilesCoverTheOutput) {
  const DeviceShape device;
  for_each_problem([&](const MatmulProblem& problem) {
    const auto config = choose_config(problem, device, {0, kWorkspaceBytes});
    ASSERT_TRUE(config.ok());
    const auto g = geometry_of(problem, *config, device);
    ASSERT_TRUE(g.ok());
    const std::uint64_t strips = config->strips_per_tile / g->num_matrices;
    const std::uint64_t row_tiles = std::uint64_t{g->num_row_groups} * config->multicast;
    ASSERT_LE(g->group_strips + (g->num_larger_groups == 0 ? 0 : 1), strips) << name_of(problem);
    const std::uint64_t end = row_tiles * g->group_strips + g->num_larger_groups;
    ASSERT_GE(end * layout::kTileRows, problem.n) << name_of(problem);
    ASSERT_LT(end, g->num_strips + strips * config->multicast) << name_of(problem);
    ASSERT_GE(std::uint64_t{g->num_m_tiles} * config->tokens_per_tile, problem.m);
  });
}

TEST(ChooseConfig, SaysWhatIsTooLarge) {
  const auto config =
      choose_config({std::uint64_t{1} << 21, 64, 1, WeightForm::kPalette, false}, {}, {});
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(config.error().message.find("2^20"), std::string::npos) << config.error().message;
}

// Tiles of 448 bytes: an odd number of them ends between two places where boxes may begin.
TEST(MatmulGeometry, RadixBoxesAreAlignedAndItsScratchIsItsOwn) {
  MatmulConfig c;
  c.num_stages = 3;
  for (const auto kernel : {MatmulConfig::Kernel::kMma, MatmulConfig::Kernel::kWgmma}) {
    for (const bool swiglu : {false, true}) {
      for (const std::uint32_t strips : {1u, 2u, 3u, 6u, 7u}) {
        for (const std::uint32_t tiles : {1u, 2u, 3u}) {
          c.kernel = kernel;
          c.tokens_per_tile = 32;
          c.strips_per_tile = strips;
          c.tiles_per_stage = tiles;
          const auto g = geometry_of({1000, 1000, 100, WeightForm::kRadix, swiglu}, c, {});
          if (!g.ok()) continue;  // swiglu with an odd number of strips
          const std::uint32_t first = tiles * (32 * 128 + strips * 1024);
          const std::uint32_t box = tiles * strips / g->num_matrices * 448;
          const std::uint32_t next = box + box_padding(box);
          EXPECT_EQ((first + next) % kBoxAlignment, 0u);
          EXPECT_LT(next, box + kBoxAlignment);
          EXPECT_GE(g->stage_bytes, first + g->num_matrices * next);
          const std::uint32_t warps =
              kernel == MatmulConfig::Kernel::kWgmma ? 4 * wgmma_groups(strips, 1) : strips;
          EXPECT_GE(g->scratch_offset, g->stage_bytes * c.num_stages);
          EXPECT_EQ(g->scratch_offset % 16, 0u);
          EXPECT_EQ(g->barrier_offset, g->scratch_offset + warps * kEscapeScratchBytes);
        }
      }
    }
  }
}

TEST(MatmulGeometry, NamesTheFieldThatDoesNotFit) {
  const MatmulProblem problem{4096, 4096, 16, WeightForm::kPalette, false};
  const auto good = choose_config(problem, {}, {});
  ASSERT_TRUE(good.ok());
  const auto refused = [&](const char* field, auto&& spoil) {
    MatmulConfig config = *good;
    spoil(config);
    const auto g = geometry_of(problem, config, {});
    ASSERT_FALSE(g.ok()) << field;
    EXPECT_NE(g.error().message.find(field), std::string::npos) << g.error().message;
  };
  refused("tokens_per_tile", [](MatmulConfig& c) { c.tokens_per_tile = 12; });
  refused("k_parts", [](MatmulConfig& c) { c.k_parts = 3; });
  refused("num_stages", [](MatmulConfig& c) { c.num_stages = kMaxStages + 1; });
  refused("strips_per_tile", [](MatmulConfig& c) { c.strips_per_tile = kMaxStripsPerTile + 1; });
  refused("k_warps", [](MatmulConfig& c) { c.k_warps = c.tiles_per_stage + 1; });
  refused("warps", [](MatmulConfig& c) { c.strips_per_tile = 16; });
  refused("k_warps", [](MatmulConfig& c) {
    c.kernel = MatmulConfig::Kernel::kWgmma;
    c.tokens_per_tile = 32;
    c.strips_per_tile = 5;
    c.tiles_per_stage = c.k_warps = 4;
  });
  refused("multicast", [](MatmulConfig& c) { c.multicast = 2; });
  refused("max_sms", [](MatmulConfig& c) {
    c.max_sms = 1;
    c.k_parts = 2;
  });
  refused("shared memory", [](MatmulConfig& c) { c.tiles_per_stage = 64 * c.k_warps; });
}

}  // namespace
}  // namespace unweight::matmul
