// SPDX-License-Identifier: BSD-3-Clause
//
// Code construction: lengths (package-merge), canonical codes, the decode table.
#include <algorithm>
#include <vector>

#include "codec/families_format.h"

namespace unweight::codec {
namespace {

/// A coin of package-merge: a symbol, or two coins of the level below taken together.
struct Coin {
  std::uint64_t weight = 0;
  CodeLengths uses{};  ///< how often each symbol is inside
};

Coin merge(const Coin& a, const Coin& b) {
  Coin sum{a.weight + b.weight, a.uses};
  for (std::size_t s = 0; s < kPaletteSize; ++s) {
    sum.uses[s] = static_cast<std::uint8_t>(sum.uses[s] + b.uses[s]);
  }
  return sum;
}

/// Symbols that occur, by (weight, symbol).
std::vector<Coin> symbol_coins(const std::array<std::uint64_t, kPaletteSize>& counts) {
  std::vector<Coin> coins;
  for (std::size_t s = 0; s < kPaletteSize; ++s) {
    if (counts[s] == 0) continue;
    Coin coin{counts[s], {}};
    coin.uses[s] = 1;
    coins.push_back(coin);
  }
  std::stable_sort(coins.begin(), coins.end(),
                   [](const Coin& a, const Coin& b) { return a.weight < b.weight; });
  return coins;
}

std::uint8_t reverse_bits(std::uint32_t code, std::uint32_t length) {
  std::uint32_t reversed = 0;
  for (std::uint32_t bit = 0; bit < length; ++bit) {
    reversed |= (code >> bit & 1) << (length - 1 - bit);
  }
  return static_cast<std::uint8_t>(reversed);
}

}  // namespace

CodeLengths build_code_lengths(const std::array<std::uint64_t, kPaletteSize>& counts) {
  const std::vector<Coin> symbols = symbol_coins(counts);
  if (symbols.size() < 2) return {};
  std::vector<Coin> level = symbols;
  for (std::uint32_t length = 1; length < kMaxCodeLength; ++length) {
    std::vector<Coin> packages;
    for (std::size_t i = 0; i + 1 < level.size(); i += 2) {
      packages.push_back(merge(level[i], level[i + 1]));
    }
    std::vector<Coin> next;
    // std::merge takes from the first range on ties: symbols before packages.
    std::merge(symbols.begin(), symbols.end(), packages.begin(), packages.end(),
               std::back_inserter(next),
               [](const Coin& a, const Coin& b) { return a.weight < b.weight; });
    level = std::move(next);
  }
  // The 2n - 2 cheapest coins of the last level: a symbol's length is how often it is inside them.
  Coin total;
  for (std::size_t i = 0; i < 2 * symbols.size() - 2; ++i) total = merge(total, level[i]);
  return total.uses;
}

bool build_canonical_code(const CodeLengths& lengths, HuffmanCode& code) {
  code = {};
  std::array<std::uint32_t, kMaxCodeLength + 1> num_codes{};
  for (const std::uint8_t length : lengths) {
    if (length > kMaxCodeLength) return false;
    ++num_codes[length];
  }
  if (num_codes[0] == kPaletteSize) return true;

  std::uint32_t kraft = 0;  // in units of 2^-kMaxCodeLength
  std::array<std::uint32_t, kMaxCodeLength + 1> next_code{};
  for (std::uint32_t length = 1, first = 0; length <= kMaxCodeLength; ++length) {
    first = (first + (length > 1 ? num_codes[length - 1] : 0)) << 1;
    next_code[length] = first;
    kraft += num_codes[length] << (kMaxCodeLength - length);
  }
  if (kraft != 1u << kMaxCodeLength) return false;

  code.lengths = lengths;
  for (std::size_t s = 0; s < kPaletteSize; ++s) {
    if (lengths[s] == 0) continue;
    code.bits[s] = reverse_bits(next_code[lengths[s]]++, lengths[s]);
    code.max_length = std::max(code.max_length, lengths[s]);
  }
  return true;
}

DecodeTable build_decode_table(const HuffmanCode& code, std::uint8_t single_symbol) {
  DecodeTable table{};
  if (code.max_length == 0) {
    table.fill(single_symbol);
    return table;
  }
  for (std::uint32_t s = 0; s < kPaletteSize; ++s) {
    const std::uint32_t length = code.lengths[s];
    if (length == 0) continue;
    for (std::uint32_t next_bits = code.bits[s]; next_bits < kDecodeTableSize;
         next_bits += 1u << length) {
      table[next_bits] = static_cast<std::uint8_t>(length << 4 | s);
    }
  }
  return table;
}

}  // namespace unweight::codec
