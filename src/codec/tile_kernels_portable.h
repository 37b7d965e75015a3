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

inline constexpr std::uint32_t kSteps = 4;      // k16 steps of a tile
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

/// The lanes of a tile that are coded, in order.
struct CodedLanes {
  std::array<std::uint8_t, layout::kLanes> lanes{};
  std::uint32_t count = 0;

  explicit CodedLanes(std::uint32_t verbatim_mask) {
    for (std::uint32_t coded = ~verbatim_mask; coded != 0; coded &= coded - 1) {
      lanes[count++] = static_cast<std::uint8_t>(std::countr_zero(coded));
    }
  }
};

std::size_t huffman_encode_chunk(const std::uint8_t* codes, const std::uint32_t* lane_masks,
                                 std::uint32_t num_tiles, const HuffmanCode& code,
                                 std::uint16_t* words);
bool huffman_decode_chunk(const std::uint16_t* words, std::size_t num_words,
                          const std::uint32_t* lane_masks, std::uint32_t num_tiles,
                          const DecodeTable& table, std::uint32_t max_code_length,
                          std::uint8_t* codes);

}  // namespace unweight::codec::portable
