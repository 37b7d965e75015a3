// SPDX-License-Identifier: BSD-3-Clause
//
// The lengths of a chunk's 32 bit strings, as the section chunk_streams has them.
#include <algorithm>

#include "codec/families_format.h"

namespace unweight::codec {
namespace {

constexpr std::uint32_t kMaxDelta = 255;

constexpr std::uint32_t round_up_delta(std::uint32_t bits, std::uint32_t shift) {
  return (bits + (1u << shift) - 1) >> shift;
}

}  // namespace

ChunkStreamEntry make_stream_entry(const std::array<std::uint32_t, layout::kLanes>& code_bits) {
  const auto [shortest, longest] = std::minmax_element(code_bits.begin(), code_bits.end());
  const std::uint32_t min_bits = *shortest, max_bits = *longest;
  std::uint32_t shift = 0;
  while (round_up_delta(max_bits - min_bits, shift) > kMaxDelta) ++shift;
  ChunkStreamEntry entry{pack_stream_entry(0, min_bits, shift), {}};
  for (std::uint32_t lane = 0; lane < layout::kLanes; ++lane) {
    entry.lane_delta[lane] =
        static_cast<std::uint8_t>(round_up_delta(code_bits[lane] - min_bits, shift));
  }
  return entry;
}

std::uint32_t chunk_stream_bytes(const ChunkStreamEntry& entry) {
  std::uint32_t deltas = 0;
  for (const std::uint8_t delta : entry.lane_delta) deltas += delta;
  return (layout::kLanes * entry.min_lane_bits() + (deltas << entry.length_shift()) + 7) / 8;
}

}  // namespace unweight::codec
