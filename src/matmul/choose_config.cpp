// SPDX-License-Identifier: BSD-3-Clause
//
// The planner: which kernel, and how it cuts the problem.
#include <algorithm>

#include "layout/tile_order.h"
#include "matmul/matmul_geometry.h"
#include "matmul/matmul_limits.h"

namespace unweight::matmul {
namespace {

using gpu::MatmulConfig;
using gpu::MatmulProblem;

constexpr std::uint32_t divide_up(std::uint64_t value, std::uint64_t by) {
  return static_cast<std::uint32_t>((value + by - 1) / by);
}

/// Shared memory that lets two CTAs be on an SM: the next kernel's while this one ends.
constexpr std::uint32_t kHalfSharedBytes = 112 * 1024;

std::uint32_t tokens_of_mma(std::uint64_t m) {
  return m <= 8 ? 8 : m <= 16 ? 16 : m <= 32 ? 32 : 64;
}

/// One output tile a CTA, all SMs busy: weights are read as fast as memory gives them if every SM
/// has enough on the way, however many warps multiply.
MatmulConfig mma_config(const MatmulProblem& problem, const DeviceShape& device,
                        std::uint32_t max_sms) {
  MatmulConfig c;
  c.kernel = MatmulConfig::Kernel::kMma;
  c.max_sms = max_sms;
  c.tokens_per_tile = tokens_of_mma(problem.m);
  const std::uint32_t sms = max_sms == 0 ? device.num_sms : std::min(max_sms, device.num_sms);
  const std::uint32_t matrices = problem.swiglu ? 2 : 1;
  const std::uint32_t strips = divide_up(problem.n, layout::kTileRows) * matrices;
  const std::uint32_t k_tiles = std::max(1u, divide_up(problem.k, layout::kTileCols));
  const std::uint32_t m_tiles = std::max(1u, divide_up(problem.m, c.tokens_per_tile));

  std::uint32_t per_cta = std::max(1u, divide_up(std::uint64_t{strips} * m_tiles, sms));
  if (max_sms == 0) {
    while (per_cta == 1 && strips * m_tiles * c.k_parts * 2 <= sms && c.k_parts < 8 &&
           k_tiles >= 8 * c.k_parts) {
      c.k_parts *= 2;
    }
  }
  const std::uint32_t one_strip_warps = mma_max_warps(c.tokens_per_tile, 1);
  c.strips_per_warp = per_cta > one_strip_warps || c.tokens_per_tile == 64 ? 2 : 1;
  const std::uint32_t most_warps = mma_max_warps(c.tokens_per_tile, c.strips_per_warp);
  const std::uint32_t most_strips = c.strips_per_warp * most_warps;
  const std::uint32_t rounds = divide_up(per_cta, most_strips);
  c.strips_per_tile = divide_up(per_cta, rounds);
  if (problem.swiglu) c.strips_per_tile = (c.strips_per_tile + 1) / 2 * 2;
  c.strips_per_tile = std::min(c.strips_per_tile, most_strips / matrices * matrices);
  const std::uint32_t strip_warps = divide_up(c.strips_per_tile, c.strips_per_warp);
  c.k_warps = 1;
  while (strip_warps * c.k_warps * 2 <= most_warps && c.k_warps < 8 &&
         k_tiles / c.k_parts >= 4 * c.k_warps) {
    c.k_warps *= 2;
  }
  c.tiles_per_stage = std::max(c.k_warps, c.strips_per_tile <= 8 ? 2u : 1u);
  c.tiles_per_stage = (c.tiles_per_stage + c.k_warps - 1) / c.k_warps * c.k_warps;
  return c;
}

}  // namespace

Result<MatmulConfig> choose_config(const MatmulProblem& problem, const DeviceShape& device,
                                   std::uint32_t max_sms) {
  MatmulConfig c = mma_config(problem, device, max_sms);
  // As many stages as half of shared memory holds; what that is too small for takes more of it.
  Result<Geometry> last = geometry_of(problem, c, device);
  for (std::uint32_t stages = kMaxStages; stages >= 2; --stages) {
    c.num_stages = stages;
    last = geometry_of(problem, c, device);
    if (last && (last.value().shared_bytes <= kHalfSharedBytes || stages <= 4)) return c;
  }
  return last.error();
}

}  // namespace unweight::matmul
