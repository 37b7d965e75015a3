// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "codec/families_format.h"

namespace unweight::codec {
namespace {

using Lengths = std::array<std::uint32_t, layout::kLanes>;

std::uint32_t delta_for(std::uint32_t bits, std::uint32_t shift) {
  return (bits + (1u << shift) - 1) / (1u << shift);
}

void expect_smallest_entry_for(const Lengths& code_bits) {
  const ChunkStreamEntry entry = make_stream_entry(code_bits);
  const std::uint32_t shortest = *std::min_element(code_bits.begin(), code_bits.end());
  const std::uint32_t longest = *std::max_element(code_bits.begin(), code_bits.end());
  EXPECT_EQ(entry.stream_offset(), 0u);
  EXPECT_EQ(entry.min_lane_bits(), shortest);
  const std::uint32_t shift = entry.length_shift();
  EXPECT_LE(delta_for(longest - shortest, shift), 255u);
  if (shift > 0) {
    EXPECT_GT(delta_for(longest - shortest, shift - 1), 255u);
  }
  std::uint32_t total_bits = 0;
  for (std::uint32_t lane = 0; lane < layout::kLanes; ++lane) {
    EXPECT_GE(entry.lane_bits(lane), code_bits[lane]);
    EXPECT_LT(entry.lane_bits(lane), code_bits[lane] + (1u << shift));
    total_bits += entry.lane_bits(lane);
  }
  EXPECT_EQ(chunk_stream_bytes(entry), (total_bits + 7) / 8);
  EXPECT_LE(chunk_stream_bytes(entry), kMaxChunkStreamBytes);
}

TEST(StreamEntry, HoldsEveryLengthWithLittleFilling) {
  std::mt19937_64 rng(1);
  for (int round = 0; round < 2000; ++round) {
    const std::uint32_t low = static_cast<std::uint32_t>(rng() % (kMaxLaneBits + 1));
    const std::uint32_t spread = static_cast<std::uint32_t>(rng() % (kMaxLaneBits + 1 - low));
    Lengths code_bits;
    for (std::uint32_t& bits : code_bits) {
      bits = low + static_cast<std::uint32_t>(rng() % (spread + 1));
    }
    expect_smallest_entry_for(code_bits);
  }
}

TEST(StreamEntry, EveryDifferenceOfTwoLengths) {
  for (std::uint32_t difference = 0; difference <= kMaxLaneBits; ++difference) {
    for (const std::uint32_t shortest : {0u, kMaxLaneBits - difference}) {
      Lengths one_longer, one_shorter;
      one_longer.fill(shortest);
      one_longer[5] = shortest + difference;
      expect_smallest_entry_for(one_longer);
      one_shorter.fill(shortest + difference);
      one_shorter[31] = shortest;
      expect_smallest_entry_for(one_shorter);
    }
  }
}

TEST(StreamEntry, FieldsDoNotTouchEachOther) {
  constexpr std::uint64_t kOffsets[] = {0, 1, 0xffffffffffff, 0x123456789abc};
  for (const std::uint64_t offset : kOffsets) {
    for (const std::uint32_t min_bits : {0u, 1u, kMaxLaneBits, 0x1fffu}) {
      for (std::uint32_t shift = 0; shift < 8; ++shift) {
        ChunkStreamEntry entry{pack_stream_entry(offset, min_bits, shift), {}};
        entry.lane_delta[9] = 255;
        EXPECT_EQ(entry.stream_offset(), offset);
        EXPECT_EQ(entry.min_lane_bits(), min_bits);
        EXPECT_EQ(entry.length_shift(), shift);
        EXPECT_EQ(entry.lane_bits(8), min_bits);
        EXPECT_EQ(entry.lane_bits(9), min_bits + (255u << shift));
        EXPECT_EQ(chunk_stream_bytes(entry), (32 * min_bits + (255u << shift) + 7) / 8);
      }
    }
  }
}

TEST(StreamEntry, TheWorstOfAnyBytesIsCountedWithoutOverflow) {
  ChunkStreamEntry entry{~std::uint64_t{0}, {}};
  entry.lane_delta.fill(255);
  EXPECT_EQ(chunk_stream_bytes(entry), 32u * (8191 + (255u << 7)) / 8);
}

}  // namespace
}  // namespace unweight::codec
