// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <queue>
#include <random>
#include <vector>

#include "codec/families_format.h"

namespace unweight::codec {
namespace {

constexpr std::uint32_t kKraftOne = 1u << kMaxCodeLength;

std::uint64_t cost_bits(const PairCounts& counts, const CodeLengths& lengths) {
  std::uint64_t bits = 0;
  for (std::size_t s = 0; s < kNumPairs; ++s) bits += counts[s] * lengths[s];
  return bits;
}

/// In units of 2^-13.
std::uint32_t kraft_sum(const CodeLengths& lengths) {
  std::uint32_t sum = 0;
  for (const std::uint8_t length : lengths) {
    if (length > 0) sum += kKraftOne >> length;
  }
  return sum;
}

/// Cost and depth of Huffman's own algorithm, without a length limit.
struct Unlimited {
  std::uint64_t cost_bits = 0;
  int depth = 0;
};
Unlimited unlimited_huffman(const PairCounts& counts) {
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

/// Cheapest of all length vectors 1..13 over `num_symbols` symbols that satisfy Kraft's inequality.
std::uint64_t exhaustive_cost(const std::vector<std::uint64_t>& counts) {
  std::uint64_t best = std::numeric_limits<std::uint64_t>::max();
  std::function<void(std::size_t, std::uint32_t, std::uint64_t)> search =
      [&](std::size_t symbol, std::uint32_t kraft, std::uint64_t cost) {
        if (kraft > kKraftOne || cost >= best) return;
        if (symbol == counts.size()) {
          best = cost;
          return;
        }
        for (std::uint32_t length = 1; length <= kMaxCodeLength; ++length) {
          search(symbol + 1, kraft + (kKraftOne >> length), cost + counts[symbol] * length);
        }
      };
  search(0, 0, 0);
  return best;
}

PairCounts random_counts(std::mt19937_64& rng, std::size_t num_symbols, int max_log2) {
  PairCounts counts{};
  std::array<std::size_t, kNumPairs> order{};
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
  for (std::size_t s = 0; s < kNumPairs; ++s) {
    PairCounts counts{};
    counts[s] = 1000;
    EXPECT_EQ(build_code_lengths(counts), CodeLengths{});
  }
}

TEST(CodeLengths, TwoSymbolsTakeOneBitEach) {
  PairCounts counts{};
  counts[3] = 1;
  counts[9] = std::uint64_t{1} << 37;
  const CodeLengths lengths = build_code_lengths(counts);
  EXPECT_EQ(lengths[3], 1);
  EXPECT_EQ(lengths[9], 1);
  EXPECT_EQ(kraft_sum(lengths), kKraftOne);
}

TEST(CodeLengths, EqualHuffmanWhereTheLimitDoesNotBind) {
  std::mt19937_64 rng(1);
  int unlimited = 0;
  for (int round = 0; round < 1000; ++round) {
    const std::size_t num_symbols = round % 2 == 0 ? 2 + rng() % 15 : 2 + rng() % 255;
    const PairCounts counts = random_counts(rng, num_symbols, 2 + round % 14);
    const CodeLengths lengths = build_code_lengths(counts);
    for (std::size_t s = 0; s < kNumPairs; ++s) {
      EXPECT_EQ(lengths[s] != 0, counts[s] != 0);
      EXPECT_LE(lengths[s], kMaxCodeLength);
    }
    EXPECT_EQ(kraft_sum(lengths), kKraftOne);
    const Unlimited huffman = unlimited_huffman(counts);
    EXPECT_GE(cost_bits(counts, lengths), huffman.cost_bits);
    if (huffman.depth > static_cast<int>(kMaxCodeLength)) continue;
    ++unlimited;
    EXPECT_EQ(cost_bits(counts, lengths), huffman.cost_bits);
  }
  EXPECT_GT(unlimited, 500);
  EXPECT_LT(unlimited, 1000);
}

TEST(CodeLengths, EqualExhaustiveSearchForFewSymbols) {
  std::mt19937_64 rng(2);
  for (int round = 0; round < 150; ++round) {
    const std::size_t num_symbols = 2 + rng() % 4;
    const PairCounts counts = random_counts(rng, num_symbols, 12);
    std::vector<std::uint64_t> present;
    for (const std::uint64_t count : counts) {
      if (count > 0) present.push_back(count);
    }
    EXPECT_EQ(cost_bits(counts, build_code_lengths(counts)), exhaustive_cost(present));
  }
}

/// Optimal cost over leaves sorted by count, heaviest first: the cheapest way to place them from
/// `placed` on, with `slots` free nodes at `depth`. Dynamic programming over all three.
class LimitedOptimum {
 public:
  explicit LimitedOptimum(const std::vector<std::uint64_t>& descending)
      : n_(descending.size()), suffix_(n_ + 1, 0), memo_(kMaxCodeLength * n_ * (n_ + 1), kUnknown) {
    for (std::size_t i = n_; i-- > 0;) suffix_[i] = suffix_[i + 1] + descending[i];
  }
  std::uint64_t cost() { return best(0, 1, 0); }

 private:
  static constexpr std::uint64_t kUnknown = ~std::uint64_t{0};
  static constexpr std::uint64_t kImpossible = kUnknown / 2;

  std::uint64_t best(std::size_t placed, std::size_t slots, std::uint32_t depth) {
    if (slots >= n_ - placed) return 0;  // all of them here
    if (depth == kMaxCodeLength) return kImpossible;
    std::uint64_t& known = memo_[(depth * n_ + placed) * (n_ + 1) + slots];
    if (known != kUnknown) return known;
    std::uint64_t cheapest = kImpossible;
    for (std::size_t leaves = 0; leaves < slots; ++leaves) {
      cheapest = std::min(cheapest, suffix_[placed + leaves] +
                                        best(placed + leaves, 2 * (slots - leaves), depth + 1));
    }
    return known = cheapest;
  }

  std::size_t n_;
  std::vector<std::uint64_t> suffix_;
  std::vector<std::uint64_t> memo_;
};

void expect_optimal(const PairCounts& counts) {
  const CodeLengths lengths = build_code_lengths(counts);
  std::vector<std::uint64_t> present;
  for (std::size_t s = 0; s < kNumPairs; ++s) {
    if (counts[s] > 0) present.push_back(counts[s]);
    EXPECT_EQ(lengths[s] != 0, counts[s] != 0);
    EXPECT_LE(lengths[s], kMaxCodeLength);
  }
  std::sort(present.begin(), present.end(), std::greater<>());
  EXPECT_EQ(kraft_sum(lengths), kKraftOne);
  EXPECT_EQ(cost_bits(counts, lengths), LimitedOptimum(present).cost());
}

TEST(CodeLengths, OptimalWhereTheLimitBinds) {
  std::mt19937_64 rng(3);
  for (const std::size_t num_symbols : {15, 16, 20, 40}) {
    PairCounts fibonacci{}, powers{};
    for (std::size_t s = 0; s < num_symbols; ++s) {
      fibonacci[s] = s < 2 ? 1 : fibonacci[s - 1] + fibonacci[s - 2];
      powers[s] = std::uint64_t{1} << s;
    }
    expect_optimal(fibonacci);
    expect_optimal(powers);
  }
  for (int round = 0; round < 20; ++round) expect_optimal(random_counts(rng, 15 + rng() % 50, 34));
}

TEST(CodeLengths, OptimalForAllPairsWithHostileCounts) {
  std::mt19937_64 rng(4);
  PairCounts equal, steps, fibonacci, one_rules;
  equal.fill(77);
  one_rules.fill(1);
  one_rules[200] = std::uint64_t{1} << 34;
  for (std::size_t s = 0; s < kNumPairs; ++s) {
    steps[s] = std::uint64_t{1} << (s % 32);
    fibonacci[s] = s < 2 || s % 40 < 2 ? 1 : fibonacci[s - 1] + fibonacci[s - 2];
  }
  for (const PairCounts& counts : {equal, steps, fibonacci, one_rules, random_counts(rng, 256, 34)})
    expect_optimal(counts);
  const CodeLengths eight_each = build_code_lengths(equal);
  EXPECT_EQ(std::count(eight_each.begin(), eight_each.end(), 8), 256);
}

// Which of several optimal codes comes out is part of the format's tools: CPU and GPU agree.
TEST(CodeLengths, TiesAreDecidedByTheRule) {
  PairCounts three{};
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
  ASSERT_TRUE(build_canonical_code({3, 3, 3, 3, 3, 2, 4, 4}, 9, code));
  EXPECT_EQ(code.single_symbol, 0);
  EXPECT_EQ(code.max_length, 4);
  const std::array<std::uint8_t, 8> expected = {0b010, 0b110, 0b001,  0b101,
                                                0b011, 0b00,  0b0111, 0b1111};
  for (std::size_t s = 0; s < 8; ++s) EXPECT_EQ(code.bits[s], expected[s]) << s;
}

TEST(CanonicalCode, AllZeroIsOneSymbol) {
  HuffmanCode code;
  ASSERT_TRUE(build_canonical_code({}, 0xb1, code));
  EXPECT_EQ(code.max_length, 0);
  EXPECT_EQ(code.single_symbol, 0xb1);
  const DecodeTable table = build_decode_table(code);
  for (const std::uint16_t entry : table) EXPECT_EQ(entry, 0xb1);
}

TEST(CanonicalCode, RefusesWhatIsNotACompleteCode) {
  HuffmanCode code;
  const auto complete = [&](const CodeLengths& lengths) {
    return build_canonical_code(lengths, 0, code);
  };
  EXPECT_FALSE(complete({1}));
  EXPECT_FALSE(complete({1, 2}));
  EXPECT_FALSE(complete({1, 1, 1}));      // oversubscribed
  EXPECT_FALSE(complete({1, 14, 14}));    // too long
  EXPECT_FALSE(complete({255, 255}));     // far too long
  EXPECT_FALSE(complete({1, 1, 0, 13}));  // over by the smallest unit
  CodeLengths staircase{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
  EXPECT_FALSE(complete(staircase));  // short by it
  staircase[255] = 13;
  EXPECT_TRUE(complete(staircase));
  CodeLengths longest;
  longest.fill(13);
  EXPECT_FALSE(complete(longest));
  longest.fill(1);
  EXPECT_FALSE(complete(longest));
  longest.fill(8);
  EXPECT_TRUE(complete(longest));
}

TEST(CanonicalCode, RandomLengthTablesAreAcceptedIffComplete) {
  std::mt19937_64 rng(4);
  int accepted = 0;
  for (int round = 0; round < 200000; ++round) {
    CodeLengths lengths{};
    const std::size_t num_symbols = 1 + rng() % 6;
    for (std::size_t i = 0; i < num_symbols; ++i) {
      lengths[rng() % kNumPairs] = static_cast<std::uint8_t>(rng() % 5);
    }
    HuffmanCode code;
    const bool complete = kraft_sum(lengths) == kKraftOne || lengths == CodeLengths{};
    ASSERT_EQ(build_canonical_code(lengths, 0, code), complete);
    accepted += complete ? 1 : 0;
  }
  EXPECT_GT(accepted, 100);
}

TEST(DecodeTable, EveryEntryIsTheCodeThatPrefixesIt) {
  std::mt19937_64 rng(5);
  for (int round = 0; round < 30; ++round) {
    const std::size_t num_symbols = round % 2 == 0 ? 2 + rng() % 15 : 2 + rng() % 255;
    const CodeLengths lengths = build_code_lengths(random_counts(rng, num_symbols, 30));
    HuffmanCode code;
    ASSERT_TRUE(build_canonical_code(lengths, 0, code));
    const DecodeTable table = build_decode_table(code);
    for (std::uint32_t next_bits = 0; next_bits < kDecodeTableSize; ++next_bits) {
      int matches = 0;
      for (std::uint32_t s = 0; s < kNumPairs; ++s) {
        const std::uint32_t length = lengths[s];
        if (length == 0 || (next_bits & ((1u << length) - 1)) != code.bits[s]) continue;
        ++matches;
        ASSERT_EQ(table[next_bits], length << 8 | s);
      }
      ASSERT_EQ(matches, 1);  // prefix-free and complete
    }
  }
}

}  // namespace
}  // namespace unweight::codec
