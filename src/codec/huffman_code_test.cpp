// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <numeric>
#include <queue>
#include <random>
#include <vector>

#include "codec/families_format.h"

namespace unweight::codec {
namespace {

using Counts = std::array<std::uint64_t, kPaletteSize>;

std::uint64_t cost_bits(const Counts& counts, const CodeLengths& lengths) {
  std::uint64_t bits = 0;
  for (std::size_t s = 0; s < kPaletteSize; ++s) bits += counts[s] * lengths[s];
  return bits;
}

/// In units of 2^-8.
std::uint32_t kraft_sum(const CodeLengths& lengths) {
  std::uint32_t sum = 0;
  for (const std::uint8_t length : lengths) {
    if (length > 0) sum += 256u >> length;
  }
  return sum;
}

/// Cost and depth of Huffman's own algorithm, without a length limit.
struct Unlimited {
  std::uint64_t cost_bits = 0;
  int depth = 0;
};
Unlimited unlimited_huffman(const Counts& counts) {
  using Node = std::pair<std::uint64_t, int>;  // weight, depth: ties give the shallowest tree
  std::priority_queue<Node, std::vector<Node>, std::greater<>> queue;
  for (const std::uint64_t count : counts) {
    if (count > 0) queue.push({count, 0});
  }
  Unlimited result;
  while (queue.size() > 1) {
    const Node a = queue.top();
    queue.pop();
    const Node b = queue.top();
    queue.pop();
    result.cost_bits += a.first + b.first;
    result.depth = std::max(a.second, b.second) + 1;
    queue.push({a.first + b.first, result.depth});
  }
  return result;
}

/// Cheapest of all length vectors 1..8 over `num_symbols` symbols that satisfy Kraft's inequality.
std::uint64_t exhaustive_cost(const std::vector<std::uint64_t>& counts) {
  std::uint64_t best = std::numeric_limits<std::uint64_t>::max();
  std::function<void(std::size_t, std::uint32_t, std::uint64_t)> search =
      [&](std::size_t symbol, std::uint32_t kraft, std::uint64_t cost) {
        if (kraft > 256 || cost >= best) return;
        if (symbol == counts.size()) {
          best = cost;
          return;
        }
        for (std::uint32_t length = 1; length <= kMaxCodeLength; ++length) {
          search(symbol + 1, kraft + (256u >> length), cost + counts[symbol] * length);
        }
      };
  search(0, 0, 0);
  return best;
}

Counts random_counts(std::mt19937_64& rng, std::size_t num_symbols, int max_log2) {
  Counts counts{};
  std::array<std::size_t, kPaletteSize> order{};
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), rng);
  for (std::size_t i = 0; i < num_symbols; ++i) {
    const int log2 = static_cast<int>(rng() % static_cast<unsigned>(max_log2 + 1));
    counts[order[i]] = 1 + (rng() & ((std::uint64_t{1} << log2) - 1));
  }
  return counts;
}

TEST(CodeLengths, NoneOrOneSymbolNeedsNoBits) {
  EXPECT_EQ(build_code_lengths({}), CodeLengths{});
  for (std::size_t s = 0; s < kPaletteSize; ++s) {
    Counts counts{};
    counts[s] = 1000;
    EXPECT_EQ(build_code_lengths(counts), CodeLengths{});
  }
}

TEST(CodeLengths, TwoSymbolsTakeOneBitEach) {
  Counts counts{};
  counts[3] = 1;
  counts[9] = std::uint64_t{1} << 37;
  const CodeLengths lengths = build_code_lengths(counts);
  EXPECT_EQ(lengths[3], 1);
  EXPECT_EQ(lengths[9], 1);
  EXPECT_EQ(kraft_sum(lengths), 256u);
}

TEST(CodeLengths, EqualHuffmanWhereTheLimitDoesNotBind) {
  std::mt19937_64 rng(1);
  int unlimited = 0;
  for (int round = 0; round < 4000; ++round) {
    const Counts counts = random_counts(rng, 2 + rng() % 15, 2 + round % 14);
    const CodeLengths lengths = build_code_lengths(counts);
    for (std::size_t s = 0; s < kPaletteSize; ++s) {
      EXPECT_EQ(lengths[s] != 0, counts[s] != 0);
      EXPECT_LE(lengths[s], kMaxCodeLength);
    }
    EXPECT_EQ(kraft_sum(lengths), 256u);
    const Unlimited huffman = unlimited_huffman(counts);
    EXPECT_GE(cost_bits(counts, lengths), huffman.cost_bits);
    if (huffman.depth > static_cast<int>(kMaxCodeLength)) continue;
    ++unlimited;
    EXPECT_EQ(cost_bits(counts, lengths), huffman.cost_bits);
  }
  EXPECT_GT(unlimited, 1000);
}

TEST(CodeLengths, EqualExhaustiveSearchForFewSymbols) {
  std::mt19937_64 rng(2);
  for (int round = 0; round < 150; ++round) {
    const std::size_t num_symbols = 2 + rng() % 5;
    const Counts counts = random_counts(rng, num_symbols, 12);
    std::vector<std::uint64_t> present;
    for (const std::uint64_t count : counts) {
      if (count > 0) present.push_back(count);
    }
    EXPECT_EQ(cost_bits(counts, build_code_lengths(counts)), exhaustive_cost(present));
  }
}

/// Optimal cost over leaves sorted by count: `slots` free nodes at `depth`, the heaviest left
/// first.
std::uint64_t optimal_limited_cost(const std::vector<std::uint64_t>& descending) {
  const std::size_t n = descending.size();
  std::vector<std::uint64_t> suffix(n + 1, 0);
  for (std::size_t i = n; i-- > 0;) suffix[i] = suffix[i + 1] + descending[i];
  std::function<std::uint64_t(std::size_t, std::size_t, std::uint32_t)> best =
      [&](std::size_t placed, std::size_t slots, std::uint32_t depth) -> std::uint64_t {
    if (placed == n) return 0;
    if (depth == kMaxCodeLength || slots >= n - placed) {
      return slots >= n - placed ? 0 : std::numeric_limits<std::uint64_t>::max() / 2;
    }
    std::uint64_t cheapest = std::numeric_limits<std::uint64_t>::max() / 2;
    for (std::size_t leaves = 0; leaves < slots; ++leaves) {
      cheapest = std::min(cheapest, suffix[placed + leaves] +
                                        best(placed + leaves, 2 * (slots - leaves), depth + 1));
    }
    return cheapest;
  };
  return best(0, 1, 0);
}

TEST(CodeLengths, OptimalWhereTheLimitBinds) {
  Counts fibonacci{};
  fibonacci[0] = fibonacci[1] = 1;
  for (std::size_t s = 2; s < kPaletteSize; ++s) fibonacci[s] = fibonacci[s - 1] + fibonacci[s - 2];
  Counts powers{};
  for (std::size_t s = 0; s < kPaletteSize; ++s) powers[s] = std::uint64_t{1} << (2 * s);
  std::vector<Counts> cases = {fibonacci, powers};
  std::mt19937_64 rng(3);
  for (int round = 0; round < 20; ++round) cases.push_back(random_counts(rng, 10 + rng() % 7, 30));
  for (const Counts& counts : cases) {
    const CodeLengths lengths = build_code_lengths(counts);
    std::vector<std::uint64_t> present;
    for (const std::uint64_t count : counts) {
      if (count > 0) present.push_back(count);
    }
    std::sort(present.begin(), present.end(), std::greater<>());
    EXPECT_EQ(kraft_sum(lengths), 256u);
    EXPECT_EQ(cost_bits(counts, lengths), optimal_limited_cost(present));
  }
}

// Which of several optimal codes comes out is part of the format's tools: CPU and GPU agree.
TEST(CodeLengths, TiesAreDecidedByTheRule) {
  Counts three{};
  three[2] = three[5] = three[11] = 7;  // the lowest two are packaged: they are the longer ones
  const CodeLengths lengths = build_code_lengths(three);
  EXPECT_EQ(lengths[2], 2);
  EXPECT_EQ(lengths[5], 2);
  EXPECT_EQ(lengths[11], 1);

  // 1 1 2 2: the package {0, 1} of weight 2 comes after both symbols of weight 2.
  const CodeLengths symbols_first = build_code_lengths({1, 1, 2, 2});
  EXPECT_EQ(symbols_first, (CodeLengths{2, 2, 2, 2}));

  const CodeLengths equal = build_code_lengths({5, 5, 5, 5, 5, 5});
  EXPECT_EQ(equal, (CodeLengths{3, 3, 3, 3, 2, 2}));
}

TEST(CanonicalCode, IsDeflatesOrderReversed) {
  HuffmanCode code;
  // RFC 1951, 3.2.2: lengths (3,3,3,3,3,2,4,4) for ABCDEFGH.
  ASSERT_TRUE(build_canonical_code({3, 3, 3, 3, 3, 2, 4, 4}, code));
  EXPECT_EQ(code.max_length, 4);
  const std::array<std::uint8_t, 8> expected = {0b010, 0b110, 0b001,  0b101,
                                                0b011, 0b00,  0b0111, 0b1111};
  for (std::size_t s = 0; s < 8; ++s) EXPECT_EQ(code.bits[s], expected[s]) << s;
}

TEST(CanonicalCode, AllZeroIsOneSymbol) {
  HuffmanCode code;
  ASSERT_TRUE(build_canonical_code({}, code));
  EXPECT_EQ(code.max_length, 0);
  const DecodeTable table = build_decode_table(code, 11);
  for (const std::uint8_t entry : table) EXPECT_EQ(entry, 11);
}

TEST(CanonicalCode, RefusesWhatIsNotACompleteCode) {
  HuffmanCode code;
  EXPECT_FALSE(build_canonical_code({1}, code));                       // incomplete
  EXPECT_FALSE(build_canonical_code({1, 2}, code));                    // incomplete
  EXPECT_FALSE(build_canonical_code({1, 1, 1}, code));                 // oversubscribed
  EXPECT_FALSE(build_canonical_code({1, 9, 9}, code));                 // too long
  EXPECT_FALSE(build_canonical_code({255, 255}, code));                // far too long
  EXPECT_FALSE(build_canonical_code({1, 1, 0, 8}, code));              // over by the smallest unit
  EXPECT_FALSE(build_canonical_code({1, 2, 3, 4, 5, 6, 7, 8}, code));  // short by it
  EXPECT_TRUE(build_canonical_code({1, 2, 3, 4, 5, 6, 7, 8, 8}, code));
}

TEST(CanonicalCode, RandomLengthTablesAreAcceptedIffComplete) {
  std::mt19937_64 rng(4);
  int accepted = 0;
  for (int round = 0; round < 200000; ++round) {
    CodeLengths lengths{};
    const std::size_t num_symbols = 1 + rng() % 6;
    for (std::size_t i = 0; i < num_symbols; ++i) {
      lengths[rng() % kPaletteSize] = static_cast<std::uint8_t>(rng() % 5);
    }
    HuffmanCode code;
    const bool complete = kraft_sum(lengths) == 256 || lengths == CodeLengths{};
    ASSERT_EQ(build_canonical_code(lengths, code), complete);
    accepted += complete ? 1 : 0;
  }
  EXPECT_GT(accepted, 100);
}

TEST(DecodeTable, EveryEntryIsTheCodeThatPrefixesIt) {
  std::mt19937_64 rng(5);
  for (int round = 0; round < 300; ++round) {
    const CodeLengths lengths = build_code_lengths(random_counts(rng, 2 + rng() % 15, 20));
    HuffmanCode code;
    ASSERT_TRUE(build_canonical_code(lengths, code));
    const DecodeTable table = build_decode_table(code, 0);
    for (std::uint32_t next_bits = 0; next_bits < kDecodeTableSize; ++next_bits) {
      int matches = 0;
      for (std::uint32_t s = 0; s < kPaletteSize; ++s) {
        const std::uint32_t length = lengths[s];
        if (length == 0 || (next_bits & ((1u << length) - 1)) != code.bits[s]) continue;
        ++matches;
        ASSERT_EQ(table[next_bits], length << 4 | s);
      }
      ASSERT_EQ(matches, 1);  // prefix-free and complete
    }
  }
}

}  // namespace
}  // namespace unweight::codec
