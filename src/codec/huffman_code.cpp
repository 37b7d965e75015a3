// SPDX-License-Identifier: BSD-3-Clause
//
// Code construction: lengths (package-merge), canonical codes, the decode table.
#include <algorithm>
#include <vector>

#include "codec/families_format.h"

namespace unweight::codec {
namespace {

/// Pairs that occur, by (count, pair).
std::vector<std::uint32_t> occurring_pairs(const PairCounts& counts) {
  std::vector<std::uint32_t> pairs;
  for (std::uint32_t p = 0; p < kNumPairs; ++p) {
    if (counts[p] != 0) pairs.push_back(p);
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return counts[a] < counts[b]; });
  return pairs;
}

/// The coins of one denomination of package-merge, cheapest first: symbols, and packages of two
/// neighbouring coins of the denomination below.
struct CoinList {
  std::vector<std::uint64_t> weights;
  std::vector<bool> is_symbol;
};

CoinList merge_packages(const std::vector<std::uint64_t>& symbols, const CoinList& below) {
  CoinList merged;
  const std::size_t num_packages = below.weights.size() / 2;
  std::size_t symbol = 0, package = 0;
  while (symbol < symbols.size() || package < num_packages) {
    const std::uint64_t packaged =
        package < num_packages ? below.weights[2 * package] + below.weights[2 * package + 1] : 0;
    // On ties symbols before packages.
    const bool take_symbol =
        package == num_packages || (symbol < symbols.size() && symbols[symbol] <= packaged);
    merged.weights.push_back(take_symbol ? symbols[symbol++] : packaged);
    merged.is_symbol.push_back(take_symbol);
    if (!take_symbol) ++package;
  }
  return merged;
}

std::uint16_t reverse_bits(std::uint32_t code, std::uint32_t length) {
  std::uint32_t reversed = 0;
  for (std::uint32_t bit = 0; bit < length; ++bit) {
    reversed |= (code >> bit & 1) << (length - 1 - bit);
  }
  return static_cast<std::uint16_t>(reversed);
}

}  // namespace

CodeLengths build_code_lengths(const PairCounts& counts) {
  const std::vector<std::uint32_t> pairs = occurring_pairs(counts);
  if (pairs.size() < 2) return {};
  std::vector<std::uint64_t> symbols;
  symbols.reserve(pairs.size());
  for (const std::uint32_t p : pairs) symbols.push_back(counts[p]);
  std::array<CoinList, kMaxCodeLength> lists;
  lists[0] = merge_packages(symbols, {});
  for (std::uint32_t i = 1; i < kMaxCodeLength; ++i) {
    lists[i] = merge_packages(symbols, lists[i - 1]);
  }
  // Buy the 2n - 2 cheapest coins of the last list. Packages are in the order of what is inside, so
  // from every list a beginning is bought. A pair's length is the number of its coins among them.
  CodeLengths lengths{};
  std::size_t num_bought = 2 * pairs.size() - 2;
  for (std::uint32_t i = kMaxCodeLength; i-- > 0;) {
    const auto begin = lists[i].is_symbol.begin();
    const auto num_symbols = static_cast<std::size_t>(
        std::count(begin, begin + static_cast<std::ptrdiff_t>(num_bought), true));
    for (std::size_t s = 0; s < num_symbols; ++s) ++lengths[pairs[s]];
    num_bought = 2 * (num_bought - num_symbols);
  }
  return lengths;
}

bool build_canonical_code(const CodeLengths& lengths, std::uint8_t single_symbol,
                          HuffmanCode& code) {
  code = {};
  std::array<std::uint32_t, kMaxCodeLength + 1> num_codes{};
  for (const std::uint8_t length : lengths) {
    if (length > kMaxCodeLength) return false;
    ++num_codes[length];
  }
  if (num_codes[0] == kNumPairs) {
    code.single_symbol = single_symbol;
    return true;
  }

  std::uint32_t kraft = 0;  // in units of 2^-kMaxCodeLength
  std::array<std::uint32_t, kMaxCodeLength + 1> next_code{};
  for (std::uint32_t length = 1, first = 0; length <= kMaxCodeLength; ++length) {
    first = (first + (length > 1 ? num_codes[length - 1] : 0)) << 1;
    next_code[length] = first;
    kraft += num_codes[length] << (kMaxCodeLength - length);
  }
  if (kraft != 1u << kMaxCodeLength) return false;

  code.lengths = lengths;
  for (std::size_t p = 0; p < kNumPairs; ++p) {
    if (lengths[p] == 0) continue;
    code.bits[p] = reverse_bits(next_code[lengths[p]]++, lengths[p]);
    code.max_length = std::max(code.max_length, lengths[p]);
  }
  return true;
}

DecodeTable build_decode_table(const HuffmanCode& code) {
  DecodeTable table{};
  if (code.max_length == 0) {
    table.fill(code.single_symbol);
    return table;
  }
  for (std::uint32_t p = 0; p < kNumPairs; ++p) {
    const std::uint32_t length = code.lengths[p];
    if (length == 0) continue;
    for (std::uint32_t next_bits = code.bits[p]; next_bits < kDecodeTableSize;
         next_bits += 1u << length) {
      table[next_bits] = static_cast<std::uint16_t>(length << 8 | p);
    }
  }
  return table;
}

}  // namespace unweight::codec
