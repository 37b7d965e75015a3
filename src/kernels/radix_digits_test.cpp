// SPDX-License-Identifier: BSD-3-Clause
//
// The arithmetic of radix decoders against the format's own definitions. Needs no GPU.
#include "kernels/radix_digits.cuh"

#include <gtest/gtest.h>

#include <random>

namespace unweight::kernels {
namespace {

// Every field beside every other, those that no writer writes included.
TEST(RadixDigits, ExponentsAreTheBaseAndTheDigits) {
  for (const std::uint32_t first_exponent : {0u, 1u, 117u, 127u, 128u, codec::kMaxRadixBase}) {
    const std::uint32_t base = radix_base(first_exponent);
    const auto in_place = [&](std::uint32_t low, std::uint32_t high) {
      return (first_exponent + low) << 7 | (first_exponent + high) << 23;
    };
    for (std::uint32_t low = 0; low < 128; ++low) {
      for (std::uint32_t high = 0; high < 128; ++high) {
        const std::uint32_t other_low = 127 - low, other_high = low ^ high;
        const std::uint32_t spare = low % 4 << 14 | high % 4 << 30;
        const std::uint32_t word = low << codec::radix_field_shift(0, 0) |
                                   high << codec::radix_field_shift(0, 1) |
                                   other_low << codec::radix_field_shift(2, 0) |
                                   other_high << codec::radix_field_shift(2, 1) | spare;
        std::uint32_t found[4];
        radix_exponents(base, word, found);
        const codec::RadixDigits r0 = codec::radix_digits(low), r1 = codec::radix_digits(high);
        const codec::RadixDigits r2 = codec::radix_digits(other_low),
                                 r3 = codec::radix_digits(other_high);
        ASSERT_EQ(found[0], in_place(r0.first, r1.first)) << low << " " << high;
        ASSERT_EQ(found[1], in_place(r0.second, r1.second)) << low << " " << high;
        ASSERT_EQ(found[2], in_place(r2.first, r3.first)) << low << " " << high;
        ASSERT_EQ(found[3], in_place(r2.second, r3.second)) << low << " " << high;
      }
    }
  }
}

TEST(RadixDigits, StepWordsAreThoseThatWerePacked) {
  std::mt19937 rng(1);
  for (int round = 0; round < 10000; ++round) {
    std::uint32_t words[4], found[4];
    for (std::uint32_t& word : words) word = static_cast<std::uint32_t>(rng()) & 0x3fff3fffu;
    const codec::RadixLane lane = codec::pack_radix_lane(words);
    radix_step_words(lane.words[0], lane.words[1], lane.words[2], lane.rest, found);
    for (std::uint32_t s = 0; s < 4; ++s) {
      ASSERT_EQ(found[s] & 0x3fff3fffu, words[s]) << s;
      ASSERT_EQ(codec::radix_step_word(lane, s) & 0x3fff3fffu, words[s]) << s;
    }
  }
}

}  // namespace
}  // namespace unweight::kernels
