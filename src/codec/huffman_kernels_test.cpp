// SPDX-License-Identifier: BSD-3-Clause
//
// Every instruction set's Huffman kernels: the stream as families_format.h draws it, round trips.
// Buffers are exactly as large as the contract says.
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "codec/huffman_test_support.h"
#include "codec/isa_test_fixture.h"

namespace unweight::testing {
namespace {

class HuffmanKernelsOnIsa : public PerIsa {};
UNWEIGHT_INSTANTIATE_PER_ISA(HuffmanKernelsOnIsa);

/// Encodes to what the format says and decodes back; gives the entry.
ChunkStreamEntry expect_round_trip(const codec::TileKernels& kernels,
                                   const ExactBuffer<std::uint8_t>& codes,
                                   const HuffmanCode& code) {
  const std::uint32_t num_tiles = num_tiles_of(codes);
  const DrawnStream drawn = draw_stream(codes, code);
  ExactBuffer<std::uint8_t> encoded(codec::kMaxChunkStreamBytes + kStreamTailBytes, 0xa5);
  const ChunkStreamEntry entry =
      kernels.huffman_encode_chunk(codes.data(), num_tiles, code, encoded.data());
  EXPECT_TRUE(same_entry(entry, drawn.entry));
  EXPECT_TRUE(std::equal(drawn.bytes.begin(), drawn.bytes.end(), encoded.data()));
  const Decoded decoded = decode(kernels, ReadableStream(drawn.bytes, drawn.entry), drawn.entry,
                                 num_tiles, codec::build_decode_table(code));
  EXPECT_TRUE(decoded.complete);
  EXPECT_TRUE(decoded.codes == codes);
  return entry;
}

TEST_P(HuffmanKernelsOnIsa, ChunksHaveTheOneEncodingAndRoundTrip) {
  for_random_chunks(3, [](std::mt19937_64& rng, const HuffmanCode& code, std::uint32_t num_tiles) {
    const auto codes = random_code_tiles(rng, code, num_tiles);
    const ChunkStreamEntry entry = expect_round_trip(kernels(), codes, code);
    if (code.max_length == 0) {
      EXPECT_EQ(codec::chunk_stream_bytes(entry), 0u);
    }
  });
}

TEST_P(HuffmanKernelsOnIsa, TheLongestStreamFitsItsRoom) {
  std::mt19937_64 rng(4);
  const HuffmanCode code = skewed_code();
  for (const bool mixed : {false, true}) {
    const auto codes = make_code_tiles(kChunkTiles, [&](std::uint32_t) {
      return mixed && rng() % 200 == 0 ? kShortest : kLongest;
    });
    const ChunkStreamEntry entry = expect_round_trip(kernels(), codes, code);
    if (!mixed) {
      EXPECT_EQ(entry.min_lane_bits(), codec::kMaxLaneCodeBits);
      EXPECT_EQ(codec::chunk_stream_bytes(entry), kLanes * codec::kMaxLaneCodeBits / 8);
    }
  }
}

/// Lane 3 has the longest code only, the others more or less of the shortest: every shift that
/// encoders use.
TEST_P(HuffmanKernelsOnIsa, StringsOfVeryDifferentLengthsRoundTrip) {
  std::mt19937_64 rng(8);
  const HuffmanCode code = skewed_code();
  std::array<bool, 8> shifts{};
  for (const std::uint32_t num_tiles : {1u, 3u, 8u, 17u, 32u}) {
    for (const unsigned long_of_256 : {0u, 3u, 128u, 256u}) {
      const auto codes = make_code_tiles(num_tiles, [&](std::uint32_t lane) {
        return lane == 3 || rng() % 256 < long_of_256 ? kLongest : kShortest;
      });
      shifts[expect_round_trip(kernels(), codes, code).length_shift()] = true;
    }
  }
  for (const std::size_t shift : {0, 1, 2, 3, 4, 5}) EXPECT_TRUE(shifts[shift]) << shift;
}

TEST_P(HuffmanKernelsOnIsa, FillingMayHaveAnyContent) {
  const HuffmanCode code = skewed_code();
  std::uint32_t num_picked = 0;
  const auto codes = make_code_tiles(kChunkTiles, [&](std::uint32_t lane) {
    return num_picked++ == 0 || lane % 2 != 0 ? kShortest : kLongest;
  });
  constexpr std::uint32_t kLane0CodeBits = codec::kMaxLaneCodeBits - 12;
  DrawnStream drawn = draw_stream(codes, code);
  ASSERT_EQ(drawn.entry.length_shift(), 5u);
  ASSERT_EQ(drawn.entry.lane_bits(0), kLane0CodeBits + 12);  // rounded up to 32
  for (std::uint32_t bit = kLane0CodeBits; bit < kLane0CodeBits + 12; ++bit) {
    drawn.bytes[bit / 8] |= static_cast<std::uint8_t>(1u << bit % 8);
  }
  const Decoded decoded = decode(kernels(), ReadableStream(drawn.bytes, drawn.entry), drawn.entry,
                                 kChunkTiles, codec::build_decode_table(code));
  EXPECT_TRUE(decoded.complete);
  EXPECT_TRUE(decoded.codes == codes);
}

}  // namespace
}  // namespace unweight::testing
