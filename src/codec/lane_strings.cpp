// SPDX-License-Identifier: BSD-3-Clause
#include "codec/lane_strings.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace unweight::codec {
namespace {

/// Appends bits to a stream. Every append writes eight bytes, without branches.
class BitWriter {
 public:
  explicit BitWriter(std::uint8_t* to) : next_(to) {}

  /// length <= 64; no bits of `bits` at or above it.
  void append(std::uint64_t bits, std::uint32_t length) {
    const std::uint64_t word = pending_ | bits << count_;
    const std::uint64_t carry = bits >> 1 >> (~count_ & 63);
    std::memcpy(next_, &word, sizeof word);
    count_ += length;
    // As arithmetic: whether a word gets full is hard to predict.
    const std::uint32_t full = count_ / 64;
    pending_ = word ^ ((word ^ carry) & (0 - std::uint64_t{full}));
    next_ += full * sizeof word;
    count_ %= 64;
  }

 private:
  std::uint8_t* next_;
  std::uint64_t pending_ = 0;  ///< the bits that are not yet a full word
  std::uint32_t count_ = 0;    ///< how many, 0..63
};

}  // namespace

LaneStrings lane_strings(const ChunkStreamEntry& entry) {
  LaneStrings strings;
  std::uint32_t bit = 0;
  for (std::uint32_t lane = 0; lane < layout::kLanes; ++lane) {
    strings.begin[lane] = bit;
    bit += entry.lane_bits(lane);
    strings.end[lane] = bit;
  }
  strings.max_filling_bits = (1u << entry.length_shift()) - 1;
  return strings;
}

ChunkStreamEntry write_strings(const ChunkGroups& groups, std::uint32_t num_tiles,
                               std::uint8_t* stream) {
  std::array<std::uint32_t, layout::kLanes> code_bits{};
  std::copy_n(groups.lane_bits, layout::kLanes, code_bits.begin());
  const ChunkStreamEntry entry = make_stream_entry(code_bits);
  BitWriter writer(stream);
  for (std::uint32_t lane = 0; lane < layout::kLanes; ++lane) {
    const std::uint32_t quad = lane / kQuadLanes, first = 2 * (lane % kQuadLanes);
    for (std::uint32_t tile = 0; tile < num_tiles; ++tile) {
      for (std::uint32_t step = 0; step < layout::kSteps; ++step) {
        const std::uint32_t half = step / 2, at = first + step % 2;
        writer.append(groups.bits[quad][tile][half][at], groups.lengths[quad][tile][half][at]);
      }
    }
    writer.append(0, entry.lane_bits(lane) - code_bits[lane]);  // filling: less than 64 bits
  }
  return entry;
}

}  // namespace unweight::codec
