// SPDX-License-Identifier: BSD-3-Clause
#include "matmul_candidates.h"

#include <algorithm>
#include <set>

#include "layout/tile_order.h"
#include "matmul/matmul_geometry.h"
#include "matmul/matmul_limits.h"

namespace unweight::bench {
namespace {

using gpu::MatmulConfig;
using gpu::MatmulProblem;
using Kernel = MatmulConfig::Kernel;

constexpr std::uint32_t kHalfSharedBytes = 112 * 1024;
constexpr std::uint32_t kWholeSharedBytes = 226 * 1024;
constexpr std::uint32_t kFewestWarps = 4, kMostWarps = 16;  // consumers
constexpr std::uint64_t kMostTokensOfMma = 32;
constexpr std::uint64_t kFewestTokensOfWgmma = 32;

std::uint32_t divide_up(std::uint64_t value, std::uint64_t by) {
  return static_cast<std::uint32_t>((value + by - 1) / by);
}

std::uint32_t stage_bytes(const MatmulProblem& problem, const MatmulConfig& c) {
  const std::uint32_t tile = matmul::tile_bytes(problem.form);
  const std::uint32_t activations = c.tokens_per_tile * layout::kTileCols * 2;
  return c.tiles_per_stage * (c.strips_per_tile * tile + activations);
}

class Candidates {
 public:
  explicit Candidates(const MatmulProblem& problem) : problem_(problem) {}

  /// With the deepest pipelines that half and all of shared memory hold. Barriers, sums and scratch
  /// take some of it, how much is the kernel's secret: so a few stages less are tried where it is
  /// refused.
  void add(MatmulConfig config) {
    for (const std::uint32_t shared : {kHalfSharedBytes, kWholeSharedBytes}) {
      const std::uint32_t deepest =
          std::min(matmul::kMaxStages, shared / std::max(1u, stage_bytes(problem_, config)));
      for (std::uint32_t less = 0; less < 4 && deepest >= less + 2; ++less) {
        config.num_stages = deepest - less;
        if (!gpu::can_implement(problem_, config)) continue;
        if (tried_.insert(key(config)).second) found_.push_back(config);
        break;
      }
    }
  }
  [[nodiscard]] std::vector<MatmulConfig> take_all() { return std::move(found_); }

 private:
  static std::vector<std::uint32_t> key(const MatmulConfig& c) {
    return {static_cast<std::uint32_t>(c.kernel),
            c.tokens_per_tile,
            c.strips_per_tile,
            c.k_warps,
            c.k_parts,
            c.multicast,
            c.tiles_per_stage,
            c.num_stages,
            c.stream_ctas};
  }

  MatmulProblem problem_;
  std::vector<MatmulConfig> found_;
  std::set<std::vector<std::uint32_t>> tried_;
};

/// All CTAs busy with equally many tiles: with one if tiles may be that large, up to four more; and
/// half of the CTAs with one. `strips`: of all tokens and parts of K.
std::set<std::uint32_t> strips_for(std::uint64_t strips, std::uint32_t num_ctas,
                                   std::uint32_t most) {
  const std::uint32_t whole = divide_up(strips, num_ctas);
  const std::uint32_t fewest_rounds = divide_up(whole, most);
  std::set<std::uint32_t> options{std::min(2 * whole, most)};
  for (std::uint32_t rounds = fewest_rounds; rounds < fewest_rounds + 5; ++rounds)
    options.insert(divide_up(whole, rounds));
  return options;
}

void add_mma(const MatmulProblem& problem, std::uint32_t num_sms, Candidates* candidates) {
  MatmulConfig c;
  c.kernel = Kernel::kMma;
  c.tokens_per_tile = problem.m <= 8 ? 8 : problem.m <= 16 ? 16 : 32;
  const std::uint64_t strips = divide_up(problem.n, layout::kTileRows);
  for (const std::uint32_t k_parts : {1u, 2u, 4u}) {
    c.k_parts = k_parts;
    for (const std::uint32_t tile_strips :
         strips_for(strips * k_parts, num_sms, matmul::kMaxStripsPerTile)) {
      c.strips_per_tile = tile_strips;
      for (const std::uint32_t k_warps : {1u, 2u, 3u, 4u, 8u}) {
        const std::uint32_t warps = tile_strips * k_warps;
        if (warps < kFewestWarps || warps > kMostWarps) continue;
        c.k_warps = k_warps;
        for (const std::uint32_t tiles : {1u, 2u, 4u}) {
          if (tiles > 1 && tiles * k_warps > 16) continue;
          c.tiles_per_stage = tiles * k_warps;
          candidates->add(c);
        }
      }
    }
  }
}

void add_wgmma(const MatmulProblem& problem, std::uint32_t num_sms, Candidates* candidates) {
  MatmulConfig c;
  c.kernel = Kernel::kWgmma;
  const std::uint64_t strips = divide_up(problem.n, layout::kTileRows);
  for (const std::uint32_t tokens : {32u, 64u, 128u, 256u}) {
    // Half of a tile's tokens may be padding, not more; narrow tiles decode weights too often.
    const bool is_too_wide = tokens > 32 && problem.m <= tokens / 2;
    const bool is_too_narrow = tokens < 128 && problem.m > 8 * tokens;
    if (is_too_wide || is_too_narrow) continue;
    c.tokens_per_tile = tokens;
    for (const std::uint32_t k_parts : {1u, 2u, 4u, 8u}) {
      c.k_parts = k_parts;
      std::set<std::uint32_t> tile_strips = strips_for(
          strips * divide_up(problem.m, tokens) * k_parts, num_sms, matmul::kMaxStripsPerTile);
      tile_strips.insert({4, 8});
      tile_strips.insert(matmul::wgmma_max_strips(tokens, 1));  // stream-K evens out any height
      for (const std::uint32_t some : tile_strips) {
        c.strips_per_tile = some;
        for (const std::uint32_t k_warps : {1u, 2u, 3u, 4u}) {
          c.k_warps = k_warps;
          for (const std::uint32_t multicast : {1u, 2u}) {
            c.multicast = multicast;
            for (const std::uint32_t tiles : {1u, 2u, 4u}) {
              c.tiles_per_stage = tiles * k_warps;
              candidates->add(c);
              if (k_parts * multicast != 1) continue;
              c.stream_ctas = num_sms;
              candidates->add(c);
              c.stream_ctas = 0;
            }
          }
        }
      }
    }
  }
}

}  // namespace

std::vector<MatmulConfig> matmul_candidates(const MatmulProblem& problem, std::uint32_t num_sms,
                                            std::optional<Kernel> kernel) {
  Candidates candidates(problem);
  const auto wanted = [&](Kernel k) { return !kernel || *kernel == k; };
  if (wanted(Kernel::kMma) && problem.m <= kMostTokensOfMma) add_mma(problem, num_sms, &candidates);
  if (wanted(Kernel::kWgmma) && problem.m >= kFewestTokensOfWgmma)
    add_wgmma(problem, num_sms, &candidates);
  return candidates.take_all();
}

}  // namespace unweight::bench
