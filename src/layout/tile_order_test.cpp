// SPDX-License-Identifier: BSD-3-Clause
#include "layout/tile_order.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <vector>

namespace unweight::layout {
namespace {

constexpr std::uint64_t kMaxU64 = std::numeric_limits<std::uint64_t>::max();

template <typename Fn>
void for_each_weight(Fn fn) {
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    for (std::uint32_t i = 0; i < kLaneElems; ++i) fn(LanePosition{lane, i});
  }
}

TEST(TileOrder, LanePositionInvertsTilePosition) {
  std::set<std::uint32_t> seen;
  for_each_weight([&](LanePosition p) {
    const TilePosition at = tile_position(p);
    ASSERT_LT(at.row, kTileRows);
    ASSERT_LT(at.col, kTileCols);
    seen.insert(at.row * kTileCols + at.col);
    const LanePosition back = lane_position(at);
    EXPECT_EQ(back.lane, p.lane);
    EXPECT_EQ(back.i, p.i);
  });
  EXPECT_EQ(seen.size(), kTileElems);
}

TEST(TileOrder, TilePositionInvertsLanePosition) {
  for (std::uint32_t row = 0; row < kTileRows; ++row) {
    for (std::uint32_t col = 0; col < kTileCols; ++col) {
      const TilePosition back = tile_position(lane_position({row, col}));
      EXPECT_EQ(back.row, row);
      EXPECT_EQ(back.col, col);
    }
  }
}

// The PTX ISA's own words for the A operand of mma.m16n8k16 with .bf16 (element a_i, i = 0..7):
//   row = groupID            for a_i where 0 <= i < 2 or 4 <= i < 6
//         groupID + 8        otherwise
//   col = 2 * threadID_in_group + (i & 1)        for i < 4
//         2 * threadID_in_group + (i & 1) + 8    for i >= 4
TEST(TileOrder, IsTheMmaFragmentOrder) {
  for_each_weight([](LanePosition p) {
    const std::uint32_t step = p.i / 8, a = p.i % 8;
    const std::uint32_t group = p.lane / 4, thread_in_group = p.lane % 4;
    const bool upper = a < 2 || (a >= 4 && a < 6);
    const TilePosition at = tile_position(p);
    EXPECT_EQ(at.row, upper ? group : group + 8);
    EXPECT_EQ(at.col, 16 * step + 2 * thread_in_group + (a & 1) + (a >= 4 ? 8 : 0));
  });
}

TEST(TileOrder, ByteSectionIsAPermutation) {
  std::vector<bool> used(kTileByteSectionBytes, false);
  for_each_weight([&](LanePosition p) {
    const std::uint32_t offset = byte_section_offset(p);
    ASSERT_LT(offset, kTileByteSectionBytes);
    EXPECT_FALSE(used[offset]);
    used[offset] = true;
  });
}

TEST(TileOrder, ByteSectionGivesALaneTwoAlignedHalves) {
  for_each_weight([](LanePosition p) {
    const std::uint32_t half = byte_section_offset({p.lane, p.i & 16});
    EXPECT_EQ(half % 16, 0u);
    EXPECT_EQ(byte_section_offset(p), half + p.i % 16);
  });
  EXPECT_EQ(byte_section_offset({1, 0}), 16u);  // lane-major, so a warp's loads are consecutive
  EXPECT_EQ(byte_section_offset({0, 16}), 512u);
}

TEST(TileOrder, CodeSectionIsAPermutationOfNibbles) {
  std::vector<bool> used(kTileCodeSectionBytes * 2, false);
  for_each_weight([&](LanePosition p) {
    const std::uint32_t bit = code_section_bit(p);
    ASSERT_EQ(bit % 4, 0u);
    ASSERT_LT(bit / 8, kTileCodeSectionBytes);
    EXPECT_FALSE(used[bit / 4]);
    used[bit / 4] = true;
  });
}

TEST(TileOrder, OneShiftBringsBothCodesOfARegisterUnderOneMask) {
  for_each_weight([](LanePosition p) {
    const std::uint32_t step = p.i / 8, reg = p.i / 2 % 4, half = p.i % 2;
    const std::uint32_t bit = code_section_bit(p);
    EXPECT_EQ(bit / 32, 4 * p.lane + step);               // word
    EXPECT_EQ(bit % 32, 4 * reg + (half != 0 ? 16 : 0));  // under 0x000f000f << 4 * reg
  });
}

TEST(TileGrid, CountsPaddedTilesAndChunks) {
  const TileGrid grid{17, 65};
  EXPECT_EQ(grid.num_strips(), 2u);
  EXPECT_EQ(grid.tiles_per_strip(), 2u);
  EXPECT_EQ(grid.num_tiles(), 4u);
  EXPECT_EQ(grid.num_chunks(), 1u);
  EXPECT_EQ(grid.chunk_tiles(0), 4u);
  EXPECT_EQ(grid.num_elems(), 17u * 65);
  EXPECT_EQ(grid.padded_elems(), 4096u);

  const TileGrid exact{16, 2 * kChunkTiles * 64};
  EXPECT_EQ(exact.num_chunks(), 2u);
  EXPECT_EQ(exact.chunk_tiles(1), kChunkTiles);

  const TileGrid one_over{16, 2 * kChunkTiles * 64 + 1};
  EXPECT_EQ(one_over.num_chunks(), 3u);
  EXPECT_EQ(one_over.chunk_tiles(2), 1u);
}

TEST(TileGrid, EmptyMatricesHaveNoTiles) {
  for (const TileGrid grid : {TileGrid{0, 0}, TileGrid{0, 100}, TileGrid{100, 0}}) {
    EXPECT_TRUE(grid.representable());
    EXPECT_EQ(grid.num_tiles(), 0u);
    EXPECT_EQ(grid.num_chunks(), 0u);
  }
  EXPECT_TRUE((TileGrid{0, kMaxPaddedElems}).representable());
  EXPECT_TRUE((TileGrid{kMaxPaddedElems, 0}).representable());
}

TEST(TileGrid, RepresentableEndsExactlyAtTheLimit) {
  constexpr std::uint64_t kMaxTiles = kMaxPaddedElems / kTileElems;
  EXPECT_TRUE((TileGrid{kMaxTiles * kTileRows, kTileCols}).representable());
  EXPECT_FALSE((TileGrid{kMaxTiles * kTileRows + 1, kTileCols}).representable());
  EXPECT_FALSE((TileGrid{kMaxTiles * kTileRows, kTileCols + 1}).representable());
  EXPECT_TRUE((TileGrid{1, kMaxTiles * kTileCols}).representable());
  EXPECT_FALSE((TileGrid{1, kMaxTiles * kTileCols + 1}).representable());
  EXPECT_FALSE((TileGrid{17, kMaxTiles * kTileCols}).representable());
}

TEST(TileGrid, RepresentableDoesNotOverflow) {
  const std::uint64_t huge[] = {kMaxU64, kMaxU64 - 14, std::uint64_t{1} << 63,
                                std::uint64_t{1} << 32, kMaxPaddedElems + 1};
  for (const std::uint64_t a : huge) {
    for (const std::uint64_t b : huge)
      EXPECT_FALSE((TileGrid{a, b}).representable()) << a << " x " << b;
  }
  for (const std::uint64_t a : {kMaxU64, kMaxU64 - 14, std::uint64_t{1} << 63}) {
    EXPECT_FALSE((TileGrid{a, 0}).representable());
    EXPECT_FALSE((TileGrid{0, a}).representable());
    EXPECT_FALSE((TileGrid{a, 1}).representable());
    EXPECT_FALSE((TileGrid{1, a}).representable());
  }
}

}  // namespace
}  // namespace unweight::layout
