// SPDX-License-Identifier: BSD-3-Clause
//
// Which CTA does what: the kernel's own functions, on the CPU, for whatever the planner or a user
// may ask for.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "matmul/matmul_geometry.h"
#include "matmul/work_items.cuh"

namespace unweight::matmul {
namespace {

using gpu::MatmulConfig;
using gpu::MatmulProblem;

/// What Pieces reads, as gpu_matmul.cpp sets it.
MatmulParams params_of(const Geometry& g) {
  MatmulParams p{};
  p.multicast = p.k_parts = 1;
  p.num_whole_items = g.num_whole_items;
  p.num_k_tiles = g.num_k_tiles;
  p.num_rounds = g.num_rounds;
  p.num_cut_ctas = g.num_cut_ctas;
  p.cut_tiles_each = g.cut_tiles_each;
  p.num_larger_cuts = g.num_larger_cuts;
  return p;
}

/// A piece, who has it, and as the how many-th of its own.
struct Given {
  Piece piece;
  std::uint32_t cta, order;
  bool is_head, is_tail;
};

/// Of all CTAs, one after the other.
std::vector<Given> all_pieces(const MatmulParams& params, std::uint32_t num_ctas) {
  std::vector<Given> found;
  cudaLaunchConfig_t grid{};
  grid.gridDim = {num_ctas, 1, 1};
  grid.blockDim = {1, 1, 1};
  const cudaError_t status = on_cpu::launch(grid, [&] {
    const Pieces pieces(params);
    for (std::uint32_t i = 0; i < pieces.count(); ++i) {
      const Piece piece = pieces[i];
      if (!piece.exists()) continue;
      found.push_back({piece, blockIdx.x, i, i == Pieces::kHead, pieces.is_tail(i)});
    }
  });
  EXPECT_EQ(status, cudaSuccess) << on_cpu::launch_problem();
  return found;
}

/// Every tile of every item once; all but heads end an item; and the heads that a tail adds are
/// those that there are, of CTAs before it.
void expect_whole_items(const MatmulParams& params, std::uint32_t num_ctas,
                        std::uint32_t num_items) {
  std::vector<std::vector<Given>> of_item(num_items);
  for (const Given& given : all_pieces(params, num_ctas)) {
    ASSERT_LT(given.piece.item, num_items);
    of_item[given.piece.item].push_back(given);
  }
  for (std::vector<Given>& pieces : of_item) {
    std::sort(pieces.begin(), pieces.end(),
              [](const Given& a, const Given& b) { return a.piece.begin < b.piece.begin; });
    std::uint32_t tile = 0;
    for (const Given& given : pieces) {
      ASSERT_EQ(given.piece.begin, tile);
      tile = given.piece.end;
      ASSERT_EQ(given.is_head, &given != &pieces.back());
    }
    ASSERT_EQ(tile, params.num_k_tiles);
    const Given& last = pieces.back();
    ASSERT_EQ(last.is_tail, last.piece.item >= params.num_whole_items);
    if (!last.is_tail) continue;
    // As add_given_sums() goes back.
    const std::uint32_t first = (last.piece.item - params.num_whole_items) * params.num_k_tiles;
    std::uint32_t cta = last.cta;
    std::size_t added = 0;
    for (; Pieces(params).first_cut_tile(cta) > first; ++added) {
      --cta;
      ASSERT_LT(added + 1, pieces.size());
      ASSERT_EQ(pieces[pieces.size() - 2 - added].cta, cta);
    }
    ASSERT_EQ(added + 1, pieces.size());
  }
}

TEST(Pieces, AreAllTilesOnce) {
  const DeviceShape device;
  std::uint64_t num_cut = 0;
  for (const std::uint64_t n : {1u, 130u, 4096u, 6144u, 10240u, 14336u}) {
    for (const std::uint64_t k : {0u, 1u, 64u, 200u, 4096u, 8200u}) {
      for (const std::uint64_t m : {1u, 200u, 1024u}) {
        for (const std::uint32_t ctas : {0u, 1u, 2u, 7u, 100u, 131u, 132u}) {
          for (const std::uint32_t tokens : {64u, 256u}) {
            MatmulConfig c;
            c.kernel = MatmulConfig::Kernel::kWgmma;
            c.tokens_per_tile = tokens;
            c.strips_per_tile = 8;
            c.num_stages = 4;
            c.stream_ctas = ctas;
            SCOPED_TRACE(std::to_string(n) + " x " + std::to_string(k) + ", m " +
                         std::to_string(m) + ", tokens " + std::to_string(tokens) + ", ctas " +
                         std::to_string(ctas));
            const auto g = geometry_of(MatmulProblem{n, k, m}, c, device);
            ASSERT_TRUE(g.ok()) << g.error().message;
            ASSERT_LE(g->num_ctas, ctas == 0 ? device.num_sms : ctas);
            ASSERT_LE(g->num_cut_ctas, g->num_ctas);
            num_cut += g->num_cut_ctas != 0 ? 1 : 0;
            expect_whole_items(params_of(*g), g->num_ctas, g->num_row_groups * g->num_m_tiles);
            if (HasFatalFailure()) return;
          }
        }
      }
    }
  }
  EXPECT_GT(num_cut, 100u);
}

// A tail waits for heads only, and a head waits for nothing.
TEST(Pieces, HeadsComeFirstAndTailsLast) {
  const DeviceShape device;
  MatmulConfig c;
  c.kernel = MatmulConfig::Kernel::kWgmma;
  c.tokens_per_tile = 64;
  c.strips_per_tile = 8;
  c.num_stages = 4;
  c.stream_ctas = 50;
  const auto g = geometry_of(MatmulProblem{16384, 4096, 64}, c, device);
  ASSERT_TRUE(g.ok());
  const MatmulParams params = params_of(*g);
  const std::vector<Given> pieces = all_pieces(params, g->num_ctas);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const bool is_first = i == 0 || pieces[i - 1].cta != pieces[i].cta;
    const bool is_last = i + 1 == pieces.size() || pieces[i + 1].cta != pieces[i].cta;
    EXPECT_TRUE(!pieces[i].is_head || is_first);
    EXPECT_TRUE(!pieces[i].is_tail || is_last);
  }
}

}  // namespace
}  // namespace unweight::matmul
