// SPDX-License-Identifier: BSD-3-Clause
//
// What the source files of the portable kernels share.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "codec/families_format.h"
#include "layout/tile_order.h"

namespace unweight::codec::portable {

static_assert(std::endian::native == std::endian::little, "tiles are little-endian");

using layout::kSteps;
inline constexpr std::uint32_t kRegisters = 4;  // registers of a step; each holds a pair of weights
inline constexpr std::uint32_t kCodeMask = 0xf;

template <typename T>
inline T load(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
template <typename T>
inline void store(void* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

/// Where the 8 weights of one lane and step lie in a byte tile, and their word in a code tile.
constexpr std::uint32_t step_bytes_offset(std::uint32_t lane, std::uint32_t step) {
  return layout::byte_section_offset({lane, 8 * step});
}
constexpr std::uint32_t step_word_offset(std::uint32_t lane, std::uint32_t step) {
  return layout::code_section_bit({lane, 8 * step}) / 8;
}

/// A code word as pairs: register r's pair in byte r; and back.
///   31                           0      31                           0
///   | h3 h2 h1 h0 | l3 l2 l1 l0 |  <->  | h3 l3 | h2 l2 | h1 l1 | h0 l0 |
/// Works on both words of 64 bits as well.
constexpr std::uint64_t swap_nibbles(std::uint64_t word, std::uint64_t mask, std::uint32_t shift) {
  const std::uint64_t changed = (word ^ word >> shift) & mask;
  return word ^ changed ^ changed << shift;
}
constexpr std::uint64_t pairs_of_words(std::uint64_t words) {
  return swap_nibbles(swap_nibbles(words, 0x0000ff000000ff00, 8), 0x00f000f000f000f0, 4);
}
constexpr std::uint64_t words_of_pairs(std::uint64_t pairs) {
  return swap_nibbles(swap_nibbles(pairs, 0x00f000f000f000f0, 4), 0x0000ff000000ff00, 8);
}

void count_pairs(const std::uint8_t* codes, std::uint32_t num_tiles, std::uint64_t* counts);
ChunkStreamEntry huffman_encode_chunk(const std::uint8_t* codes, std::uint32_t num_tiles,
                                      const HuffmanCode& code, std::uint8_t* stream);
bool huffman_decode_chunk(const std::uint8_t* stream, const ChunkStreamEntry& entry,
                          std::uint32_t num_tiles, const DecodeTable& table, std::uint8_t* codes);

}  // namespace unweight::codec::portable
