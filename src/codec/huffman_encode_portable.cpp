// SPDX-License-Identifier: BSD-3-Clause
//
// Code tiles -> Huffman stream in plain C++: every lane's string in a place of its own until all
// lengths are known, then the strings back to back.
#include <array>

#include "codec/tile_kernels_portable.h"

namespace unweight::codec::portable {
namespace {

using layout::kLanes;
using layout::kTileCodeSectionBytes;

/// By pair:  31     16 15    0
///          |  length |  bits |
using PairCodes = std::array<std::uint32_t, kNumPairs>;

PairCodes build_pair_codes(const HuffmanCode& code) {
  PairCodes pairs;
  for (std::uint32_t pair = 0; pair < kNumPairs; ++pair) {
    pairs[pair] = std::uint32_t{code.lengths[pair]} << 16 | code.bits[pair];
  }
  return pairs;
}

/// One lane's string while it grows.
struct LaneString {
  std::array<std::uint8_t, kMaxLaneBits / 8 + sizeof(std::uint64_t)> bytes;
  std::uint32_t num_bits = 0;
  std::uint64_t pending = 0;  ///< the bits of byte num_bits / 8

  /// At most 56 bits; what lies above them is 0.
  void append(std::uint64_t bits, std::uint32_t length) {
    pending |= bits << num_bits % 8;
    store(bytes.data() + num_bits / 8, pending);
    pending >>= (num_bits % 8 + length) & ~7u;
    num_bits += length;
  }
  /// Makes the next 56 bits zeros: filling.
  void finish() { store(bytes.data() + num_bits / 8, pending); }
};

struct Bits {
  std::uint64_t bits;
  std::uint32_t length;
};
inline Bits in_sequence(Bits first, Bits second) {
  return {first.bits | second.bits << first.length, first.length + second.length};
}

/// Appends the four pairs of one lane and step.
inline void append_step(LaneString& string, std::uint32_t pairs, const PairCodes& pair_codes) {
  static_assert(kRegisters * kMaxCodeLength <= 56);
  const auto code_of = [&](std::uint32_t r) -> Bits {
    const std::uint32_t code = pair_codes[pairs >> 8 * r & 0xff];
    return {code & 0xffff, code >> 16};
  };
  const Bits step =
      in_sequence(in_sequence(code_of(0), code_of(1)), in_sequence(code_of(2), code_of(3)));
  string.append(step.bits, step.length);
}

/// Puts strings back to back. Stores 8 bytes at a time.
class StreamWriter {
 public:
  explicit StreamWriter(std::uint8_t* to) : to_(to) {}

  void append(const std::uint8_t* from, std::uint32_t num_bits) {
    for (; num_bits >= 64; num_bits -= 64, from += 8) {
      const auto word = load<std::uint64_t>(from);
      store(to_, pending_ | word << count_);
      to_ += 8;
      pending_ = word >> 1 >> (63 - count_);
    }
    const std::uint64_t last = load<std::uint64_t>(from) & ((std::uint64_t{1} << num_bits) - 1);
    store(to_, pending_ | last << count_);
    if (count_ + num_bits >= 64) {
      to_ += 8;
      pending_ = last >> 1 >> (63 - count_);
    } else {
      pending_ |= last << count_;
    }
    count_ = (count_ + num_bits) % 64;
  }
  /// The bits of the last bytes: up to 7 zero bytes follow the stream's last.
  void finish() { store(to_, pending_); }

 private:
  std::uint8_t* to_;
  std::uint64_t pending_ = 0;
  std::uint32_t count_ = 0;  ///< bits in pending_
};

}  // namespace

ChunkStreamEntry huffman_encode_chunk(const std::uint8_t* codes, std::uint32_t num_tiles,
                                      const HuffmanCode& code, std::uint8_t* stream) {
  const PairCodes pair_codes = build_pair_codes(code);
  std::array<LaneString, kLanes> strings;
  // Lane after lane inside a tile: they do not wait for each other.
  for (std::uint32_t tile = 0; tile < num_tiles; ++tile) {
    const std::uint8_t* tile_codes = codes + std::size_t{tile} * kTileCodeSectionBytes;
    for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
      for (std::uint32_t step = 0; step < kSteps; step += 2) {
        const std::uint64_t pairs =
            pairs_of_words(load<std::uint64_t>(tile_codes + step_word_offset(lane, step)));
        append_step(strings[lane], static_cast<std::uint32_t>(pairs), pair_codes);
        append_step(strings[lane], static_cast<std::uint32_t>(pairs >> 32), pair_codes);
      }
    }
  }
  std::array<std::uint32_t, kLanes> code_bits;
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) code_bits[lane] = strings[lane].num_bits;
  const ChunkStreamEntry entry = make_stream_entry(code_bits);
  StreamWriter writer(stream);
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    strings[lane].finish();
    writer.append(strings[lane].bytes.data(), entry.lane_bits(lane));
  }
  writer.finish();
  return entry;
}

}  // namespace unweight::codec::portable
