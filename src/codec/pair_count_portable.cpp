// SPDX-License-Identifier: BSD-3-Clause
//
// Histogram of pairs, for all instruction sets: the counters' loads and stores are what takes the
// time, and they are no faster from vectors.
#include "codec/tile_kernels_portable.h"

namespace unweight::codec::portable {
namespace {

/// A pair is counted in the table of its place, so that an increment seldom waits for the one
/// before.
constexpr std::uint32_t kTables = 4;

/// The eight pairs of two code words, one byte a pair, in some order.
inline std::uint64_t pair_bytes(std::uint64_t words) {
  const std::uint64_t even = words & 0x0f0f0f0f0f0f0f0f;  // codes of registers 0 and 2
  const std::uint64_t odd = words & 0xf0f0f0f0f0f0f0f0;   // of 1 and 3
  // Low weights have the lower half of a word, high weights the upper one.
  const std::uint64_t pairs02 = (even | even >> 12) & 0x0000ffff0000ffff;
  const std::uint64_t pairs13 = (odd | odd << 12) & 0xffff0000ffff0000;
  return pairs02 | pairs13;
}

}  // namespace

void count_pairs(const std::uint8_t* codes, std::uint32_t num_tiles, std::uint64_t* counts) {
  std::array<std::array<std::uint64_t, kNumPairs>, kTables> tables{};
  const std::uint8_t* const end = codes + std::size_t{num_tiles} * layout::kTileCodeSectionBytes;
  for (; codes != end; codes += sizeof(std::uint64_t)) {
    const std::uint64_t pairs = pair_bytes(load<std::uint64_t>(codes));
#pragma GCC unroll 8
    for (std::uint32_t i = 0; i < sizeof pairs; ++i) ++tables[i % kTables][pairs >> 8 * i & 0xff];
  }
  for (std::uint32_t pair = 0; pair < kNumPairs; ++pair) {
    for (const auto& table : tables) counts[pair] += table[pair];
  }
}

}  // namespace unweight::codec::portable
