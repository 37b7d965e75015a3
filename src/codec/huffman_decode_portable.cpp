// SPDX-License-Identifier: BSD-3-Clause
//
// The interleaved Huffman stream in plain C++: the lanes in lock step, without branches.
#include <algorithm>
#include <array>

#include "codec/tile_kernels_portable.h"

namespace unweight::codec::portable {
namespace {

using layout::kLanes;
using layout::kTileCodeSectionBytes;

/// What the decoder knows of one lane.
struct LaneDecoder {
  std::uint32_t bits = 0;
  std::uint32_t count = 0;
};

struct StreamWords {
  const std::uint16_t* words;
  std::size_t num_words;
  std::size_t next = 0;
};

/// The decode table once more, with the length where a shift takes it without a mask and the
/// palette code where it enters a code word:   15   12 11    5 4      0
///                                     | code |   0   | length |
using ShiftTable = std::array<std::uint16_t, kDecodeTableSize>;
constexpr std::uint32_t kEntryCodeMask = 0xf000;
constexpr std::uint32_t kEntryLengthMask = 0x1f;

ShiftTable build_shift_table(const DecodeTable& table) {
  ShiftTable entries;
  std::transform(table.begin(), table.end(), entries.begin(), [](std::uint8_t entry) {
    return static_cast<std::uint16_t>((entry & kCodeMask) << 12 | entry >> 4);
  });
  return entries;
}

/// One pair of one lane: its codes as register 3 of a code word has them. Moves `next` on when the
/// lane takes a word. kAllWordsExist: the caller knows that it is inside the stream.
template <bool kAllWordsExist>
inline std::uint32_t decode_pair(LaneDecoder& lane, const StreamWords& stream, std::size_t& next,
                                 const ShiftTable& table, std::uint32_t threshold) {
  const std::uint32_t refill = lane.count < threshold ? 1 : 0;
  const std::size_t at = kAllWordsExist ? next : std::min(next, stream.num_words);
  const std::uint32_t exists = kAllWordsExist || next < stream.num_words ? 1 : 0;
  const std::uint32_t word = stream.words[at] & (0 - (refill & exists));
  next += refill;

  std::uint32_t bits = lane.bits | word << lane.count;
  const std::uint32_t low = table[bits & 0xff];
  bits >>= low & kEntryLengthMask;
  const std::uint32_t high = table[bits & 0xff];
  lane.bits = bits >> (high & kEntryLengthMask);
  lane.count += kStreamWordBits * refill - ((low + high) & kEntryLengthMask);
  return (low & kEntryCodeMask) | (high & kEntryCodeMask) << 16;
}

template <bool kAllWordsExist>
void decode_tile(const CodedLanes& coded, std::array<LaneDecoder, kLanes>& decoders,
                 StreamWords& stream, const ShiftTable& table, std::uint32_t threshold,
                 std::uint8_t* codes) {
  std::size_t next = stream.next;  // in a register: every lane waits for the one before
  const std::uint32_t num_coded = coded.count;
  for (std::uint32_t step = 0; step < kSteps; ++step) {
    std::array<std::uint32_t, kLanes> step_words{};
    for (std::uint32_t r = 0; r < kRegisters; ++r) {
      for (std::uint32_t k = 0; k < num_coded; ++k) {
        const std::uint32_t pair =
            decode_pair<kAllWordsExist>(decoders[coded.lanes[k]], stream, next, table, threshold);
        step_words[k] = step_words[k] >> 4 | pair;  // registers 0..2 move down to their places
      }
    }
    for (std::uint32_t k = 0; k < num_coded; ++k) {
      store(codes + step_word_offset(coded.lanes[k], step), step_words[k]);
    }
  }
  stream.next = next;
}

/// No tile asks for more words than this.
constexpr std::size_t kMaxTileWords = layout::kTileElems * kMaxCodeLength / kStreamWordBits;

}  // namespace

bool huffman_decode_chunk(const std::uint16_t* words, std::size_t num_words,
                          const std::uint32_t* lane_masks, std::uint32_t num_tiles,
                          const DecodeTable& table, std::uint32_t max_code_length,
                          std::uint8_t* codes) {
  const std::uint32_t threshold = kSymbolsPerRefill * max_code_length;
  const ShiftTable shift_table = build_shift_table(table);
  std::array<LaneDecoder, kLanes> decoders{};
  StreamWords stream{words, num_words};
  for (std::uint32_t tile = 0; tile < num_tiles; ++tile) {
    std::uint8_t* tile_codes = codes + std::size_t{tile} * kTileCodeSectionBytes;
    const CodedLanes coded(lane_masks[tile]);
    if (coded.count < kLanes) std::memset(tile_codes, 0, kTileCodeSectionBytes);
    const bool all_exist = num_words > kMaxTileWords && stream.next < num_words - kMaxTileWords;
    const auto decode = all_exist ? decode_tile<true> : decode_tile<false>;
    decode(coded, decoders, stream, shift_table, threshold, tile_codes);
  }
  return stream.next == num_words;
}

}  // namespace unweight::codec::portable
