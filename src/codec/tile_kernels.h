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

  /// Byte tile of exponents -> code tile through code_of[256] (kNotInPalette = outside). Returns
  /// the lane mask of verbatim rows; their codes are 0.
  std::uint32_t (*pack_codes)(const std::uint8_t* exponents, const std::uint8_t* code_of,
                              std::uint8_t* codes);

  /// Verbatim lane mask only (for analysis): what pack_codes would return.
  std::uint32_t (*verbatim_lanes)(const std::uint8_t* exponents, const std::uint8_t* code_of);

  /// Code tiles of one chunk -> its interleaved stream. lane_masks[t] = verbatim lanes of tile t.
  /// `words` has room for num_tiles * kTileElems / 2 + 64 words. Returns the number of words.
  std::size_t (*huffman_encode_chunk)(const std::uint8_t* codes, const std::uint32_t* lane_masks,
                                      std::uint32_t num_tiles, const HuffmanCode& code,
                                      std::uint16_t* words);

  /// Inverse: decodes num_tiles code tiles. Never reads outside
  /// [words, words + num_words + kStreamTailWords), whatever the content (the tail need not be
  /// zero); a stream that asks for more words than it has reads zeros. Returns true iff exactly
  /// num_words were consumed.
  bool (*huffman_decode_chunk)(const std::uint16_t* words, std::size_t num_words,
                               const std::uint32_t* lane_masks, std::uint32_t num_tiles,
                               const DecodeTable& table, std::uint32_t max_code_length,
                               std::uint8_t* codes);
};

/// Table of an instruction set that this machine has (anything above detected_isa() gives the best
/// that it has).
[[nodiscard]] const TileKernels& tile_kernels(Isa isa);
[[nodiscard]] inline const TileKernels& tile_kernels() {
  return tile_kernels(active_isa());
}

}  // namespace unweight::codec
