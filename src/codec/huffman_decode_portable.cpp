// SPDX-License-Identifier: BSD-3-Clause
//
// The Huffman stream in plain C++: a pair a table look-up, some lanes at a time.
#include <array>

#include "codec/tile_kernels_portable.h"

namespace unweight::codec::portable {
namespace {

using layout::kLanes;
using layout::kTileCodeSectionBytes;

/// Lanes decoded at the same time: a look-up of one fills the waits of the others.
constexpr std::uint32_t kGroupLanes = 4;

/// At least 57 bits from bit `position` on.
inline std::uint64_t bits_at(const std::uint8_t* stream, std::uint32_t position) {
  return load<std::uint64_t>(stream + position / 8) >> position % 8;
}

/// Decodes a tile of kGroupLanes lanes and moves their positions on. Reads less than 32 bytes from
/// each position on.
inline void decode_group(const std::uint8_t* stream, const DecodeTable& table,
                         std::uint32_t* positions, std::uint8_t* codes) {
  static_assert(kRegisters * kMaxCodeLength <= 57);
  std::uint32_t position[kGroupLanes];
  for (std::uint32_t k = 0; k < kGroupLanes; ++k) position[k] = positions[k];
  for (std::uint32_t step = 0; step < kSteps; ++step) {
    std::uint64_t bits[kGroupLanes];
    std::uint32_t pairs[kGroupLanes] = {};
    for (std::uint32_t k = 0; k < kGroupLanes; ++k) bits[k] = bits_at(stream, position[k]);
    for (std::uint32_t r = 0; r < kRegisters; ++r) {
      for (std::uint32_t k = 0; k < kGroupLanes; ++k) {
        const std::uint32_t entry = table[bits[k] % kDecodeTableSize];
        bits[k] >>= entry >> 8;
        position[k] += entry >> 8;
        pairs[k] = pairs[k] >> 8 | entry << 24;  // the length falls out at the top
      }
    }
    for (std::uint32_t k = 0; k < kGroupLanes; ++k) {
      store(codes + step_word_offset(k, step),
            static_cast<std::uint32_t>(words_of_pairs(pairs[k])));
    }
  }
  for (std::uint32_t k = 0; k < kGroupLanes; ++k) positions[k] = position[k];
}

}  // namespace

bool huffman_decode_chunk(const std::uint8_t* stream, const ChunkStreamEntry& entry,
                          std::uint32_t num_tiles, const DecodeTable& table, std::uint8_t* codes) {
  static_assert((kLanePairs * kMaxCodeLength + 7) / 8 + 8 <= kStreamTailBytes);
  std::array<std::uint32_t, kLanes> positions, ends;  // in bits
  for (std::uint32_t lane = 0, begin = 0; lane < kLanes; ++lane) {
    positions[lane] = begin;
    begin += entry.lane_bits(lane);
    ends[lane] = begin;
  }
  for (std::uint32_t tile = 0; tile < num_tiles; ++tile) {
    std::uint8_t* tile_codes = codes + std::size_t{tile} * kTileCodeSectionBytes;
    for (std::uint32_t lane = 0; lane < kLanes; lane += kGroupLanes) {
      decode_group(stream, table, &positions[lane], tile_codes + step_word_offset(lane, 0));
    }
    // Before the reads leave the stream's tail.
    for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
      if (positions[lane] > ends[lane]) return false;
    }
  }
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    if ((ends[lane] - positions[lane]) >> entry.length_shift() != 0) return false;
  }
  return true;
}

}  // namespace unweight::codec::portable
