// SPDX-License-Identifier: BSD-3-Clause
//
// Where every digit lies in a tile of the radix family, what every field decodes to, and which
// weights are escapes.
#include "codec/radix_codes.h"

#include <gtest/gtest.h>

#include <random>

#include "codec/codec_test_support.h"
#include "codec/decode_whole.h"
#include "codec/reference_decoder.h"
#include "hostile_tensors.h"

namespace unweight::testing {
namespace {

using codec::kRadix;
using layout::kTileCodeSectionBytes;

/// Code tiles hold nibbles; this is the one of a lane's weight i.
std::uint32_t nibble(const std::uint8_t* codes, layout::LanePosition p) {
  const std::uint32_t bit = layout::code_section_bit(p);
  return codes[bit / 8] >> bit % 8 & 0xfu;
}

/// The field of weight i (registers r and r + 1, r even) as the drawing in radix_format.h has it,
/// bit by bit.
std::uint32_t field_at(const std::uint8_t* fields, std::uint32_t lane, std::uint32_t i) {
  const std::uint32_t step = i / 8, r = i / 2 % 4, j = i % 2;
  const auto bit_of = [&](std::size_t byte, std::uint32_t bit) {
    return fields[byte + bit / 8] >> bit % 8 & 1u;
  };
  const std::size_t words[] = {8 * lane, 8 * lane + 4, 256 + 4 * lane};
  std::uint32_t field = 0;
  for (std::uint32_t b = 0; b < 7; ++b) {
    const std::uint32_t in_half = 7 * (r / 2) + b;  // 0 .. 13
    std::uint32_t bit = 0;
    if (step < 3) {
      bit = bit_of(words[step], 16 * j + in_half);
    } else if (in_half < 6) {
      bit = bit_of(words[in_half / 2], 16 * j + 14 + in_half % 2);
    } else {
      bit = bit_of(384 + 2 * lane, 8 * j + in_half - 6);
    }
    field |= bit << b;
  }
  return field;
}

/// Every pair of digits at every place.
TEST(RadixCodes, EveryPairOfDigitsAtEveryPlace) {
  for (std::uint32_t round = 0; round < kRadix * kRadix; ++round) {
    ExactBuffer<std::uint8_t> codes(kTileCodeSectionBytes), again(kTileCodeSectionBytes, 0xa5);
    for (std::uint32_t lane = 0; lane < 32; ++lane) {
      for (std::uint32_t i = 0; i < 32; ++i) {
        if (i / 2 % 2 != 0) continue;
        const std::uint32_t pair = (round + 7 * i + 31 * lane) % (kRadix * kRadix);
        const std::uint32_t bit = layout::code_section_bit({lane, i});  // i + 2: 4 bits further
        codes[bit / 8] = static_cast<std::uint8_t>(codes[bit / 8] |
                                                   (pair / kRadix | pair % kRadix << 4) << bit % 8);
      }
    }
    ExactBuffer<std::uint8_t> fields(codec::kTileRadixSectionBytes, 0xa5);
    codec::pack_radix_tile(codes.data(), fields.data());
    for (std::uint32_t lane = 0; lane < 32; ++lane) {
      for (std::uint32_t i = 0; i < 32; ++i) {
        if (i / 2 % 2 != 0) continue;
        ASSERT_EQ(field_at(fields.data(), lane, i),
                  kRadix * nibble(codes.data(), {lane, i}) + nibble(codes.data(), {lane, i + 2}));
      }
    }
    codec::unpack_radix_tile(fields.data(), again.data());
    ASSERT_TRUE(again == codes);
  }
}

TEST(RadixCodes, AnyBytesAreFieldsAndTheirDigitsAreTheQuotient) {
  std::mt19937_64 rng(1);
  std::array<bool, 128> seen{};
  for (int round = 0; round < 50; ++round) {
    ExactBuffer<std::uint8_t> fields(codec::kTileRadixSectionBytes), codes(kTileCodeSectionBytes);
    for (std::size_t b = 0; b < fields.size(); ++b) fields[b] = static_cast<std::uint8_t>(rng());
    codec::unpack_radix_tile(fields.data(), codes.data());
    for (std::uint32_t lane = 0; lane < 32; ++lane) {
      for (std::uint32_t i = 0; i < 32; ++i) {
        if (i / 2 % 2 != 0) continue;
        const std::uint32_t field = field_at(fields.data(), lane, i);
        ASSERT_EQ(nibble(codes.data(), {lane, i}), field / kRadix);
        ASSERT_EQ(nibble(codes.data(), {lane, i + 2}), field % kRadix);
        seen[field] = true;
      }
    }
  }
  EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](bool s) { return s; }));
}

/// Fields 121 .. 127 in a blob: exponents palette[11] and palette[0 .. 6].
TEST(RadixCodes, FieldsBeyondTheDigitsDecodeAlikeEverywhere) {
  const HostileTensor tensor = normal_tensor(16, 64);
  EncodedTensor encoded = encode_tensor(
      plan_for(tensor.weights, tensor.rows, tensor.cols, Family::kRadix), tensor.weights.data());
  for (std::uint8_t fill = 0;; ++fill) {
    std::fill(encoded.sections.codes.begin(), encoded.sections.codes.end(), fill);
    const auto reference = codec::reference_decode(blob_of(encoded));
    ASSERT_TRUE(reference.ok()) << reference.error().message;
    ASSERT_TRUE(decode_whole(encoded.view()) == reference->weights) << int{fill};
    if (fill == 0xff) break;
  }
  const auto exponents = decode_whole(encoded.view());  // all fields are 127
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    for (std::uint32_t i = 0; i < 32; ++i) {
      const auto at = layout::tile_position({lane, i});
      const std::uint8_t escaped = codec::exponent_of(tensor.weights[at.row * 64 + at.col]);
      const std::uint32_t digit = i / 2 % 2 == 0 ? 11 : 6;
      const std::uint8_t base = encoded.plan.palette[0];
      if (escaped < base || escaped >= base + kRadix) continue;
      ASSERT_EQ(codec::exponent_of(exponents[at.row * 64 + at.col]), base + digit);
    }
  }
}

/// The three sections as radix_format.h defines them, weight by weight.
void expect_defined_escapes(const codec::EncodePlan& plan, const HostileTensor& tensor,
                            const codec::EncodedChunks& sections) {
  std::size_t n = 0;
  const std::uint64_t per_strip = plan.grid.tiles_per_strip();
  for (std::uint64_t tile = 0; tile < plan.grid.num_tiles(); ++tile) {
    const auto chunk = static_cast<std::size_t>(tile / layout::kChunkTiles);
    const std::size_t before = n;
    if (tile % layout::kChunkTiles == 0) {
      ASSERT_EQ(sections.verbatim_index[chunk].first_verbatim_row, n);
    }
    for (std::uint32_t step = 0; step < layout::kSteps; ++step) {
      for (std::uint32_t lane = 0; lane < layout::kLanes; ++lane) {
        for (std::uint32_t i = 8 * step; i < 8 * step + 8; ++i) {
          const auto at = layout::tile_position({lane, i});
          const std::uint64_t row = tile / per_strip * 16 + at.row;
          const std::uint64_t col = tile % per_strip * 64 + at.col;
          std::uint32_t digit = plan.padding_code;
          if (row < tensor.rows && col < tensor.cols) {
            const std::uint8_t exponent =
                codec::exponent_of(tensor.weights[row * tensor.cols + col]);
            if (exponent >= plan.palette[0] && exponent < plan.palette[0] + kRadix) {
              digit = std::uint32_t{exponent} - plan.palette[0];
            } else {
              ASSERT_LT(n, sections.verbatim_positions.size());
              ASSERT_EQ(sections.verbatim_positions[n],
                        tile % 64 << 10 | step << 8 | lane << 3 | i % 8);
              ASSERT_EQ(sections.verbatim_rows[n], exponent);
              ++n;
            }
          }
          const auto digits =
              codec::radix_digits(field_at(sections.codes.data() + tile * 448, lane, i & ~2u));
          ASSERT_EQ((i & 2) == 0 ? digits.first : digits.second, digit);
        }
      }
    }
    ASSERT_EQ(sections.verbatim_index[chunk].tile_mask >> tile % 32 & 1, n > before ? 1u : 0u);
  }
  EXPECT_EQ(sections.verbatim_positions.size(), n);
  EXPECT_EQ(sections.verbatim_rows.size(), n);
  EXPECT_EQ(sections.verbatim_index.size(), plan.grid.num_chunks());
  EXPECT_EQ(sections.codes.size(), plan.grid.num_tiles() * codec::kTileRadixSectionBytes);
}

TEST(Escapes, AreTheWeightsOutsideTheRunAndNoOthers) {
  for (const HostileTensor& tensor :
       {student_t_tensor(37, 40 * 64 + 3), lone_outliers_tensor(), random_bits_tensor(100, 1000)}) {
    const auto plan = plan_for(tensor.weights, tensor.rows, tensor.cols, Family::kRadix);
    const EncodedTensor encoded = encode_tensor(plan, tensor.weights.data());
    EXPECT_FALSE(encoded.sections.verbatim_positions.empty());
    expect_defined_escapes(plan, tensor, encoded.sections);
  }
}

}  // namespace
}  // namespace unweight::testing
