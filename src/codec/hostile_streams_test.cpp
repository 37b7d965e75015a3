// SPDX-License-Identifier: BSD-3-Clause
//
// Every instruction set's Huffman decoder on damaged and made-up entries and streams: they are
// refused or decoded as the portable decoder does, without a look beyond the tail.
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "codec/huffman_test_support.h"
#include "codec/isa_test_fixture.h"

namespace unweight::testing {
namespace {

class HostileStreamsOnIsa : public PerIsa {};
UNWEIGHT_INSTANTIATE_PER_ISA(HostileStreamsOnIsa);

TEST_P(HostileStreamsOnIsa, StringsThatEndInsideACodeOrBehindThemAreRefused) {
  for_random_chunks(7, [](std::mt19937_64& rng, const HuffmanCode& code, std::uint32_t num_tiles) {
    const auto table = codec::build_decode_table(code);
    const DrawnStream drawn = draw_stream(random_code_tiles(rng, code, num_tiles), code);
    for (const int change : {-255, -9, -1, 1, 9, 255}) {
      ChunkStreamEntry entry = drawn.entry;
      std::uint8_t& delta = entry.lane_delta[rng() % kLanes];
      if (delta + change < 0 || delta + change > 255) continue;
      delta = static_cast<std::uint8_t>(delta + change);
      EXPECT_FALSE(
          decode(kernels(), ReadableStream(drawn.bytes, entry), entry, num_tiles, table).complete);
    }
  });
}

TEST_P(HostileStreamsOnIsa, AnyEntryAndAnyBytesDecodeAlikeEverywhereAndStayInTheirBuffer) {
  for_random_chunks(5, [](std::mt19937_64& rng, const HuffmanCode& code, std::uint32_t num_tiles) {
    const auto table = codec::build_decode_table(code);
    for (int round = 0; round < 20; ++round) {
      // Short, usual and absurd strings; the offset is not the kernel's business.
      const std::uint32_t most_bits = std::array{0u, 300u, 0x1fffu}[rng() % 3];
      const int most_delta = std::array{0, 1, 20, 255}[rng() % 4];
      ChunkStreamEntry entry{
          codec::pack_stream_entry(rng() >> 16, static_cast<std::uint32_t>(rng() % (most_bits + 1)),
                                   static_cast<std::uint32_t>(rng() % 2 == 0 ? 0 : rng() % 8)),
          {}};
      for (std::uint8_t& delta : entry.lane_delta) {
        delta = static_cast<std::uint8_t>(rng() % static_cast<unsigned>(most_delta + 1));
      }
      ReadableStream stream({}, entry);
      const auto fill = rng() % 3;
      for (std::size_t i = 0; fill > 0 && i < stream.size(); ++i) {
        stream[i] = static_cast<std::uint8_t>(fill == 1 ? 0 : rng());
      }
      ASSERT_TRUE(decode(kernels(), stream, entry, num_tiles, table) ==
                  decode(portable(), stream, entry, num_tiles, table));
    }
  });
}

/// The last strings are too short for their codes, all of them the longest: the reads that go
/// farthest behind the stream.
TEST_P(HostileStreamsOnIsa, ReadsBehindShortStringsStayInTheTail) {
  codec::PairCounts counts;
  counts.fill(1);
  for (const HuffmanCode& code : {skewed_code(), code_of(counts)}) {
    const auto table = codec::build_decode_table(code);
    for (const std::uint8_t fill : {std::uint8_t{0}, std::uint8_t{0xff}}) {
      for (std::uint32_t bits = 0; bits < 900; ++bits) {
        const ChunkStreamEntry entry{codec::pack_stream_entry(0, bits, 0), {}};
        ReadableStream stream({}, entry);
        std::fill_n(&stream[0], stream.size(), fill);
        for (const std::uint32_t num_tiles : {1u, 4u}) {
          ASSERT_TRUE(decode(kernels(), stream, entry, num_tiles, table) ==
                      decode(portable(), stream, entry, num_tiles, table));
        }
      }
    }
  }
}

TEST_P(HostileStreamsOnIsa, DamagedStreamsDecodeAlikeEverywhere) {
  int num_complete = 0, num_refused = 0;
  for_random_chunks(6, [&](std::mt19937_64& rng, const HuffmanCode& code, std::uint32_t num_tiles) {
    const auto table = codec::build_decode_table(code);
    const DrawnStream drawn = draw_stream(random_code_tiles(rng, code, num_tiles), code);
    if (drawn.bytes.empty()) return;
    for (int round = 0; round < 16; ++round) {
      DrawnStream damaged = drawn;
      damaged.bytes[rng() % damaged.bytes.size()] ^= static_cast<std::uint8_t>(1u << rng() % 8);
      if (round > 13) damaged.entry.packed ^= std::uint64_t{1} << (48 + rng() % 16);
      const ReadableStream stream(damaged.bytes, damaged.entry);
      const Decoded expected = decode(portable(), stream, damaged.entry, num_tiles, table);
      ASSERT_TRUE(decode(kernels(), stream, damaged.entry, num_tiles, table) == expected);
      ++(expected.complete ? num_complete : num_refused);
    }
  });
  EXPECT_GT(num_complete, 50);
  EXPECT_GT(num_refused, 50);
}

}  // namespace
}  // namespace unweight::testing
