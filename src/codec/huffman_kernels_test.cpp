// SPDX-License-Identifier: BSD-3-Clause
//
// Every instruction set's Huffman kernels: round trips, the same words and codes as the portable
// ones, hostile streams. Buffers are exactly as large as the contract says.
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "codec/codec_test_support.h"
#include "codec/isa_test_fixture.h"

namespace unweight::testing {
namespace {

using codec::HuffmanCode;
using codec::kPaletteSize;
using codec::kStreamTailWords;
using codec::TileKernels;
using layout::kTileCodeSectionBytes;
using layout::kTileElems;

constexpr std::uint16_t kCanary = 0xa5a5;

class HuffmanKernelsOnIsa : public PerIsa {};
UNWEIGHT_INSTANTIATE_PER_ISA(HuffmanKernelsOnIsa);

/// A random complete code: counts spread over up to 2^max_log2.
HuffmanCode random_code(std::mt19937_64& rng, std::size_t num_symbols, unsigned max_log2) {
  std::array<std::uint64_t, kPaletteSize> counts{};
  for (std::size_t i = 0; i < num_symbols; ++i)
    counts[i] = 1 + (rng() >> (63 - rng() % (max_log2 + 1)));
  std::shuffle(counts.begin(), counts.end(), rng);
  HuffmanCode code;
  EXPECT_TRUE(codec::build_canonical_code(codec::build_code_lengths(counts), code));
  return code;
}

/// Code tiles of symbols that the code has, likely ones more often; verbatim lanes are 0.
ExactBuffer<std::uint8_t> random_code_tiles(std::mt19937_64& rng, const HuffmanCode& code,
                                            std::uint8_t single_symbol,
                                            const std::vector<std::uint32_t>& lane_masks) {
  const codec::DecodeTable table = codec::build_decode_table(code, single_symbol);
  ExactBuffer<std::uint8_t> codes(lane_masks.size() * kTileCodeSectionBytes);
  for (std::size_t b = 0; b < codes.size(); ++b) {
    const std::uint32_t lane = b % kTileCodeSectionBytes / 16;
    if ((lane_masks[b / kTileCodeSectionBytes] >> lane & 1) != 0) continue;
    codes[b] =
        static_cast<std::uint8_t>((table[rng() % 256] & 0xf) | (table[rng() % 256] & 0xf) << 4);
  }
  return codes;
}

std::vector<std::uint32_t> random_masks(std::mt19937_64& rng, std::uint32_t num_tiles, int kind) {
  std::vector<std::uint32_t> masks(num_tiles, 0);
  for (std::uint32_t& mask : masks) {
    const auto bits = static_cast<std::uint32_t>(rng());
    if (kind == 1) mask = rng() % 8 == 0 ? 1u << bits % 32 : 0;
    if (kind == 2) mask = bits;
    if (kind == 3) mask = rng() % 3 == 0 ? 0xffffffff : ~(1u << bits % 32);
  }
  return masks;
}

/// Calls fn(code, single_symbol, masks) for many codes, chunk lengths and kinds of masks.
template <typename Fn>
void for_random_chunks(std::uint64_t seed, Fn fn) {
  std::mt19937_64 rng(seed);
  for (const std::uint32_t num_tiles : {1u, 2u, 5u, 31u, 32u}) {
    for (std::size_t num_symbols = 1; num_symbols <= kPaletteSize; ++num_symbols) {
      for (int kind = 0; kind < 4; ++kind) {
        fn(rng, random_code(rng, num_symbols, static_cast<unsigned>(rng() % 40)),
           static_cast<std::uint8_t>(rng() % 16), random_masks(rng, num_tiles, kind));
      }
    }
  }
}

TEST_P(HuffmanKernelsOnIsa, HuffmanChunksRoundTripAndHaveOneEncoding) {
  for_random_chunks(3, [](std::mt19937_64& rng, const HuffmanCode& code, std::uint8_t single,
                          const std::vector<std::uint32_t>& masks) {
    const auto num_tiles = static_cast<std::uint32_t>(masks.size());
    const auto codes = random_code_tiles(rng, code, single, masks);
    const std::size_t room = num_tiles * kTileElems / 2 + 64;
    ExactBuffer<std::uint16_t> words(room, kCanary), expected(room, kCanary);
    const std::size_t num_words =
        kernels().huffman_encode_chunk(codes.data(), masks.data(), num_tiles, code, words.data());
    ASSERT_EQ(num_words, portable().huffman_encode_chunk(codes.data(), masks.data(), num_tiles,
                                                         code, expected.data()));
    ASSERT_TRUE(std::equal(words.data(), words.data() + num_words, expected.data()));

    ExactBuffer<std::uint16_t> stream(num_words + kStreamTailWords, 0xffff);
    std::copy_n(words.data(), num_words, stream.data());
    const auto table = codec::build_decode_table(code, single);
    ExactBuffer<std::uint8_t> decoded(codes.size(), 0xa5);
    const auto decode = [&](std::size_t claimed_words) {
      return kernels().huffman_decode_chunk(stream.data(), claimed_words, masks.data(), num_tiles,
                                            table, code.max_length, decoded.data());
    };
    ASSERT_TRUE(decode(num_words));
    ASSERT_TRUE(decoded == codes);
    EXPECT_FALSE(decode(num_words + 1));
    if (num_words > 0) {
      EXPECT_FALSE(decode(num_words - 1));
    }
  });
}

TEST_P(HuffmanKernelsOnIsa, TheLongestStreamFitsItsRoom) {
  std::mt19937_64 rng(4);
  std::array<std::uint64_t, kPaletteSize> counts{};
  for (std::size_t s = 0; s < kPaletteSize; ++s) counts[s] = std::uint64_t{1} << 2 * s;
  HuffmanCode code;
  ASSERT_TRUE(codec::build_canonical_code(codec::build_code_lengths(counts), code));
  ASSERT_EQ(code.max_length, 8);
  std::vector<std::uint8_t> longest;
  for (std::uint8_t s = 0; s < kPaletteSize; ++s) {
    if (code.lengths[s] == 8) longest.push_back(s);
  }
  const std::vector<std::uint32_t> masks(32, 0);
  for (const bool mixed : {false, true}) {
    ExactBuffer<std::uint8_t> codes(32 * kTileCodeSectionBytes);
    for (std::size_t b = 0; b < codes.size(); ++b) {
      const auto pick = [&] {
        return mixed && rng() % 200 == 0 ? 15u : longest[rng() % longest.size()];
      };
      codes[b] = static_cast<std::uint8_t>(pick() | pick() << 4);
    }
    ExactBuffer<std::uint16_t> words(32 * kTileElems / 2 + 64);
    const std::size_t num_words =
        kernels().huffman_encode_chunk(codes.data(), masks.data(), 32, code, words.data());
    EXPECT_LE(num_words, words.size());
    if (!mixed) {
      EXPECT_EQ(num_words, 32 * kTileElems / 2);
    }
  }
}

TEST_P(HuffmanKernelsOnIsa, GarbageDecodesAlikeEverywhereAndStaysInItsBuffer) {
  for_random_chunks(5, [](std::mt19937_64& rng, const HuffmanCode& code, std::uint8_t single,
                          const std::vector<std::uint32_t>& masks) {
    const auto num_tiles = static_cast<std::uint32_t>(masks.size());
    const auto table = codec::build_decode_table(code, single);
    for (const std::size_t longest : {0u, 3u, 100u, 2000u, 20000u}) {
      const std::size_t num_words = rng() % (longest + 1);
      ExactBuffer<std::uint16_t> words(num_words + kStreamTailWords);
      const int fill = static_cast<int>(rng() % 3);
      for (std::size_t i = 0; i < words.size(); ++i) {
        words[i] = static_cast<std::uint16_t>(fill == 0 ? 0 : fill == 1 ? 0xffff : rng());
      }
      const std::size_t bytes = num_tiles * kTileCodeSectionBytes;
      ExactBuffer<std::uint8_t> codes(bytes, 0xa5), expected(bytes, 0x5a);
      const auto decode = [&](const TileKernels& table_of_isa, ExactBuffer<std::uint8_t>& out) {
        return table_of_isa.huffman_decode_chunk(words.data(), num_words, masks.data(), num_tiles,
                                                 table, code.max_length, out.data());
      };
      ASSERT_EQ(decode(kernels(), codes), decode(portable(), expected));
      ASSERT_TRUE(codes == expected);
    }
  });
}

TEST_P(HuffmanKernelsOnIsa, AStreamThatRunsOutReadsZeros) {
  std::mt19937_64 rng(6);
  const HuffmanCode code = random_code(rng, 16, 12);
  const auto table = codec::build_decode_table(code, 0);
  const std::vector<std::uint32_t> masks(3, 0);
  for (const std::size_t num_words : {0u, 1u, 40u, 300u}) {
    ExactBuffer<std::uint16_t> cut(num_words + kStreamTailWords,
                                   0xffff);  // a tail that is not zero
    ExactBuffer<std::uint16_t> zeros(4000 + kStreamTailWords, 0);
    for (std::size_t i = 0; i < num_words; ++i)
      cut[i] = zeros[i] = static_cast<std::uint16_t>(rng());
    ExactBuffer<std::uint8_t> from_cut(3 * kTileCodeSectionBytes), from_zeros(from_cut.size());
    EXPECT_FALSE(kernels().huffman_decode_chunk(cut.data(), num_words, masks.data(), 3, table,
                                                code.max_length, from_cut.data()));
    kernels().huffman_decode_chunk(zeros.data(), 4000, masks.data(), 3, table, code.max_length,
                                   from_zeros.data());
    EXPECT_TRUE(from_cut == from_zeros) << num_words;
  }
}

}  // namespace
}  // namespace unweight::testing
