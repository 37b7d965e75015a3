// SPDX-License-Identifier: BSD-3-Clause
#include "matmul/matmul_geometry.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "codec/radix_format.h"
#include "layout/tile_order.h"
#include "matmul/matmul_limits.h"

namespace unweight::matmul {
namespace {

using gpu::MatmulConfig;
using gpu::MatmulProblem;
using Kernel = MatmulConfig::Kernel;

constexpr std::uint64_t kMaxDimension = std::uint64_t{1} << 20;

Error bad(std::string what) {
  return Error{ErrorCode::kInvalidArgument, std::move(what)};
}

template <typename T>
bool is_one_of(T value, std::initializer_list<T> values) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

constexpr std::uint32_t round_up(std::uint32_t value, std::uint32_t to) {
  return (value + to - 1) / to * to;
}
Result<void> check_fields(const MatmulProblem& problem, const MatmulConfig& c) {
  using Counts = std::initializer_list<std::uint32_t>;
  if (!is_one_of(c.k_parts, Counts{1, 2, 4, 8})) return bad("k_parts is not 1, 2, 4 or 8");
  if (c.num_stages < 2 || c.num_stages > kMaxStages) {
    return bad(fmt::format("num_stages {} is not in 2..{}", c.num_stages, kMaxStages));
  }
  if (c.tiles_per_stage == 0 || c.strips_per_tile == 0) {
    return bad("tiles_per_stage or strips_per_tile is 0");
  }
  if (c.strips_per_tile > kMaxStripsPerTile) {
    return bad(fmt::format("strips_per_tile {} is above {}", c.strips_per_tile, kMaxStripsPerTile));
  }
  if (problem.swiglu && c.strips_per_tile % 2 != 0) {
    return bad("with swiglu, strips_per_tile must be even: gate and up alternate");
  }
  if (c.k_warps == 0 || c.tiles_per_stage % c.k_warps != 0) {
    return bad("tiles_per_stage is no multiple of k_warps");
  }
  if (c.kernel == Kernel::kMma) {
    if (!is_one_of(c.tokens_per_tile, Counts{8, 16, 32})) {
      return bad("tokens_per_tile of the mma kernel is not 8, 16 or 32");
    }
    if (c.tokens_per_tile == 32 && problem.form == gpu::WeightForm::kRadix) {
      return bad("tokens_per_tile of the mma kernel is 32: no registers are left for radix");
    }
    if (c.multicast != 1) return bad("the mma kernel has no multicast");
    if (c.stream_ctas != 0) return bad("the mma kernel has no stream-K: stream_ctas is not 0");
    const std::uint64_t warps = std::uint64_t{c.strips_per_tile} * c.k_warps;
    if (warps > kMmaMaxWarps) {
      return bad(fmt::format("{} consumer warps; {} have registers", warps, kMmaMaxWarps));
    }
    return {};
  }
  if (!is_one_of(c.tokens_per_tile, Counts{32, 64, 128, 256})) {
    return bad("tokens_per_tile of the wgmma kernel is not 32, 64, 128 or 256");
  }
  if ((c.k_warps != 1 || c.tiles_per_stage != 1) && c.tokens_per_tile > kMostTokensOfKWarps) {
    return bad("k_warps or tiles_per_stage of the wgmma kernel is not 1 with tiles of 256 tokens");
  }
  const std::uint32_t most = wgmma_max_groups(c.tokens_per_tile);
  if (wgmma_groups(c.strips_per_tile, c.k_warps) > most) {
    return bad(
        fmt::format("strips_per_tile {} of the wgmma kernel by {} k_warps: more than {} "
                    "warpgroups",
                    c.strips_per_tile, c.k_warps, most));
  }
  if (!is_one_of(c.multicast, Counts{1, 2})) return bad("multicast is not 1 or 2");
  if (c.multicast != 1 && c.k_parts != 1) return bad("multicast and k_parts exclude each other");
  if (c.num_stages < kMinWgmmaStages) return bad("num_stages of the wgmma kernel is below 3");
  if (c.stream_ctas > kMaxStreamCtas) {
    return bad(fmt::format("stream_ctas {} is above {}", c.stream_ctas, kMaxStreamCtas));
  }
  if (c.stream_ctas != 0 && c.k_parts * c.multicast != 1) {
    return bad("stream_ctas and clusters (k_parts, multicast) exclude each other");
  }
  return {};
}

std::uint32_t consumer_warps(const MatmulConfig& c) {
  return c.kernel == Kernel::kWgmma ? 4 * wgmma_groups(c.strips_per_tile, c.k_warps)
                                    : c.strips_per_tile * c.k_warps;
}

/// Of the buffer of partial sums for `tokens` tokens; with k_parts, of the shares that other CTAs
/// send besides (exchange_sums()).
std::uint32_t sums_bytes(const MatmulConfig& c, std::uint32_t tokens) {
  const std::uint32_t received = tokens / c.k_parts * (c.k_parts - 1);
  return c.k_warps * (tokens + received) * (c.strips_per_tile * layout::kTileRows + 4) * 4;
}

/// Rows of a tile of activations in the mma kernel's shared memory: all that the kernel reads, but
/// for one or two tokens in a tile of 8, which reads them again and again.
std::uint32_t token_rows(const MatmulProblem& problem, const MatmulConfig& c) {
  if (problem.m <= 2 && c.tokens_per_tile == 8)
    return std::max<std::uint32_t>(1, static_cast<std::uint32_t>(problem.m));
  return c.tokens_per_tile;
}

/// Of a stage as work_items.cuh's StageMap or mma_matmul.cuh lay it out: what is in it of all
/// strips, and the activations.
std::uint64_t stage_bytes(const MatmulProblem& problem, const MatmulConfig& c) {
  if (c.kernel == Kernel::kMma) {
    return std::uint64_t{c.tiles_per_stage} * (token_rows(problem, c) * kTokenTileBytes +
                                               c.strips_per_tile * tile_bytes(problem.form));
  }
  const std::uint32_t matrices = problem.swiglu ? 2 : 1;
  const TileSections sections = tile_sections(problem.form);
  const std::uint64_t tiles = c.tiles_per_stage;
  const std::uint64_t second = tiles * (c.strips_per_tile / matrices) * sections.second;
  return tiles * (std::uint64_t{c.tokens_per_tile} * kTokenTileBytes +
                  std::uint64_t{c.strips_per_tile} * sections.first) +
         matrices * (second + box_padding(static_cast<std::uint32_t>(second)));
}

/// Row tiles. If those of the mma kernel run all at the same time, they are as many as there is
/// room for, one or two an SM, some of them with a strip less, rather than full ones and SMs with
/// fewer CTAs than others.
void place_rows(const MatmulConfig& c, std::uint32_t sms, Geometry* g) {
  const std::uint32_t strips_each = c.strips_per_tile / g->num_matrices;
  std::uint32_t row_tiles = divide_up(g->num_strips, strips_each);
  g->group_strips = strips_each;
  const std::uint32_t ctas = row_tiles * c.k_parts;
  const std::uint32_t room = ctas <= sms ? sms : sms * kMmaCtasPerSm;
  if (c.kernel == Kernel::kMma && g->num_m_tiles == 1 && ctas <= room && row_tiles != 0) {
    row_tiles = std::min(room / c.k_parts, g->num_strips);
    g->group_strips = g->num_strips / row_tiles;
    g->num_larger_groups = g->num_strips % row_tiles;
  }
  g->num_row_groups = divide_up(row_tiles, c.multicast);
}

/// Items that fill all CTAs are whole, the tiles of the others are dealt out (work_items.cuh).
void cut_items(const MatmulConfig& c, std::uint32_t items, Geometry* g) {
  const std::uint32_t cut = g->num_k_tiles == 0 ? 0 : items % c.stream_ctas;
  const std::uint32_t tiles = cut * g->num_k_tiles;
  g->num_whole_items = items - cut;
  g->num_rounds = divide_up(g->num_whole_items, c.stream_ctas);
  g->num_cut_ctas = std::min({c.stream_ctas, cut * kCutsPerItem, tiles});
  g->num_ctas = g->num_whole_items == 0 ? g->num_cut_ctas : std::min(items, c.stream_ctas);
  if (cut == 0) return;
  g->cut_tiles_each = tiles / g->num_cut_ctas;
  g->num_larger_cuts = tiles % g->num_cut_ctas;
}

}  // namespace

std::uint64_t cut_sums_bytes(const MatmulConfig& c) {
  if (c.stream_ctas == 0 || !check_fields({}, c)) return 0;
  return std::uint64_t{c.stream_ctas} * wgmma_groups(c.strips_per_tile, c.k_warps) * 128 *
         (c.tokens_per_tile / 2 * sizeof(float));
}

TileSections tile_sections(gpu::WeightForm form) {
  switch (form) {
    case gpu::WeightForm::kPalette:
      return {layout::kTileByteSectionBytes, layout::kTileCodeSectionBytes};
    case gpu::WeightForm::kExponents:
      return {layout::kTileByteSectionBytes, layout::kTileByteSectionBytes};
    case gpu::WeightForm::kTiles:
      return {layout::kTileWeightSectionBytes, 0};
    case gpu::WeightForm::kRadix:
      return {layout::kTileByteSectionBytes, codec::kTileRadixSectionBytes};
  }
  return {};
}

Result<Geometry> geometry_of(const MatmulProblem& problem, const MatmulConfig& c,
                             const DeviceShape& device) {
  if (problem.n > kMaxDimension || problem.k > kMaxDimension || problem.m > kMaxDimension) {
    return bad(fmt::format("{} x {} weights, {} tokens: a dimension above 2^20", problem.n,
                           problem.k, problem.m));
  }
  if (auto checked = check_fields(problem, c); !checked) return checked.error();
  Geometry g;
  g.num_matrices = problem.swiglu ? 2 : 1;
  g.num_strips = divide_up(problem.n, layout::kTileRows);
  g.num_k_tiles = divide_up(problem.k, layout::kTileCols);
  g.num_m_tiles = divide_up(problem.m, c.tokens_per_tile);
  const bool is_wgmma = c.kernel == Kernel::kWgmma;
  const std::uint32_t sms = c.max_sms == 0 ? device.num_sms : std::min(c.max_sms, device.num_sms);
  if (c.stream_ctas > sms) {  // they wait for each other
    return bad(fmt::format("stream_ctas {} is more than {} SMs", c.stream_ctas, sms));
  }
  place_rows(c, sms, &g);
  g.m_tiles_per_group = std::max(1u, std::min(g.num_m_tiles, 8u));
  if (c.k_parts > std::max(1u, g.num_k_tiles)) return bad("k_parts is more than K has tiles");
  const std::uint64_t items = std::uint64_t{g.num_row_groups} * g.num_m_tiles;
  g.cluster_size = c.k_parts * c.multicast;
  if (items * g.cluster_size > std::uint64_t{1} << 30)
    return bad("more output tiles than a grid has");

  g.num_consumer_warps = consumer_warps(c);
  g.num_threads = layout::kLanes * (g.num_consumer_warps + (is_wgmma ? 4 : 1));

  const std::uint64_t stage = stage_bytes(problem, c);
  if (stage > device.max_shared_bytes) return bad("a stage does not fit in shared memory");
  g.stage_bytes = round_up(static_cast<std::uint32_t>(stage), is_wgmma ? 1024 : 16);
  std::uint32_t ring = g.stage_bytes * c.num_stages;
  g.num_token_stages = c.num_stages;
  if (!is_wgmma) {
    g.token_rows = token_rows(problem, c);
    g.token_stage_bytes = c.tiles_per_stage * g.token_rows * kTokenTileBytes;
    g.tiles_per_run = c.tiles_per_stage / c.k_warps;
    g.tiles_per_part = divide_up(g.num_k_tiles, std::uint64_t{c.k_parts} * c.k_warps);
    g.stages_per_item = divide_up(g.tiles_per_part, g.tiles_per_run);
  }
  const std::uint64_t all = items * g.cluster_size;
  const std::uint32_t scratch =
      problem.form == gpu::WeightForm::kRadix ? consumer_warps(c) * kEscapeScratchBytes : 0;
  const std::uint32_t room =
      c.stream_ctas != 0 ? c.stream_ctas : sms / g.cluster_size * g.cluster_size;
  // A cluster that shares K has one item. So has a CTA of the mma kernel: the next one, perhaps of
  // the next kernel, starts where one has ended. Others are persistent, one an SM.
  const bool is_persistent = c.k_parts == 1 && (is_wgmma || c.max_sms != 0);
  // The sums go where the ring was, unless a CTA goes on to another tile.
  const bool in_ring = all <= room || !is_persistent;
  const auto place_sums = [&] {
    if (c.k_parts > 1) g.epilogue_tokens = c.tokens_per_tile;
    while (in_ring && g.epilogue_tokens < c.tokens_per_tile &&
           sums_bytes(c, 2 * g.epilogue_tokens) <= ring) {
      g.epilogue_tokens *= 2;
    }
    const std::uint32_t sums = sums_bytes(c, g.epilogue_tokens);
    g.epilogue_offset = in_ring ? 0 : ring;
    g.scratch_offset = round_up(in_ring ? std::max(ring, sums) : ring + sums, 16);
    g.barrier_offset = g.scratch_offset + scratch;
    g.shared_bytes =
        g.barrier_offset + kBarrierBytes + (is_wgmma ? 0 : consumer_warps(c) * kMaxStages * 8);
  };
  place_sums();
  if (!is_wgmma) {  // what is left of the shared memory is for activations: nobody waits for them
    const std::uint32_t half = half_shared_bytes(device);
    const std::uint32_t most = g.shared_bytes <= half ? half : device.max_shared_bytes;
    const std::uint32_t more =
        most < g.shared_bytes ? 0 : (most - g.shared_bytes) / g.token_stage_bytes;
    g.num_token_stages = std::min(kMaxStages, c.num_stages + more);
    ring += (g.num_token_stages - c.num_stages) * g.token_stage_bytes;
    place_sums();
  }
  g.num_ctas = static_cast<std::uint32_t>(is_persistent ? std::min<std::uint64_t>(all, room) : all);
  g.num_whole_items = static_cast<std::uint32_t>(items);
  g.num_rounds = divide_up(items, std::max(1u, g.num_ctas / g.cluster_size));
  if (c.stream_ctas != 0) cut_items(c, static_cast<std::uint32_t>(items), &g);
  if (c.max_sms != 0 && g.num_ctas > room) return bad("k_parts takes more SMs than max_sms");
  if (g.num_ctas == 0 && all != 0) return bad("max_sms is less than a cluster");
  if (g.shared_bytes > device.max_shared_bytes) {
    return bad(fmt::format("{} bytes of shared memory; there are {}", g.shared_bytes,
                           device.max_shared_bytes));
  }
  return g;
}

}  // namespace unweight::matmul
