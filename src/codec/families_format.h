// SPDX-License-Identifier: BSD-3-Clause
//
// What encoders and decoders of the palette and Huffman families share, and all they share: the
// constants, the records and the code construction. Encode and decode never include each other.
// docs/format/packed-tensor.md is the specification. Host and device code.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "layout/tile_order.h"

namespace unweight::codec {

// ---- BF16 -------------------------------------------------------------------------------------
//   bit  15   14        7 6         0        sign_mantissa byte:  7    6         0
//      | sign | exponent | mantissa |                          | sign | mantissa |
UNWEIGHT_HOST_DEVICE constexpr std::uint8_t exponent_of(std::uint16_t w) {
  return static_cast<std::uint8_t>(w >> 7);
}
UNWEIGHT_HOST_DEVICE constexpr std::uint8_t sign_mantissa_of(std::uint16_t w) {
  return static_cast<std::uint8_t>((w >> 8 & 0x80) | (w & 0x7f));
}
UNWEIGHT_HOST_DEVICE constexpr std::uint16_t join_weight(std::uint8_t exponent,
                                                         std::uint8_t sign_mantissa) {
  return static_cast<std::uint16_t>((sign_mantissa & 0x80) << 8 | exponent << 7 |
                                    (sign_mantissa & 0x7f));
}

// ---- Palette ----------------------------------------------------------------------------------
inline constexpr std::uint32_t kPaletteSize = 16;
/// Strictly ascending exponents; the 4-bit code is the index.
using Palette = std::array<std::uint8_t, kPaletteSize>;
inline constexpr std::uint8_t kNotInPalette = 0xff;

// ---- Verbatim rows ------------------------------------------------------------------------------
// A row (32 weights of one lane in one tile) with any exponent outside the palette is stored as its
// 32 exponent bytes, i = 0..31 in order, and takes no bits of the stream; its palette codes are 0.
inline constexpr std::uint32_t kVerbatimRowBytes = layout::kRowElems;

/// One per chunk.
struct VerbatimIndexEntry {
  std::uint32_t tile_mask;            ///< bit i: tile i of the chunk has verbatim rows
  std::uint32_t first_verbatim_tile;  ///< index of its first VerbatimTile
};
/// One per tile that has verbatim rows, in tile order.
struct VerbatimTile {
  std::uint32_t lane_mask;           ///< bit l: lane l's row is verbatim; never 0
  std::uint32_t first_verbatim_row;  ///< of its first; lane l's is that + popcount of bits below l
};
static_assert(sizeof(VerbatimIndexEntry) == 8 && sizeof(VerbatimTile) == 8);

// ---- Huffman stream -----------------------------------------------------------------------------
// 32 lanes, each with its own bit string (LSB first) of the chunk's tiles in order, rows that are
// verbatim left out. The strings are cut into 16-bit words and interleaved in the order in which
// lock-step decoders ask for them. Decoder state per lane: `bits` (32-bit buffer), `count`.
//
//   for each tile, for each pair of weights i = 0,2,..,30:
//     for each lane in order 0..31 whose row in this tile is coded and whose
//         count < kSymbolsPerRefill * max_code_length:
//       bits |= next_word() << count;  count += 16
//     every such coded lane decodes two codes, at most 8 bits each
//
// count never exceeds 31. Verbatim lanes neither refill nor decode in that tile. The words left in
// a lane after its last code are zero bits. A chunk's stream has no other padding.
inline constexpr std::uint32_t kMaxCodeLength = 8;
inline constexpr std::uint32_t kStreamWordBits = 16;
inline constexpr std::uint32_t kSymbolsPerRefill = 2;
/// Zero words behind the last chunk's words, so that wide loads stay inside the section.
inline constexpr std::uint32_t kStreamTailWords = 32;
inline constexpr std::uint32_t kDecodeTableSize = 1u << kMaxCodeLength;
static_assert(kMaxCodeLength * kSymbolsPerRefill <= kStreamWordBits);

/// Bits per palette code, 0 = the code does not occur. One symbol alone has length 0 and costs
/// nothing: max_code_length is then 0 and the stream is empty.
using CodeLengths = std::array<std::uint8_t, kPaletteSize>;

struct HuffmanCode {
  std::array<std::uint8_t, kPaletteSize> bits{};  ///< code, first bit in bit 0 (LSB first)
  CodeLengths lengths{};
  std::uint8_t max_length = 0;
};
/// Entry for the next 8 bits: low nibble palette code, high nibble length (0..8).
using DecodeTable = std::array<std::uint8_t, kDecodeTableSize>;

/// Optimal lengths <= kMaxCodeLength by package-merge (Larmore & Hirschberg 1990). Ties: of equal
/// weight a single symbol goes before a package, a lower symbol before a higher one; so CPU and GPU
/// agree to the byte. Counts of 0 get no code.
CodeLengths build_code_lengths(const std::array<std::uint64_t, kPaletteSize>& counts);

/// Canonical code of given lengths: codes ascend by (length, palette code), as in DEFLATE
/// (RFC 1951, 3.2.2), then each is bit-reversed. False unless the lengths form a complete code
/// (Kraft sum exactly 1), or all are 0 (one symbol).
bool build_canonical_code(const CodeLengths& lengths, HuffmanCode& code);

/// All 2^8 entries; codes shorter than 8 bits fill every entry they prefix. With max_length 0,
/// every entry is {single_symbol, length 0}.
DecodeTable build_decode_table(const HuffmanCode& code, std::uint8_t single_symbol);

}  // namespace unweight::codec
