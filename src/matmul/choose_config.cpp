// SPDX-License-Identifier: BSD-3-Clause
//
// The planner: which kernel, and how it cuts the problem. For few tokens a rule, for many a cost
// model over candidates; docs/kernels has the sweeps that both were fitted to (make gpu-bench's
// matmul_gpu_bench --sweep repeats them). Multicast is not chosen: it has not paid yet.
#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "layout/tile_order.h"
#include "matmul/matmul_geometry.h"
#include "matmul/matmul_limits.h"
#include "matmul/tuned_configs.h"

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
    if (g && (g.value().shared_bytes <= shared_bytes || c.num_stages <= 4)) return true;
  }
  return false;
}

struct Candidate {
  MatmulConfig config;
  double clocks = 0;  ///< of an SM, by the model
};

/// What an SM does in a clock, measured on an H100 at about 1.7 GHz: docs/kernels/wgmma-matmul.md.
constexpr double kMemoryBytes = 13.5;  ///< of weights, all SMs reading
constexpr double kCacheBytes = 30;     ///< of activations and weights from the second-level cache
constexpr double kStartClocks = 3000;  ///< until the first stage is there, and to end

/// A warpgroup decodes a tile while the tensor cores multiply the one before, not quite hidden.
constexpr double kTileClocks = 480, kTokenClocks = 3.4;

double wgmma_clocks(const MatmulProblem& problem, const MatmulConfig& c, const Geometry& g,
                    const DeviceShape& device) {
  const double sms = c.max_sms == 0 ? device.num_sms : std::min(c.max_sms, device.num_sms);
  const double ctas = double(g.num_row_groups) * g.num_m_tiles * g.cluster_size;
  const double k_tiles = std::ceil(double(g.num_k_tiles) / c.k_parts);
  const double rounds = std::ceil(ctas / std::min<double>(g.num_ctas, sms));
  const double tile =
      wgmma_blocks(c.strips_per_tile) * (kTileClocks + kTokenClocks * c.tokens_per_tile);
  const double epilogue = 600 + c.tokens_per_tile * (c.k_parts > 1 ? 12.0 : 5.0);
  const double stages = rounds * k_tiles / c.tiles_per_stage;
  const double weight_bytes = ctas * k_tiles * c.strips_per_tile * tile_bytes(problem.form);
  const double token_bytes = ctas * k_tiles * c.tokens_per_tile * 128.0;
  return kStartClocks + 2000.0 * (c.k_parts > 1) + 40 * stages +
         std::max({rounds * (k_tiles * tile + epilogue),
                   weight_bytes / g.num_m_tiles / sms / kMemoryBytes,
                   (weight_bytes + token_bytes / c.multicast) / sms / kCacheBytes});
}

class Choice {
 public:
  Choice(const MatmulProblem& problem, const DeviceShape& device)
      : problem_(problem), device_(device) {}

  void consider(MatmulConfig c, std::uint32_t shared_bytes) {
    if (!choose_stages(problem_, device_, shared_bytes, c)) return;
    const Geometry g = geometry_of(problem_, c, device_).value();
    const double clocks = wgmma_clocks(problem_, c, g, device_);
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

/// More tokens, few strips: two strips a CTA, whose fragments of tokens serve both; all warps share
/// K.
Result<MatmulConfig> few_strips_config(const MatmulProblem& problem, const DeviceShape& device,
                                       MatmulConfig c) {
  const std::uint32_t k_tiles = divide_up(problem.k, layout::kTileCols);
  c.strips_per_warp = c.strips_per_tile = 2;
  c.k_warps = std::clamp(k_tiles / 2, 1u,
                         std::min(8u, mma_max_warps(c.tokens_per_tile, c.strips_per_warp)));
  c.tiles_per_stage = std::max(c.k_warps, 2u);
  if (!choose_stages(problem, device, device.max_shared_bytes, c)) {
    return geometry_of(problem, c, device).error();
  }
  return c;
}

/// Few tokens: memory decides, and it is read as fast as it gives if every SM always has enough on
/// the way. Two CTAs an SM of about eight warps each do that: while one ends or starts, the other
/// reads. A warp has a strip, or warps share one.
Result<MatmulConfig> mma_config(const MatmulProblem& problem, const DeviceShape& device,
                                std::uint32_t max_sms) {
  const std::uint32_t sms = max_sms == 0 ? device.num_sms : std::min(max_sms, device.num_sms);
  const std::uint32_t matrices = problem.swiglu ? 2 : 1;
  const std::uint32_t k_tiles = divide_up(problem.k, layout::kTileCols);
  MatmulConfig c;
  c.kernel = Kernel::kMma;
  c.max_sms = max_sms;
  c.tokens_per_tile = problem.m <= 8 ? 8 : problem.m <= 16 ? 16 : problem.m <= 32 ? 32 : 64;
  if (c.tokens_per_tile >= 32 && !problem.swiglu) return few_strips_config(problem, device, c);
  const std::uint32_t ctas_per_sm = max_sms != 0 ? 1 : mma_ctas_per_sm(c.tokens_per_tile, 1);
  const std::uint32_t slots = sms * ctas_per_sm;
  const std::uint32_t most = mma_max_warps(c.tokens_per_tile, 1);
  const std::uint64_t strips = std::uint64_t{divide_up(problem.n, layout::kTileRows)} * matrices *
                               std::max(1u, divide_up(problem.m, c.tokens_per_tile));
  const std::uint32_t rounds = std::max(1u, divide_up(strips, std::uint64_t{slots} * most));
  c.strips_per_tile = std::max(1u, divide_up(strips, std::uint64_t{slots} * rounds));
  c.strips_per_tile = divide_up(c.strips_per_tile, matrices) * matrices;
  if (c.strips_per_tile > most) c.strips_per_tile -= matrices;
  c.k_warps = std::clamp(k_tiles / 2, 1u, std::clamp(most / c.strips_per_tile, 1u, 8u));
  if (max_sms == 0) {  // few strips: CTAs share them
    while (c.k_parts < kMaxKParts && strips * c.k_parts * 2 <= std::uint64_t{slots} &&
           k_tiles >= 8 * c.k_parts * c.k_warps) {
      c.k_parts *= 2;
    }
  }
  c.tiles_per_stage = std::max(c.k_warps, 2u);
  const std::uint32_t shared = ctas_per_sm == 2 ? kHalfSharedBytes : device.max_shared_bytes;
  if (!choose_stages(problem, device, shared, c)) return geometry_of(problem, c, device).error();
  return c;
}

/// Clusters do not leave their part of the chip (16 or 18 SMs): of 4 only 30 fit on 132 SMs.
std::uint32_t most_ctas_in_clusters(const DeviceShape& device, std::uint32_t size) {
  return size <= 2   ? device.num_sms
         : size == 4 ? device.num_sms * 30 / 33
                     : device.num_sms * 28 / 33;
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
    for (std::uint32_t strips = 2; strips <= kMaxStripsPerTile; ++strips) {
      c.strips_per_tile = strips;
      if (problem.swiglu && strips % 2 != 0) continue;
      for (const std::uint32_t parts : {1u, 2u, 4u, 8u}) {
        if (parts > 1 && (max_sms != 0 || k_tiles < 8 * parts)) continue;
        c.k_parts = parts;
        c.num_stages = kMinWgmmaStages;
        if (parts > 1) {  // all of them at once, or not at all
          const Result<Geometry> g = geometry_of(problem, c, device);
          if (!g || g.value().num_ctas > most_ctas_in_clusters(device, parts)) continue;
        }
        for (const std::uint32_t tiles : {1u, 2u}) {
          c.tiles_per_stage = tiles;
          choice.consider(c, device.max_shared_bytes);
        }
      }
    }
  }
}

/// A tuned config of exactly this problem, or null.
const MatmulConfig* tuned_config(const MatmulProblem& p, const DeviceShape& device,
                                 std::uint32_t max_sms) {
  if (device.num_sms != kTunedNumSms || max_sms != 0 || p.swiglu ||
      (p.form != gpu::WeightForm::kPalette && p.form != gpu::WeightForm::kRadix)) {
    return nullptr;
  }
  for (const TunedConfig& t : kTunedConfigs) {
    if (t.n == p.n && t.k == p.k && t.min_m <= p.m && p.m <= t.max_m) return &t.config;
  }
  return nullptr;
}

/// Up to here the mma kernel is at least as fast: a matrix of so few strips leaves warpgroups of
/// the other one without work.
bool mma_is_better(const MatmulProblem& problem, const DeviceShape& device) {
  const std::uint64_t strips =
      std::uint64_t{divide_up(problem.n, layout::kTileRows)} * (problem.swiglu ? 2 : 1);
  return problem.m <= 16 || (problem.m <= 32 && strips <= 2 * std::uint64_t{device.num_sms});
}

}  // namespace

Result<MatmulConfig> choose_config(const MatmulProblem& problem, const DeviceShape& device,
                                   std::uint32_t max_sms) {
  if (const MatmulConfig* tuned = tuned_config(problem, device, max_sms)) {
    if (geometry_of(problem, *tuned, device)) return *tuned;
  }
  if (mma_is_better(problem, device)) return mma_config(problem, device, max_sms);
  Choice choice(problem, device);
  consider_wgmma(problem, device, max_sms, choice);
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
