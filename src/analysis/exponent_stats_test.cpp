// SPDX-License-Identifier: BSD-3-Clause
#include "analysis/exponent_stats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

namespace unweight::analysis {
namespace {

using Palette = std::array<std::uint8_t, 16>;

Palette run_from(int start) {
  Palette run;
  for (int i = 0; i < 16; ++i)
    run[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(start + i);
  return run;
}

TEST(Entropy, OfKnownDistributions) {
  ExponentCounts counts{};
  EXPECT_EQ(entropy_bits(counts), 0);
  counts[7] = 12345;
  EXPECT_EQ(entropy_bits(counts), 0);
  counts[200] = 12345;
  EXPECT_DOUBLE_EQ(entropy_bits(counts), 1);
  counts.fill(std::uint64_t{1} << 37);
  EXPECT_DOUBLE_EQ(entropy_bits(counts), 8);
  counts.fill(0);
  counts[0] = 1;
  counts[1] = 1;
  counts[2] = 2;
  EXPECT_DOUBLE_EQ(entropy_bits(counts), 1.5);
}

TEST(ChoosePalette, NothingCountedGivesTheLowestRun) {
  const PaletteChoice choice = choose_palette({});
  EXPECT_EQ(choice.exponents, run_from(0));
  EXPECT_TRUE(choice.is_run);
  EXPECT_EQ(choice.padding_code, 0);
  EXPECT_EQ(choice.num_outside, 0u);
}

TEST(ChoosePalette, ARunThatCoversEverythingIsTakenLowestStartFirst) {
  ExponentCounts counts{};
  counts[120] = 5;
  counts[125] = 90;
  const PaletteChoice choice = choose_palette(counts);
  EXPECT_TRUE(choice.is_run);
  EXPECT_EQ(choice.exponents, run_from(110));
  EXPECT_EQ(choice.padding_code, 15);
  EXPECT_EQ(choice.num_outside, 0u);
}

TEST(ChoosePalette, RunsReachBothEnds) {
  ExponentCounts counts{};
  counts[0] = 1;
  EXPECT_EQ(choose_palette(counts).exponents, run_from(0));
  counts = {};
  counts[255] = counts[240] = 1;
  EXPECT_EQ(choose_palette(counts).exponents, run_from(240));
}

TEST(ChoosePalette, FarZerosBreakTheRunWhenTheyAreCommon) {
  ExponentCounts counts{};
  for (std::size_t e = 105; e < 121; ++e) counts[e] = 1000;
  counts[0] = 2000;
  const PaletteChoice choice = choose_palette(counts);
  EXPECT_FALSE(choice.is_run);
  EXPECT_EQ(choice.exponents[0], 0);
  EXPECT_EQ(choice.exponents[15], 119);  // of equal counts the lower exponents stay
  EXPECT_EQ(choice.num_outside, 1000u);
  EXPECT_EQ(choice.padding_code, 0);
}

TEST(ChoosePalette, UnusedEntriesFillUpFromZero) {
  ExponentCounts counts{};
  counts[100] = 50;
  counts[200] = 60;
  const PaletteChoice choice = choose_palette(counts);
  EXPECT_FALSE(choice.is_run);
  Palette expected = run_from(0);
  expected[14] = 100;
  expected[15] = 200;
  EXPECT_EQ(choice.exponents, expected);
  EXPECT_EQ(choice.padding_code, 15);
  EXPECT_EQ(choice.num_outside, 0u);
}

// total = 2^20 gives the run an allowance of exactly 32 weights.
TEST(ChoosePalette, TheRunMayLeaveTotalOver32768MoreOutside) {
  for (const std::uint64_t far : {32u, 33u}) {
    ExponentCounts counts{};
    for (std::size_t e = 100; e < 115; ++e) counts[e] = 1000;
    counts[10] = far;
    counts[107] +=
        (std::uint64_t{1} << 20) - std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    const PaletteChoice choice = choose_palette(counts);
    EXPECT_EQ(choice.is_run, far == 32);
    EXPECT_EQ(choice.num_outside, far == 32 ? 32u : 0u);
    EXPECT_EQ(choice.exponents[0], far == 32 ? 99 : 10);
  }
}

TEST(ChoosePalette, PaddingIsNeverInfiniteUnlessEverythingIs) {
  ExponentCounts counts{};
  counts[255] = 1000;
  PaletteChoice choice = choose_palette(counts);
  EXPECT_EQ(choice.exponents, run_from(240));
  EXPECT_EQ(choice.exponents[choice.padding_code], 255);

  counts[241] = counts[243] = 1;
  choice = choose_palette(counts);
  EXPECT_EQ(choice.exponents[choice.padding_code], 241);  // ties: the lowest code
}

TEST(ChoosePalette, KeepsItsPromisesOnRandomCounts) {
  std::mt19937_64 rng(7);
  int runs = 0, sets = 0;
  for (int round = 0; round < 2000; ++round) {
    ExponentCounts counts{};
    const std::size_t spread = 1 + rng() % 40, start = rng() % (256 - spread);
    for (std::size_t i = 0; i < spread; ++i) counts[start + i] = rng() % 1000 >> rng() % 10;
    if (rng() % 2 != 0) counts[rng() % 256] += rng() % 3000;
    const PaletteChoice choice = choose_palette(counts);

    const std::set<std::uint8_t> members(choice.exponents.begin(), choice.exponents.end());
    ASSERT_EQ(members.size(), 16u);
    ASSERT_TRUE(std::is_sorted(choice.exponents.begin(), choice.exponents.end()));
    const bool is_run = choice.exponents[15] - choice.exponents[0] == 15;
    ASSERT_EQ(choice.is_run, is_run);
    (is_run ? runs : sets) += 1;

    ExponentCounts sorted = counts;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    const std::uint64_t total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    const std::uint64_t least_outside =
        std::accumulate(sorted.begin() + 16, sorted.end(), std::uint64_t{0});
    std::uint64_t covered = 0;
    for (const std::uint8_t e : choice.exponents) covered += counts[e];
    ASSERT_EQ(choice.num_outside, total - covered);
    ASSERT_LE(choice.num_outside, least_outside + (total >> 15));
    if (!is_run) {
      ASSERT_EQ(choice.num_outside, least_outside);
    }
  }
  EXPECT_GT(runs, 100);
  EXPECT_GT(sets, 100);
}

TEST(ChooseRadixRun, NothingCountedGivesTheLowestRun) {
  const PaletteChoice choice = choose_radix_run({});
  EXPECT_EQ(choice.exponents, run_from(0));
  EXPECT_TRUE(choice.is_run);
  EXPECT_EQ(choice.padding_code, 0);
  EXPECT_EQ(choice.num_outside, 0u);
}

TEST(ChooseRadixRun, ElevenExponentsCountLowestStartFirst) {
  ExponentCounts counts{};
  counts[120] = 5;
  counts[125] = 90;
  PaletteChoice choice = choose_radix_run(counts);
  EXPECT_EQ(choice.exponents, run_from(115));
  EXPECT_EQ(choice.padding_code, 10);
  EXPECT_EQ(choice.num_outside, 0u);
  counts[131] = 6;  // 11 above 120: not both
  choice = choose_radix_run(counts);
  EXPECT_EQ(choice.exponents, run_from(121));
  EXPECT_EQ(choice.padding_code, 4);
  EXPECT_EQ(choice.num_outside, 5u);
  counts[121] = 90;  // as many as 125
  EXPECT_EQ(choose_radix_run(counts).padding_code, 0);
}

TEST(ChooseRadixRun, RunsStayBelowTheEnd) {
  ExponentCounts counts{};
  counts[255] = 100;  // no digit can say it
  PaletteChoice choice = choose_radix_run(counts);
  EXPECT_EQ(choice.exponents, run_from(0));
  EXPECT_EQ(choice.num_outside, 100u);
  counts[250] = 1;
  choice = choose_radix_run(counts);
  EXPECT_EQ(choice.exponents, run_from(240));
  EXPECT_EQ(choice.padding_code, 10);
  EXPECT_EQ(choice.num_outside, 100u);
}

TEST(ChooseRadixRun, IsTheBestOfAll241) {
  std::mt19937_64 rng(5);
  for (int round = 0; round < 200; ++round) {
    ExponentCounts counts{};
    for (int i = 0; i < 40; ++i) counts[rng() % 256] += rng() % 4;
    std::uint64_t best = 0, best_start = 0;
    for (std::uint64_t start = 0; start <= 240; ++start) {
      std::uint64_t sum = 0;
      for (std::uint64_t e = start; e < start + kRadixRun; ++e) sum += counts[e];
      if (sum > best) {
        best = sum;
        best_start = start;
      }
    }
    const PaletteChoice choice = choose_radix_run(counts);
    EXPECT_EQ(choice.exponents, run_from(static_cast<int>(best_start)));
    EXPECT_EQ(choice.num_outside,
              std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}) - best);
  }
}

}  // namespace
}  // namespace unweight::analysis
