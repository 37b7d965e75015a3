// SPDX-License-Identifier: BSD-3-Clause
//
// The inner loops of the codec, one table per instruction set. Everything above this table is
// orchestration and is the same on every machine; every table gives the same bytes (tested).
// Pure: pointers are valid, sizes are right, values may be anything. "Tile order" is
// layout/tile_order.h; byte tiles are 1024 bytes, code tiles 512.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu_features.h"
#include "codec/families_format.h"

namespace unweight::codec {

struct TileKernels {
  /// counts[e] += number of weights with exponent e, n weights in a row, any alignment.
  void (*count_exponents)(const std::uint16_t* weights, std::size_t n, std::uint64_t* counts);

  /// One full tile: 16 rows of 64 weights, row i at source + i * stride_elems, any alignment.
  /// Writes the byte tiles sign_mantissa and exponents.
  void (*split_tile)(const std::uint16_t* source, std::size_t stride_elems,
                     std::uint8_t* sign_mantissa, std::uint8_t* exponents);

  /// Inverse of split_tile.
  void (*join_tile)(const std::uint8_t* sign_mantissa, const std::uint8_t* exponents,
                    std::uint16_t* destination, std::size_t stride_elems);

  /// join_tile with exponents = palette[code]: the code tile straight to weights.
  void (*join_palette_tile)(const std::uint8_t* sign_mantissa, const std::uint8_t* codes,
                            const std::uint8_t* palette, std::uint16_t* destination,
                            std::size_t stride_elems);

  /// Byte tile of exponents -> code tile through code_of[256]. Weights outside the palette
  /// (kNotInPalette) get `outside_code`. verbatim_lanes[s] = lanes whose row s has such a weight.
  void (*pack_codes)(const std::uint8_t* exponents, const std::uint8_t* code_of,
                     std::uint8_t outside_code, std::uint8_t* codes,
                     std::uint32_t* verbatim_lanes /*[4]*/);

  /// counts[pair] += occurrences of each pair in num_tiles code tiles.
  void (*count_pairs)(const std::uint8_t* codes, std::uint32_t num_tiles, std::uint64_t* counts);

  /// Code tiles of one chunk -> its stream. `stream` has room for kMaxChunkStreamBytes +
  /// kStreamTailBytes bytes (what lies behind the stream may be overwritten). Every pair that
  /// occurs has a code. Returns the entry with stream_offset 0; the length is
  /// chunk_stream_bytes(entry).
  ChunkStreamEntry (*huffman_encode_chunk)(const std::uint8_t* codes, std::uint32_t num_tiles,
                                           const HuffmanCode& code, std::uint8_t* stream);

  /// Inverse: decodes num_tiles code tiles of the chunk whose stream begins at `stream`. Never
  /// reads outside [stream, stream + chunk_stream_bytes(entry) + kStreamTailBytes), whatever the
  /// content (the tail need not be zero). True iff every lane's codes end at the end of its string,
  /// with fewer than 2^length_shift filling bits left; otherwise `codes` holds garbage.
  bool (*huffman_decode_chunk)(const std::uint8_t* stream, const ChunkStreamEntry& entry,
                               std::uint32_t num_tiles, const DecodeTable& table,
                               std::uint8_t* codes);
};

/// Table of an instruction set that this machine has (anything above detected_isa() gives the best
/// that it has).
[[nodiscard]] const TileKernels& tile_kernels(Isa isa);
[[nodiscard]] inline const TileKernels& tile_kernels() {
  return tile_kernels(active_isa());
}

}  // namespace unweight::codec
