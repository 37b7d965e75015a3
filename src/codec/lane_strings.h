// SPDX-License-Identifier: BSD-3-Clause
//
// The scalar ends of the vector kernels: where the bit strings of a chunk begin, and groups of
// codes put into strings. Not compiled for an instruction set, so kernels may call it and machines
// share it; plain arrays, so that kernels need nothing of the standard library.
#pragma once

#include <cstdint>

#include "codec/families_format.h"
#include "layout/tile_order.h"

namespace unweight::codec {

/// Bit offsets in a chunk's stream: lane l's string is [begin[l], end[l]).
struct LaneStrings {
  alignas(64) std::uint32_t begin[layout::kLanes];
  alignas(64) std::uint32_t end[layout::kLanes];
  std::uint32_t max_filling_bits;  ///< behind the codes of a string
};
LaneStrings lane_strings(const ChunkStreamEntry& entry);

/// Lanes whose code words fill 64 bytes of a code tile.
inline constexpr std::uint32_t kQuadLanes = 4;
inline constexpr std::uint32_t kQuads = layout::kLanes / kQuadLanes;

/// The codes of a chunk, put together to groups: a group is the 4 pairs of a lane and step, at most
/// 52 bits. Lane 4q+k has the groups of steps 0 and 1 of a tile at [q][tile][0][2k], those of steps
/// 2 and 3 at [q][tile][1][2k].
struct ChunkGroups {
  alignas(64) std::uint64_t bits[kQuads][layout::kChunkTiles][2][2 * kQuadLanes];
  std::uint8_t lengths[kQuads][layout::kChunkTiles][2][2 * kQuadLanes];
  std::uint32_t lane_bits[layout::kLanes];  ///< sums of a lane's lengths
};

/// Writes the stream of a chunk; see TileKernels::huffman_encode_chunk for `stream` and the result.
ChunkStreamEntry write_strings(const ChunkGroups& groups, std::uint32_t num_tiles,
                               std::uint8_t* stream);

}  // namespace unweight::codec
