// SPDX-License-Identifier: BSD-3-Clause
//
// Every instruction set's kernels of bytes and codes against the definitions of tile_order.h.
// Buffers are exactly as large as the contract says.
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "codec/codec_test_support.h"
#include "codec/isa_test_fixture.h"
#include "hostile_tensors.h"

namespace unweight::testing {
namespace {

using codec::kPaletteSize;
using layout::kTileCodeSectionBytes;
using layout::kTileElems;

constexpr std::uint16_t kCanary = 0xa5a5;

class TileKernelsOnIsa : public PerIsa {};
UNWEIGHT_INSTANTIATE_PER_ISA(TileKernelsOnIsa);

/// 16 rows of 64 weights inside rows of `stride_elems`, the last row ending with its last weight.
ExactBuffer<std::uint16_t> tile_rows(const std::uint16_t* tile, std::size_t stride_elems) {
  ExactBuffer<std::uint16_t> rows(15 * stride_elems + 64, kCanary);
  for (std::size_t r = 0; r < 16; ++r) {
    std::copy_n(tile + 64 * r, 64, rows.data() + r * stride_elems);
  }
  return rows;
}

std::vector<std::uint16_t> hostile_tiles() {
  std::vector<std::uint16_t> tiles;
  for (const HostileTensor& tensor : hostile_distributions(16, 128)) {
    append(tiles, tensor.weights);
  }
  append(tiles, all_patterns_tensor(64).weights);
  return tiles;  // read 1024 at a time: any 1024 weights make a tile
}

/// Byte tiles of exponents to be packed: few kinds of rows, so that masks vary.
std::vector<std::uint8_t> exponent_tiles(std::mt19937_64& rng, std::size_t num_tiles,
                                         unsigned outliers_per_1024) {
  std::vector<std::uint8_t> tiles(num_tiles * kTileElems);
  for (std::uint8_t& exponent : tiles) {
    exponent =
        static_cast<std::uint8_t>(rng() % 1024 < outliers_per_1024 ? rng() : 100 + rng() % 16);
  }
  return tiles;
}

/// Exponents 100..115, or a palette with gaps.
codec::Palette test_palette(bool is_run) {
  codec::Palette palette;
  for (std::uint32_t c = 0; c < kPaletteSize; ++c) {
    palette[c] = static_cast<std::uint8_t>(is_run ? 100 + c : c == 0 ? 0 : c == 15 ? 255 : 100 + c);
  }
  return palette;
}

std::array<std::uint8_t, 256> invert(const codec::Palette& palette) {
  std::array<std::uint8_t, 256> code_of;
  code_of.fill(codec::kNotInPalette);
  for (std::uint32_t c = 0; c < kPaletteSize; ++c)
    code_of[palette[c]] = static_cast<std::uint8_t>(c);
  return code_of;
}

TEST_P(TileKernelsOnIsa, CountExponentsOfAnyLengthAndAlignment) {
  const HostileTensor tensor = random_bits_tensor(1, 20000);
  const HostileTensor same = constant_tensor(1, 20000, 0x3f80);
  for (std::size_t n = 0; n < 20000; n += 1 + n / 3) {
    for (std::size_t first = 0; first < 4; ++first) {
      for (const HostileTensor* source : {&tensor, &same}) {
        if (first + n > 20000) continue;
        const ExactBuffer<std::uint16_t> weights(source->weights.data() + first, n);
        std::array<std::uint64_t, 256> counts{}, expected{};
        counts.fill(std::uint64_t{1} << 40);  // added to, not replaced
        expected.fill(std::uint64_t{1} << 40);
        for (std::size_t i = 0; i < n; ++i) ++expected[codec::exponent_of(weights[i])];
        kernels().count_exponents(weights.data(), n, counts.data());
        ASSERT_EQ(counts, expected) << n;
        std::array<std::uint64_t, 256> in_place{}, expected_in_place{};
        kernels().count_exponents(source->weights.data() + first, n, in_place.data());
        for (std::size_t e = 0; e < 256; ++e)
          expected_in_place[e] = expected[e] - (std::uint64_t{1} << 40);
        ASSERT_EQ(in_place, expected_in_place);
      }
    }
  }
}

TEST_P(TileKernelsOnIsa, SplitTileIsTheTileOrderAndJoinTileUndoesIt) {
  const std::vector<std::uint16_t> tiles = hostile_tiles();
  for (std::size_t at = 0; at + kTileElems <= tiles.size(); at += kTileElems) {
    for (const std::size_t stride : {64, 65, 71, 1000}) {
      const std::uint16_t* tile = tiles.data() + at;
      const auto source = tile_rows(tile, stride);
      ExactBuffer<std::uint8_t> sign_mantissa(kTileElems), exponents(kTileElems);
      kernels().split_tile(source.data(), stride, sign_mantissa.data(), exponents.data());
      for (std::uint32_t lane = 0; lane < 32; ++lane) {
        for (std::uint32_t i = 0; i < 32; ++i) {
          const auto place = layout::tile_position({lane, i});
          const std::uint16_t weight = tile[place.row * 64 + place.col];
          const std::uint32_t offset = layout::byte_section_offset({lane, i});
          ASSERT_EQ(exponents[offset], codec::exponent_of(weight));
          ASSERT_EQ(sign_mantissa[offset], codec::sign_mantissa_of(weight));
        }
      }
      ExactBuffer<std::uint16_t> joined(source.size(), kCanary);
      kernels().join_tile(sign_mantissa.data(), exponents.data(), joined.data(), stride);
      ASSERT_TRUE(joined == source);  // nothing written between the rows
    }
  }
}

void expect_packed_tile(const codec::TileKernels& kernels, const std::uint8_t* tile,
                        const std::array<std::uint8_t, 256>& code_of, std::uint8_t outside_code) {
  const ExactBuffer<std::uint8_t> exponents(tile, kTileElems);
  ExactBuffer<std::uint8_t> codes(kTileCodeSectionBytes, 0xa5);
  ExactBuffer<std::uint32_t> verbatim_lanes(layout::kSteps, 0xa5a5a5a5);
  kernels.pack_codes(exponents.data(), code_of.data(), outside_code, codes.data(),
                     verbatim_lanes.data());
  for (std::uint32_t lane = 0; lane < layout::kLanes; ++lane) {
    for (std::uint32_t step = 0; step < layout::kSteps; ++step) {
      bool verbatim = false;
      for (std::uint32_t i = 8 * step; i < 8 * step + 8; ++i) {
        const std::uint8_t code = code_of[exponents.data()[layout::byte_section_offset({lane, i})]];
        const bool outside = code == codec::kNotInPalette;
        verbatim = verbatim || outside;
        const std::uint32_t bit = layout::code_section_bit({lane, i});
        ASSERT_EQ(codes[bit / 8] >> bit % 8 & 0xf, outside ? outside_code : code);
      }
      ASSERT_EQ((verbatim_lanes[step] >> lane & 1) != 0, verbatim);
    }
  }
}

TEST_P(TileKernelsOnIsa, PackCodesIsTheCodeSectionOrder) {
  std::mt19937_64 rng(1);
  for (const unsigned outliers : {0u, 1u, 20u, 1024u}) {
    for (const bool is_run : {true, false}) {
      const auto code_of = invert(test_palette(is_run));
      const auto tiles = exponent_tiles(rng, 40, outliers);
      for (std::size_t at = 0; at < tiles.size(); at += kTileElems) {
        const auto outside_code = static_cast<std::uint8_t>(at / kTileElems % kPaletteSize);
        ASSERT_NO_FATAL_FAILURE(
            expect_packed_tile(kernels(), tiles.data() + at, code_of, outside_code));
      }
    }
  }
}

/// One weight outside, at every place of a tile: its row's bit and no other.
TEST_P(TileKernelsOnIsa, PackCodesMarksTheRowOfEveryWeight) {
  const auto code_of = invert(test_palette(true));
  for (std::size_t at = 0; at < kTileElems; ++at) {
    std::vector<std::uint8_t> tile(kTileElems, 107);
    tile[at] = static_cast<std::uint8_t>(at % 2 == 0 ? 99 : 255);
    ASSERT_NO_FATAL_FAILURE(expect_packed_tile(kernels(), tile.data(), code_of, 5));
  }
}

TEST_P(TileKernelsOnIsa, CountPairsIsAHistogramOfRegisters) {
  std::mt19937_64 rng(3);
  for (const std::uint32_t num_tiles : {0u, 1u, 2u, 3u, 32u, 301u}) {
    for (const bool constant : {false, true}) {
      ExactBuffer<std::uint8_t> codes(num_tiles * kTileCodeSectionBytes, 0x5e);
      for (std::size_t i = 0; !constant && i < codes.size(); ++i) {
        codes[i] = static_cast<std::uint8_t>(rng() & rng());
      }
      codec::PairCounts counts, expected;
      counts.fill(std::uint64_t{1} << 40);  // added to, not replaced
      expected.fill(std::uint64_t{1} << 40);
      for (std::size_t tile = 0; tile < num_tiles; ++tile) {
        for (std::uint32_t lane = 0; lane < layout::kLanes; ++lane) {
          for (std::uint32_t i = 0; i < layout::kLaneElems; i += 2) {
            std::size_t pair = 0;
            for (const std::uint32_t j : {0u, 1u}) {
              const std::uint32_t bit = layout::code_section_bit({lane, i + j});
              const std::uint32_t byte = codes[tile * kTileCodeSectionBytes + bit / 8];
              pair |= (byte >> bit % 8 & 0xf) << 4 * j;
            }
            ++expected[pair];
          }
        }
      }
      kernels().count_pairs(codes.data(), num_tiles, counts.data());
      ASSERT_EQ(counts, expected) << num_tiles;
    }
  }
}

TEST_P(TileKernelsOnIsa, JoinPaletteTileLooksEveryCodeUp) {
  std::mt19937_64 rng(2);
  for (const bool is_run : {true, false}) {
    const codec::Palette palette = test_palette(is_run);
    for (int round = 0; round < 50; ++round) {
      ExactBuffer<std::uint8_t> sign_mantissa(kTileElems), codes(kTileCodeSectionBytes);
      for (std::size_t i = 0; i < kTileElems; ++i)
        sign_mantissa[i] = static_cast<std::uint8_t>(rng());
      for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(rng());
      const std::size_t stride = 64 + static_cast<std::size_t>(round % 3) * 37;
      ExactBuffer<std::uint16_t> out(15 * stride + 64, kCanary);
      kernels().join_palette_tile(sign_mantissa.data(), codes.data(), palette.data(), out.data(),
                                  stride);
      for (std::uint32_t row = 0; row < 16; ++row) {
        for (std::uint32_t col = 0; col < 64; ++col) {
          const auto owner = layout::lane_position({row, col});
          const std::uint32_t bit = layout::code_section_bit(owner);
          ASSERT_EQ(out[row * stride + col],
                    codec::join_weight(palette[codes[bit / 8] >> bit % 8 & 0xf],
                                       sign_mantissa[layout::byte_section_offset(owner)]));
        }
      }
    }
  }
}

}  // namespace
}  // namespace unweight::testing
