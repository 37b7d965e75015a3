// SPDX-License-Identifier: BSD-3-Clause
//
// The planner: which kernel, and how it cuts the problem. For few tokens a rule, for many a cost
// model over candidates; docs/kernels has the sweeps that both were fitted to (make gpu-bench's
// matmul_gpu_bench --sweep repeats them). Multicast is chosen where a sweep found it faster only.
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

/// As many stages as `shared_bytes` holds, or the fewest there may be, if those fit anywhere.
bool choose_stages(const MatmulProblem& problem, const DeviceShape& device,
                   std::uint32_t shared_bytes, MatmulConfig& c) {
  const std::uint32_t fewest = c.kernel == Kernel::kWgmma ? kMinWgmmaStages : 2;
  c.num_stages = fewest;
  Result<Geometry> g = geometry_of(problem, c, device);
  if (!g) return false;
  // The sums may need room besides, so one or two less may be what fits.
  for (std::uint32_t most = std::min(kMaxStages, shared_bytes / g->stage_bytes); most > fewest;
       --most) {
    c.num_stages = most;
    g = geometry_of(problem, c, device);
    if (g && g->shared_bytes <= shared_bytes) return true;
  }
  c.num_stages = fewest;
  return true;
}

struct Candidate {
  MatmulConfig config;
  double clocks = 0;  ///< of an SM, by the model
};

/// What a plan takes, in clocks of 1.7 GHz. Constants fitted to 1092 timings of a sweep over eleven
/// matrices and 32 to 2048 tokens on an H100 (docs/kernels/wgmma-matmul.md), their ranking above
/// all: within 3 % on average; what it picks is 0.4 % slower than the best that was tried. Memory
/// and stream-K: to 995 timings on an H200, within 11 %, picks within 2 %.
constexpr double kStartClocks = 9807;  ///< launch, first stage, last output
/// Of weights, an SM and clock, all SMs reading.
constexpr double memory_bytes(const DeviceShape& device) {
  return device.memory_bus_bits >= kH200 ? 17.0 : 13.0;
}
constexpr double kCacheBytes = 42.8;  ///< of activations and weights from the second-level cache
constexpr double kTileClocks = 506, kTileTokenClocks = 0.23;   ///< a warpgroup alone: latency
constexpr double kBusyClocks = 180, kBusyTokenClocks = 1.115;  ///< what it takes of the SM's issue
constexpr double kStageClocks = 185;
constexpr double kExchangeClocks = 1602, kExchangeTokenClocks = 43.8;  ///< of k_parts
constexpr double kCutClocks = 2200, kCutTokenClocks = 17;  ///< of stream-K: tokens by parts
constexpr double kOutputClocks = 2184;
/// Nothing hides quite behind what is slowest, what the busiest SM reads least, and each warpgroup
/// more hides some of what others wait for.
constexpr double kUnhidden = 0.031, kHiddenByGroup = 0.09;

double wgmma_clocks(const MatmulProblem& problem, const MatmulConfig& c, const Geometry& g,
                    const DeviceShape& device) {
  const double sms = c.max_sms == 0 ? device.num_sms : std::min(c.max_sms, device.num_sms);
  const double tokens = c.tokens_per_tile;
  const double items = double(g.num_row_groups) * g.num_m_tiles;
  const double ctas = items * g.cluster_size;
  const double groups = wgmma_groups(c.strips_per_tile, c.k_warps);
  const double k_tiles = std::ceil(double(g.num_k_tiles) / c.k_parts);
  // Of the busiest CTA: items that it ends, and tiles.
  double outputs = std::ceil(ctas / sms), exchange = 0;
  double tiles = outputs * k_tiles;
  if (c.k_parts > 1) exchange = kExchangeClocks + kExchangeTokenClocks * tokens;
  if (g.num_cut_ctas != 0) {
    const double parts = std::ceil(g.num_cut_ctas / (items - g.num_whole_items));
    exchange = kCutClocks + kCutTokenClocks * tokens * c.k_warps * parts;
    outputs = g.num_rounds + 1;
    tiles = g.num_rounds * k_tiles + g.cut_tiles_each + 1;
  }
  const double tile = std::max(kTileClocks + kTileTokenClocks * tokens,
                               (kBusyClocks + kBusyTokenClocks * tokens) * groups);
  const double compute =
      tiles * (tile / c.k_warps + kStageClocks / c.tiles_per_stage) + outputs * kOutputClocks;
  const double memory_clock = memory_bytes(device);
  const double strip_bytes = c.strips_per_tile * tile_bytes(problem.form);
  const double weight_bytes = ctas * k_tiles * strip_bytes;
  const double token_bytes = ctas * k_tiles * tokens * 128.0 / c.multicast;
  const double memory = weight_bytes / g.num_m_tiles / sms / memory_clock;
  const double busiest = tiles * strip_bytes / memory_clock;
  const double cache = (weight_bytes + token_bytes) / sms / kCacheBytes;
  return kStartClocks + exchange + std::max({compute, memory, cache}) +
         kUnhidden * (compute * (1 - kHiddenByGroup * groups) + busiest + cache);
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

/// Few tokens: memory decides, and it is read as fast as it gives if every SM always has enough on
/// the way. Two CTAs an SM do that: while one ends or starts, the other reads. Found by sweeps over
/// eleven matrices on an H200 (docs/kernels/mma-matmul.md).
Result<MatmulConfig> mma_config(const MatmulProblem& problem, const DeviceShape& device,
                                std::uint32_t max_sms) {
  const std::uint32_t sms = max_sms == 0 ? device.num_sms : std::min(max_sms, device.num_sms);
  const std::uint32_t matrices = problem.swiglu ? 2 : 1;
  const std::uint32_t k_tiles = std::max(1u, divide_up(problem.k, layout::kTileCols));
  MatmulConfig c;
  c.kernel = Kernel::kMma;
  c.max_sms = max_sms;
  c.tokens_per_tile = problem.m <= 8 ? 8 : 16;
  const std::uint32_t ctas_per_sm = max_sms != 0 ? 1 : kMmaCtasPerSm;
  const std::uint64_t strips = std::uint64_t{divide_up(problem.n, layout::kTileRows)} * matrices *
                               std::max(1u, divide_up(problem.m, c.tokens_per_tile));
  std::uint64_t slots = std::uint64_t{sms} * ctas_per_sm;
  // Not quite two CTAs an SM would be some SMs with twice as much as others.
  if (strips > slots && strips <= std::uint64_t{3} * sms) slots = sms;
  const std::uint32_t most = kMmaMaxWarps / matrices * matrices;
  const std::uint32_t rounds = std::max(1u, divide_up(strips, slots * most));
  const std::uint32_t wanted = std::max(1u, divide_up(strips, slots * rounds));
  c.strips_per_tile = std::min(divide_up(wanted, matrices) * matrices, most);
  // Radix is more work a byte: as many warps as there may be. Else fewer and longer runs of K.
  const std::uint32_t warps = kMmaMaxWarps / c.strips_per_tile;
  const std::uint32_t most_k_warps = problem.form == gpu::WeightForm::kRadix ? warps
                                     : c.strips_per_tile == 2                ? 2
                                                                             : std::min(warps, 4u);
  c.k_warps = std::clamp(k_tiles / 2, 1u, most_k_warps);
  if (max_sms == 0) {  // few strips: CTAs share them
    while (c.k_parts < kMaxKParts && strips * c.k_parts * 2 <= slots &&
           k_tiles >= 8 * c.k_parts * c.k_warps) {
      c.k_parts *= 2;
    }
  }
  // Runs of four tiles, or of so many that two stages leave room for another CTA.
  const std::uint32_t shared =
      ctas_per_sm == 2 ? half_shared_bytes(device) : device.max_shared_bytes;
  for (const std::uint32_t run : {4u, 2u, 1u}) {
    c.tiles_per_stage = c.k_warps * run;
    c.num_stages = 2;
    const Result<Geometry> g = geometry_of(problem, c, device);
    if (g && g->shared_bytes <= shared) break;
  }
  if (!choose_stages(problem, device, shared, c)) return geometry_of(problem, c, device).error();
  return c;
}

/// Clusters do not leave their part of the chip (16 or 18 SMs): of 4 only 30 fit on 132 SMs.
std::uint32_t most_ctas_in_clusters(const DeviceShape& device, std::uint32_t size) {
  return size <= 2   ? device.num_sms
         : size == 4 ? device.num_sms * 30 / 33
                     : device.num_sms * 28 / 33;
}

/// Whether the workspace is large enough for a config; without stream-K it needs none.
bool fits_workspace(const MatmulConfig& c, const PlanLimits& limits) {
  return c.stream_ctas == 0 || cut_sums_bytes(c) + kSumFlagsBytes <= limits.workspace_bytes;
}

void consider_wgmma(const MatmulProblem& problem, const DeviceShape& device,
                    const PlanLimits& limits, Choice& choice) {
  const std::uint32_t max_sms = limits.max_sms;
  const std::uint64_t k_tiles = divide_up(problem.k, layout::kTileCols);
  const std::uint64_t num_strips =
      std::uint64_t{divide_up(problem.n, layout::kTileRows)} * (problem.swiglu ? 2 : 1);
  const std::uint32_t sms = max_sms == 0 ? device.num_sms : std::min(max_sms, device.num_sms);
  MatmulConfig c;
  c.kernel = Kernel::kWgmma;
  c.max_sms = max_sms;
  for (const std::uint32_t tokens : {32u, 64u, 128u, 256u}) {
    if (tokens > 32 && tokens >= 2 * problem.m) continue;
    c.tokens_per_tile = tokens;
    for (const std::uint32_t k_warps : {1u, 2u, 3u, 4u}) {
      if (k_warps > wgmma_max_groups(tokens)) continue;
      if (tokens == 128 && k_warps == 3) continue;  // a quarter slower than two
      c.k_warps = k_warps;
      for (std::uint32_t strips = 2; strips <= wgmma_max_strips(tokens, k_warps); ++strips) {
        c.strips_per_tile = strips;
        if (problem.swiglu && strips % 2 != 0) continue;
        if (k_warps == 1 && strips <= 4 && num_strips > 4) continue;  // a warpgroup without work
        if (tokens == 256 && strips % 4 != 0) continue;  // half of one: 5 to 13 % slower
        for (const std::uint32_t parts : {1u, 2u, 4u, 8u}) {
          if (parts > 1 && (max_sms != 0 || k_tiles < 8 * parts)) continue;
          c.k_parts = parts;
          c.tiles_per_stage = k_warps;
          c.num_stages = kMinWgmmaStages;
          if (parts > 1) {  // all of them at once, or not at all
            const Result<Geometry> g = geometry_of(problem, c, device);
            if (!g || g.value().num_ctas > most_ctas_in_clusters(device, parts)) continue;
          }
          for (const std::uint32_t tiles : {1u, 2u, 4u}) {
            if (tiles != 1 && tiles <= k_warps) continue;  // the stage of one tile each, again
            c.tiles_per_stage = divide_up(tiles, k_warps) * k_warps;
            choice.consider(c, device.max_shared_bytes);
            if (parts > 1) continue;
            c.stream_ctas = sms;
            if (fits_workspace(c, limits)) choice.consider(c, device.max_shared_bytes);
            c.stream_ctas = 0;
          }
        }
      }
    }
  }
}

/// The tuned config of exactly this problem that is most to the point, or null.
const MatmulConfig* tuned_config(const MatmulProblem& p, const DeviceShape& device,
                                 const PlanLimits& limits) {
  if (device.num_sms != kTunedNumSms || limits.max_sms != 0 || p.swiglu) return nullptr;
  const TunedConfig* best = nullptr;
  int best_fit = 0;
  for (const TunedConfig& t : kTunedConfigs) {
    if (t.n != p.n || t.k != p.k || p.m < t.min_m || t.max_m < p.m) continue;
    if (t.form != p.form && p.form != gpu::WeightForm::kRadix) continue;
    if (!fits_workspace(t.config, limits)) continue;
    const int fit = 1 + 2 * (t.form == p.form) + (t.card == device.memory_bus_bits);
    if (fit > best_fit) {
      best = &t;
      best_fit = fit;
    }
  }
  return best == nullptr ? nullptr : &best->config;
}

/// Up to here the mma kernel is the faster one.
constexpr std::uint64_t kMostTokensOfMma = 16;

}  // namespace

Result<MatmulConfig> choose_config(const MatmulProblem& problem, const DeviceShape& device,
                                   const PlanLimits& limits) {
  if (const MatmulConfig* tuned = tuned_config(problem, device, limits)) {
    if (geometry_of(problem, *tuned, device)) return *tuned;
  }
  if (problem.m <= kMostTokensOfMma) return mma_config(problem, device, limits.max_sms);
  Choice choice(problem, device);
  consider_wgmma(problem, device, limits, choice);
  if (choice.found()) return choice.config();
  // Nothing fits: say why, of the smallest there is.
  MatmulConfig c;
  c.max_sms = limits.max_sms;
  c.strips_per_tile = problem.swiglu ? 2 : 1;
  const Result<Geometry> g = geometry_of(problem, c, device);
  if (!g) return g.error();
  return c;
}

}  // namespace unweight::matmul
