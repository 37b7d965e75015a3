// SPDX-License-Identifier: BSD-3-Clause
#include "cli/human_units.h"

#include <gtest/gtest.h>

namespace unweight::cli {
namespace {

TEST(HumanUnits, BytesAreDecimalWithThreeDigits) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1.00 kB");
  EXPECT_EQ(human_bytes(9994), "9.99 kB");
  EXPECT_EQ(human_bytes(9996), "10.0 kB");
  EXPECT_EQ(human_bytes(999'499), "999 kB");
  EXPECT_EQ(human_bytes(999'500), "1.00 MB");
  EXPECT_EQ(human_bytes(16.06e9), "16.1 GB");
  EXPECT_EQ(human_bytes(18.4e18), "18.4 EB");
  EXPECT_EQ(human_bytes(-1), "0 B");
  EXPECT_EQ(human_rate(1.31e9), "1.31 GB/s");
}

TEST(HumanUnits, Durations) {
  EXPECT_EQ(human_duration(0.4242), "0.42 s");
  EXPECT_EQ(human_duration(12.34), "12.3 s");
  EXPECT_EQ(human_duration(59.96), "1:00");
  EXPECT_EQ(human_duration(187), "3:07");
  EXPECT_EQ(clock_duration(7.4), "0:07");
  EXPECT_EQ(clock_duration(3765), "1:02:45");
  EXPECT_EQ(clock_duration(1e12), ">99 h");
}

TEST(HumanUnits, PercentNeverRoundsUpToAll) {
  EXPECT_EQ(human_percent(1), "100 %");
  EXPECT_EQ(human_percent(0.9997), "99.97 %");
  EXPECT_EQ(human_percent(0.99999), "99.999 %");
  EXPECT_EQ(human_percent(0.9999999999), ">99.9999 %");
  EXPECT_EQ(human_percent(0), "0.00 %");
}

TEST(HumanUnits, NothingIsDividedByZero) {
  EXPECT_EQ(compression_ratio(5, 0), std::nullopt);
  EXPECT_EQ(bits_per_weight(5, 0), std::nullopt);
  EXPECT_EQ(human_ratio(compression_ratio(5, 0)), "-");
  EXPECT_EQ(human_ratio(compression_ratio(3, 2)), "1.500x");
  EXPECT_EQ(human_number(bits_per_weight(4, 3), 2), "10.67");
}

TEST(HumanUnits, GroupsDigits) {
  EXPECT_EQ(grouped_digits(0), "0");
  EXPECT_EQ(grouped_digits(999), "999");
  EXPECT_EQ(grouped_digits(8030261248), "8\u202f030\u202f261\u202f248");
}

}  // namespace
}  // namespace unweight::cli
