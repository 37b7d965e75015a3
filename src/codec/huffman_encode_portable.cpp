// SPDX-License-Identifier: BSD-3-Clause
//
// The interleaved Huffman stream in plain C++: the lanes in lock step, as a decoder would ask.
#include <array>

#include "codec/tile_kernels_portable.h"

namespace unweight::codec::portable {
namespace {

using layout::kLanes;
using layout::kTileCodeSectionBytes;

/// What the encoder knows of one lane. The decoder asks for word k before the encoder can know all
/// of its bits, so a place in the stream is reserved then and filled in later. At most two places
/// are open at a time: words `filled` (being filled) and `filled + 1`.
struct LaneEncoder {
  std::uint32_t bits = 0;               // of word `filled`, not complete yet
  std::uint32_t num_bits = 0;           // 0..15 between pairs
  std::uint32_t decoder_count = 0;      // the decoder's `count`
  std::uint32_t reserved = 0;           // words the decoder has asked for
  std::uint32_t filled = 0;             // words complete
  std::array<std::size_t, 3> places{};  // of words k % 2; [2] takes reservations that are none
};

/// Code bits of two weights, the first one's in front, by code0 | code1 << 4.
struct PairCode {
  std::uint16_t bits;
  std::uint16_t length;
};
using PairCodes = std::array<PairCode, 256>;

PairCodes build_pair_codes(const HuffmanCode& code) {
  PairCodes pairs{};
  for (std::uint32_t pair = 0; pair < pairs.size(); ++pair) {
    const std::uint32_t first = pair & kCodeMask, second = pair >> 4;
    pairs[pair].bits =
        static_cast<std::uint16_t>(code.bits[first] | code.bits[second] << code.lengths[first]);
    pairs[pair].length = static_cast<std::uint16_t>(code.lengths[first] + code.lengths[second]);
  }
  return pairs;
}

/// One lane's turn: reserves a word if the decoder would ask for one here, appends one pair.
inline std::size_t encode_pair(LaneEncoder& lane, PairCode pair, std::uint32_t threshold,
                               std::uint16_t* words, std::size_t next) {
  const std::uint32_t refill = lane.decoder_count < threshold ? 1 : 0;
  lane.places[refill != 0 ? lane.reserved & 1 : 2] = next;
  words[next] = 0;
  next += refill;
  lane.reserved += refill;
  lane.decoder_count += kStreamWordBits * refill - pair.length;

  lane.bits |= static_cast<std::uint32_t>(pair.bits) << lane.num_bits;
  lane.num_bits += pair.length;
  words[lane.places[lane.filled & 1]] = static_cast<std::uint16_t>(lane.bits);
  const std::uint32_t complete = lane.num_bits / kStreamWordBits;
  lane.filled += complete;
  lane.bits >>= complete * kStreamWordBits;
  lane.num_bits %= kStreamWordBits;
  return next;
}

}  // namespace

std::size_t huffman_encode_chunk(const std::uint8_t* codes, const std::uint32_t* lane_masks,
                                 std::uint32_t num_tiles, const HuffmanCode& code,
                                 std::uint16_t* words) {
  if (code.max_length == 0) return 0;
  const PairCodes pair_codes = build_pair_codes(code);
  const std::uint32_t threshold = kSymbolsPerRefill * code.max_length;
  std::array<LaneEncoder, kLanes> encoders{};
  std::size_t next = 0;
  for (std::uint32_t tile = 0; tile < num_tiles; ++tile) {
    const std::uint8_t* tile_codes = codes + std::size_t{tile} * kTileCodeSectionBytes;
    const CodedLanes coded(lane_masks[tile]);
    for (std::uint32_t step = 0; step < kSteps; ++step) {
      for (std::uint32_t r = 0; r < kRegisters; ++r) {
        for (std::uint32_t k = 0; k < coded.count; ++k) {
          const std::uint32_t lane = coded.lanes[k];
          const auto word = load<std::uint32_t>(tile_codes + step_word_offset(lane, step));
          const std::uint32_t pair = (word >> 4 * r & kCodeMask) | (word >> (12 + 4 * r) & 0xf0);
          next = encode_pair(encoders[lane], pair_codes[pair], threshold, words, next);
        }
      }
    }
  }
  for (const LaneEncoder& lane : encoders) {
    if (lane.num_bits > 0)
      words[lane.places[lane.filled & 1]] = static_cast<std::uint16_t>(lane.bits);
  }
  return next;
}

}  // namespace unweight::codec::portable
