// SPDX-License-Identifier: BSD-3-Clause
//
// The planner: which kernel, and how it cuts the problem. Candidates are few and a cost model says
// which is best; docs/kernels has what the model was fitted to.
#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>

#include "layout/tile_order.h"
#include "matmul/matmul_geometry.h"
#include "matmul/matmul_limits.h"

namespace unweight::matmul {
namespace {

using gpu::MatmulConfig;
using gpu::MatmulProblem;
using Kernel = MatmulConfig::Kernel;

constexpr std::uint32_t divide_up(std::uint64_t value, std::uint64_t by) {
  return static_cast<std::uint32_t>((value + by - 1) / by);
}

/// Shared memory that lets two CTAs be on an SM: the next kernel's while this one ends.
constexpr std::uint32_t kHalfSharedBytes = 112 * 1024;

/// As many stages as `shared_bytes` holds, two at least. False: not even two fit anywhere.
bool choose_stages(const MatmulProblem& problem, const DeviceShape& device,
                   std::uint32_t shared_bytes, MatmulConfig& c) {
  for (c.num_stages = kMaxStages; c.num_stages >= 2; --c.num_stages) {
    const Result<Geometry> g = geometry_of(problem, c, device);
    if (g && (g.value().shared_bytes <= shared_bytes || c.num_stages <= 3)) return true;
  }
  return false;
}

struct Candidate {
  MatmulConfig config;
  double clocks = 0;  ///< of an SM, by the model
};

/// What an SM does in a clock, measured on H100 (1.7 GHz): docs/kernels/mma-matmul.md.
constexpr double kMemoryBytes = 13.5;  ///< of weights, all SMs reading
constexpr double kCacheBytes = 26;     ///< of activations and weights from the second-level cache
constexpr double kStartClocks = 2500;  ///< until the first stage is there, and to end
constexpr double kItemClocks = 900;    ///< between two output tiles

double mma_clocks(const MatmulProblem& problem, const MatmulConfig& c, const Geometry& g,
                  const DeviceShape& device) {
  const double sms = c.max_sms == 0 ? device.num_sms : std::min(c.max_sms, device.num_sms);
  const double items = double(g.num_row_groups) * g.num_m_tiles;
  const double k_tiles = double(g.num_k_tiles) / c.k_parts;
  const double ctas_per_sm = std::max(1.0, g.num_ctas / sms);
  const double rounds = std::ceil(items * c.k_parts / g.num_ctas);
  // A warp: decode of a tile, then products that depend on each other.
  const double warp_tile =
      c.strips_per_warp * (230 + 14.0 * c.tokens_per_tile / 8) + 20.0 * c.tokens_per_tile / 8;
  const double warp_clocks = rounds * (std::ceil(k_tiles / c.k_warps) * warp_tile + kItemClocks);
  // Issue slots of the four schedulers.
  const double warps = ctas_per_sm * (g.num_threads / 32.0 - 1);
  const double issue_clocks = warp_clocks * warps / 4 * 0.42;
  const double weight_bytes =
      items * c.k_parts * k_tiles * c.strips_per_tile * tile_bytes(problem.form) / g.num_m_tiles;
  const double cache_bytes =
      items * c.k_parts * k_tiles *
      (c.strips_per_tile * double(tile_bytes(problem.form)) + c.tokens_per_tile * 128.0);
  return kStartClocks + 600.0 * (c.k_parts > 1) +
         std::max({warp_clocks, issue_clocks, weight_bytes / sms / kMemoryBytes,
                   cache_bytes / sms / kCacheBytes});
}

double wgmma_clocks(const MatmulProblem& problem, const MatmulConfig& c, const Geometry& g,
                    const DeviceShape& device) {
  const double sms = c.max_sms == 0 ? device.num_sms : std::min(c.max_sms, device.num_sms);
  const double items = double(g.num_row_groups) * g.num_m_tiles;
  const double k_tiles = double(g.num_k_tiles) / c.k_parts;
  const double all = items * g.cluster_size;
  const double rounds = std::ceil(all / std::min<double>(g.num_ctas, sms));
  const double blocks = wgmma_blocks(c.strips_per_tile);
  // Two warpgroups share the tensor cores; each decodes for itself.
  const double tensor = blocks * c.tokens_per_tile * 4.6;
  const double decode = blocks * (520 + 2.0 * c.tokens_per_tile);
  const double tile = std::max(tensor, decode);
  const double epilogue = kItemClocks + c.tokens_per_tile * c.strips_per_tile * 1.5;
  const double weight_bytes = all * k_tiles * c.strips_per_tile * tile_bytes(problem.form);
  const double cache_bytes = weight_bytes + all * k_tiles * c.tokens_per_tile * 128.0 / c.multicast;
  return kStartClocks + 1500.0 * (c.k_parts > 1) +
         std::max({rounds * (k_tiles * tile + epilogue),
                   weight_bytes / g.num_m_tiles / sms / kMemoryBytes,
                   cache_bytes / sms / kCacheBytes});
}

class Choice {
 public:
  Choice(const MatmulProblem& problem, const DeviceShape& device)
      : problem_(problem), device_(device) {}

  void consider(MatmulConfig c, std::uint32_t shared_bytes) {
    if (!choose_stages(problem_, device_, shared_bytes, c)) return;
    const Geometry g = geometry_of(problem_, c, device_).value();
    const double clocks = c.kernel == Kernel::kMma ? mma_clocks(problem_, c, g, device_)
                                                   : wgmma_clocks(problem_, c, g, device_);
    if (found_ && clocks >= best_.clocks) return;
    found_ = true;
    best_ = {c, clocks};
  }
  [[nodiscard]] bool found() const { return found_; }
  [[nodiscard]] const MatmulConfig& config() const { return best_.config; }

 private:
  const MatmulProblem& problem_;
  const DeviceShape& device_;
  Candidate best_;
  bool found_ = false;
};

void consider_mma(const MatmulProblem& problem, std::uint32_t max_sms, Choice& choice) {
  const std::uint32_t matrices = problem.swiglu ? 2 : 1;
  const std::uint64_t k_tiles = divide_up(problem.k, layout::kTileCols);
  MatmulConfig c;
  c.kernel = Kernel::kMma;
  c.max_sms = max_sms;
  c.tokens_per_tile = problem.m <= 8 ? 8 : problem.m <= 16 ? 16 : problem.m <= 32 ? 32 : 64;
  for (c.k_parts = 1; c.k_parts <= 8; c.k_parts *= 2) {
    if (c.k_parts > 1 && (max_sms != 0 || k_tiles < 8 * c.k_parts)) break;
    for (c.strips_per_warp = 1; c.strips_per_warp <= 2; ++c.strips_per_warp) {
      const std::uint32_t most_warps = mma_max_warps(c.tokens_per_tile, c.strips_per_warp);
      for (c.strips_per_tile = matrices; c.strips_per_tile <= kMaxStripsPerTile;
           c.strips_per_tile += matrices) {
        const std::uint32_t strip_warps = divide_up(c.strips_per_tile, c.strips_per_warp);
        for (c.k_warps = 1; c.k_warps * strip_warps <= most_warps && c.k_warps <= 8; ++c.k_warps) {
          if (c.k_warps > 1 && k_tiles / c.k_parts < 2 * c.k_warps) break;
          c.tiles_per_stage = c.k_warps == 1 ? 2 : c.k_warps;
          choice.consider(c, kHalfSharedBytes);
        }
      }
    }
  }
}

void consider_wgmma(const MatmulProblem& problem, const DeviceShape& device, std::uint32_t max_sms,
                    Choice& choice) {
  const std::uint64_t k_tiles = divide_up(problem.k, layout::kTileCols);
  MatmulConfig c;
  c.kernel = Kernel::kWgmma;
  c.max_sms = max_sms;
  for (const std::uint32_t tokens : {32u, 64u, 128u, 256u}) {
    if (tokens > 32 && tokens >= 2 * problem.m) continue;
    c.tokens_per_tile = tokens;
    for (const std::uint32_t strips : {4u, 6u, 7u, 8u, 12u, 14u, 16u}) {
      c.strips_per_tile = strips;
      if (problem.swiglu && strips % 2 != 0) continue;
      for (const std::uint32_t parts : {1u, 2u, 4u, 8u}) {
        if (parts > 1 && (max_sms != 0 || k_tiles < 8 * parts)) continue;
        c.k_parts = parts;
        c.multicast = 1;
        if (parts > 1) {  // all of them at once, or not at all
          const Result<Geometry> g = geometry_of(problem, c, device);
          if (!g || g.value().num_ctas > device.num_sms * 31 / 33) continue;
        }
        choice.consider(c, device.max_shared_bytes);
        if (parts == 1 && problem.m > 128) {
          c.multicast = 2;
          choice.consider(c, device.max_shared_bytes);
        }
      }
    }
  }
}

}  // namespace

Result<MatmulConfig> choose_config(const MatmulProblem& problem, const DeviceShape& device,
                                   std::uint32_t max_sms) {
  Choice choice(problem, device);
  if (problem.m <= 64) consider_mma(problem, max_sms, choice);
  if (problem.m > 32) consider_wgmma(problem, device, max_sms, choice);
  if (choice.found()) return choice.config();
  // Nothing fits: say why, of the smallest there is.
  MatmulConfig c;
  c.max_sms = max_sms;
  c.strips_per_tile = problem.swiglu ? 2 : 1;
  const Result<Geometry> g = geometry_of(problem, c, device);
  if (!g) return g.error();
  return c;
}

}  // namespace unweight::matmul
