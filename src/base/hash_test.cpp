// SPDX-License-Identifier: BSD-3-Clause
#include "base/hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string_view>
#include <vector>

#include "base/cpu_features.h"
#include "base/hash_kernels.h"

namespace unweight {
namespace {

std::vector<std::byte> random_bytes(std::size_t size, unsigned seed) {
  std::mt19937 rng(seed);
  std::vector<std::byte> bytes(size);
  for (auto& b : bytes) b = static_cast<std::byte>(rng());
  return bytes;
}

// XXH3_64bits with seed 0, as the xxHash library computes it: files written on one machine are read
// on another, so the function may never drift.
TEST(Hash, KnownValues) {
  const auto of = [](std::string_view text) { return xxh3(std::as_bytes(std::span(text))); };
  EXPECT_EQ(of(""), 0x2D06800538D394C2ULL);
  EXPECT_EQ(of("abc"), 0x78AF5F94892F3950ULL);
  EXPECT_EQ(of("xxhash"), 0xAA4C2B42AE6B13DEULL);
  // Every length class of the function: 9-16, 129-240 bytes, and long input in several stripes.
  std::vector<std::byte> counter(5000);
  for (std::size_t i = 0; i < counter.size(); ++i) counter[i] = static_cast<std::byte>(i * 7);
  EXPECT_EQ(xxh3(std::span(counter).first(16)), 0x9DA23836ADF2BE1EULL);
  EXPECT_EQ(xxh3(std::span(counter).first(200)), 0x7C64F3B17285E96AULL);
  EXPECT_EQ(xxh3(counter), 0x6ABE8BE5ABCB2760ULL);
}

#if defined(__x86_64__)
TEST(Hash, EveryInstructionSetGivesTheSameValue) {
  std::vector<const HashKernels*> tables;
  if (detected_isa() >= Isa::kAvx2) tables.push_back(&kAvx2Hash);
  if (detected_isa() >= Isa::kAvx512) tables.push_back(&kAvx512Hash);
  for (const HashKernels* table : tables) {
    for (const std::size_t size : {0, 3, 16, 100, 200, 241, 1024, 1025, 100003}) {
      const auto bytes = random_bytes(size, static_cast<unsigned>(size));
      EXPECT_EQ(table->xxh3(bytes.data(), size), kPortableHash.xxh3(bytes.data(), size)) << size;
    }
  }
}
#endif

TEST(Hash, PiecesGiveTheHashOfTheWhole) {
  std::mt19937 rng(7);
  for (const std::size_t size : {0, 1, 16, 17, 128, 129, 240, 241, 1023, 1024, 70000}) {
    const auto bytes = random_bytes(size, static_cast<unsigned>(size));
    for (int repeat = 0; repeat < 20; ++repeat) {
      Xxh3Stream stream;
      for (std::size_t at = 0; at < size;) {
        const std::size_t piece = std::min<std::size_t>(size - at, rng() % (size / 4 + 2));
        stream.update(std::span(bytes).subspan(at, piece));
        at += piece;
      }
      ASSERT_EQ(stream.digest(), xxh3(bytes)) << size;
    }
  }
}

TEST(Hash, StreamCanMoveMidway) {
  const auto bytes = random_bytes(5000, 1);
  Xxh3Stream first;
  first.update(std::span(bytes).first(3000));
  Xxh3Stream second(std::move(first));
  second.update(std::span(bytes).subspan(3000));
  EXPECT_EQ(second.digest(), xxh3(bytes));
  EXPECT_EQ(second.digest(), xxh3(bytes)) << "digest() must not disturb the state";
}

TEST(Hash, EverySingleBitCounts) {
  auto bytes = random_bytes(300, 2);
  const auto original = xxh3(bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const auto mask = static_cast<std::byte>(1U << (bit % 8));
    bytes[bit / 8] ^= mask;
    ASSERT_NE(xxh3(bytes), original) << bit;
    bytes[bit / 8] ^= mask;
  }
}

}  // namespace
}  // namespace unweight
