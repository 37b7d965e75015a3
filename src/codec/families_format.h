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
// A row is the 8 weights i = 8*s .. 8*s+7 that one lane feeds to one k16 step. A row with any
// exponent outside the palette is verbatim: its 8 exponent bytes, in order, are stored besides. In
// codes and stream a weight outside the palette has the padding code, so that no decoder branches
// per weight; whoever decodes overwrites the verbatim rows afterwards.
inline constexpr std::uint32_t kVerbatimRowBytes = layout::kRowElems;

/// One per chunk: its verbatim rows are first_verbatim_row .. (the next chunk's first) - 1.
struct VerbatimIndexEntry {
  std::uint32_t first_verbatim_row;
  std::uint32_t tile_mask;  ///< bit i: tile i of the chunk has verbatim rows
};
static_assert(sizeof(VerbatimIndexEntry) == 8);

/// One per verbatim row, strictly ascending inside a chunk.
///   bits 0..4 lane | 5..6 step s | 7..11 tile of the chunk | 12..15 zero
using VerbatimPosition = std::uint16_t;
UNWEIGHT_HOST_DEVICE constexpr VerbatimPosition pack_verbatim_position(std::uint32_t tile,
                                                                       std::uint32_t step,
                                                                       std::uint32_t lane) {
  return static_cast<VerbatimPosition>(tile << 7 | step << 5 | lane);
}
UNWEIGHT_HOST_DEVICE constexpr std::uint32_t verbatim_tile(VerbatimPosition p) {
  return p >> 7;
}
UNWEIGHT_HOST_DEVICE constexpr std::uint32_t verbatim_step(VerbatimPosition p) {
  return p >> 5 & 3;
}
UNWEIGHT_HOST_DEVICE constexpr std::uint32_t verbatim_lane(VerbatimPosition p) {
  return p & 31;
}

// ---- Huffman stream -----------------------------------------------------------------------------
// A symbol is a *pair*: the two codes of one register, low weight's code in bits 0..3, high
// weight's in bits 4..7. Coding pairs halves what whole-bit code lengths waste, and halves the
// steps of a decoder.
//
// A chunk's stream is 32 bit strings, one per lane, back to back without padding between them, and
// zero bits up to the next byte. Bits fill bytes from bit 0 (LSB first). Lane l's string is the
// codes of its 16 pairs of each tile (i = 0,2,..,30), tile after tile. So every lane decodes alone,
// knowing only where its string begins:
//
//   |<- lane 0 ->|<- lane 1 ->| ... |<- lane 31 ->|0..7 zero bits|  next chunk
//
// String lengths are stored as a minimum and 32 deltas. A delta counts 2^length_shift bits (nearly
// always 1 bit); a string whose code bits are fewer is filled up with zero bits.
inline constexpr std::uint32_t kMaxCodeLength = 13;
inline constexpr std::uint32_t kNumPairs = kPaletteSize * kPaletteSize;  // 256 symbols
inline constexpr std::uint32_t kLanePairs = layout::kLaneElems / 2;      // 16 a tile
/// Zero bytes behind the last chunk's stream, so that wide loads stay inside the section.
inline constexpr std::uint32_t kStreamTailBytes = 64;
inline constexpr std::uint32_t kDecodeTableSize = 1u << kMaxCodeLength;

/// One per chunk, Huffman only.
///   packed:  bits 0..47 stream offset in bytes | 48..60 minimum lane bits | 61..63 length shift
struct ChunkStreamEntry {
  std::uint64_t packed;
  std::array<std::uint8_t, layout::kLanes> lane_delta;

  UNWEIGHT_HOST_DEVICE constexpr std::uint64_t stream_offset() const {
    return packed & ((std::uint64_t{1} << 48) - 1);
  }
  UNWEIGHT_HOST_DEVICE constexpr std::uint32_t min_lane_bits() const {
    return static_cast<std::uint32_t>(packed >> 48 & 0x1fff);
  }
  UNWEIGHT_HOST_DEVICE constexpr std::uint32_t length_shift() const {
    return static_cast<std::uint32_t>(packed >> 61);
  }
  /// Bits of lane l's string, filling included.
  UNWEIGHT_HOST_DEVICE constexpr std::uint32_t lane_bits(std::uint32_t lane) const {
    return min_lane_bits() + (std::uint32_t{lane_delta[lane]} << length_shift());
  }
};
static_assert(sizeof(ChunkStreamEntry) == 40);
UNWEIGHT_HOST_DEVICE constexpr std::uint64_t pack_stream_entry(std::uint64_t stream_offset,
                                                               std::uint32_t min_lane_bits,
                                                               std::uint32_t length_shift) {
  return stream_offset | std::uint64_t{min_lane_bits} << 48 | std::uint64_t{length_shift} << 61;
}
/// Most code bits of a lane in a chunk (32 tiles of 16 pairs of 13 bits), and most with filling.
inline constexpr std::uint32_t kMaxLaneCodeBits =
    layout::kChunkTiles * kLanePairs * kMaxCodeLength;  // 6656
inline constexpr std::uint32_t kMaxLaneBits = kMaxLaneCodeBits + 31;
inline constexpr std::uint32_t kMaxChunkStreamBytes = layout::kLanes * kMaxLaneBits / 8 + 1;

/// Lengths of one chunk -> entry with stream_offset 0: the minimum, the smallest shift for which
/// every delta fits in 8 bits, deltas rounded up. Encoder's rule on CPU and GPU.
ChunkStreamEntry make_stream_entry(const std::array<std::uint32_t, layout::kLanes>& code_bits);
/// Bytes of a chunk's stream: ceil(sum of lane_bits / 8).
std::uint32_t chunk_stream_bytes(const ChunkStreamEntry& entry);

/// Occurrences of each pair over the whole padded matrix; what the code is built from.
using PairCounts = std::array<std::uint64_t, kNumPairs>;
/// Bits per pair, 0 = the pair does not occur. One pair alone has length 0 and costs nothing:
/// max_length is then 0, every lane's string and the stream are empty.
using CodeLengths = std::array<std::uint8_t, kNumPairs>;

struct HuffmanCode {
  std::array<std::uint16_t, kNumPairs> bits{};  ///< code, first bit in bit 0 (LSB first)
  CodeLengths lengths{};
  std::uint8_t max_length = 0;
  std::uint8_t single_symbol = 0;  ///< max_length == 0: the pair that is everywhere; else 0
};
/// Entry for the next 13 bits: pair in bits 0..7, length (0..13) in bits 8..11.
using DecodeTable = std::array<std::uint16_t, kDecodeTableSize>;

/// Optimal lengths <= kMaxCodeLength by package-merge (Larmore & Hirschberg 1990). Ties: of equal
/// weight a single symbol goes before a package, a lower symbol before a higher one; so CPU and GPU
/// agree to the byte. Counts of 0 get no code.
CodeLengths build_code_lengths(const PairCounts& counts);

/// Canonical code of given lengths: codes ascend by (length, pair), as in DEFLATE (RFC
/// 1951, 3.2.2), then each is bit-reversed. False unless the lengths form a complete code (Kraft
/// sum exactly 1, no length above kMaxCodeLength), or all are 0 (one symbol, given by
/// single_symbol).
bool build_canonical_code(const CodeLengths& lengths, std::uint8_t single_symbol,
                          HuffmanCode& code);

/// All 2^13 entries; codes shorter than 13 bits fill every entry they prefix. With max_length 0,
/// every entry is {single_symbol, length 0}.
DecodeTable build_decode_table(const HuffmanCode& code);

}  // namespace unweight::codec
