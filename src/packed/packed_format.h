// SPDX-License-Identifier: BSD-3-Clause
//
// A packed tensor: one blob, one header, seven sections. Little-endian. Every offset is relative to
// the blob's first byte and a multiple of 256, so that a mapped section can be copied to the GPU as
// it is. docs/format/packed-tensor.md is the specification.
//
//   | header 512 | chunk_streams | verbatim_index | verbatim_positions | verbatim_rows |
//   | sign_mantissa | codes (palette, radix) | stream (Huffman) |
//
// in this order, each at the next multiple of 256; gaps are zero.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace unweight::packed {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

inline constexpr std::array<char, 8> kMagic = {'U', 'N', 'W', 'E', 'I', 'G', 'H', 'T'};
inline constexpr std::uint16_t kFormatVersion = 1;
inline constexpr std::size_t kAlignment = 256;
inline constexpr std::uint8_t kDtypeBf16 = 1;

enum class SectionId : std::uint8_t {
  kChunkStreams = 0,       ///< Huffman: num_chunks x ChunkStreamEntry (40 bytes)
  kVerbatimIndex = 1,      ///< num_chunks x VerbatimIndexEntry (8 bytes)
  kVerbatimPositions = 2,  ///< num_verbatim_rows x VerbatimPosition, radix: EscapePosition (u16)
  kVerbatimRows = 3,       ///< num_verbatim_rows x 8 exponent bytes; radix: 1
  kSignMantissa = 4,       ///< num_tiles x 1024 bytes, byte section of the tile order
  kCodes = 5,              ///< palette: num_tiles x 512 bytes, code section of the tile order;
                           ///< radix: num_tiles x 448 bytes
  kStream = 6,             ///< Huffman: the chunks' streams, then kStreamTailBytes zero bytes
};
inline constexpr std::size_t kNumSections = 7;

struct SectionEntry {
  std::uint64_t offset;  ///< from the blob's first byte, multiple of 256; set also when bytes == 0
  std::uint64_t bytes;   ///< without alignment padding
  std::uint64_t xxh3;    ///< XXH3-64, seed 0, of exactly these bytes
};

struct PackedHeader {                    // offset
  std::array<char, 8> magic;             //   0
  std::uint16_t format_version;          //   8
  std::uint8_t family;                   //  10  Family: 1 palette, 2 Huffman, 3 radix
  std::uint8_t dtype;                    //  11  kDtypeBf16
  std::uint8_t palette_is_run;           //  12  1 iff palette[i] == palette[0] + i; validated
  std::uint8_t padding_code;             //  13  palette code of padding and of weights outside
  std::uint8_t max_code_length;          //  14  Huffman: longest code, 0..13; else 0
  std::uint8_t single_symbol;            //  15  Huffman, max_code_length 0: the only pair; else 0
  std::uint64_t rows;                    //  16  N
  std::uint64_t cols;                    //  24  K
  std::array<std::uint8_t, 16> palette;  //  32  strictly ascending exponents
  std::uint64_t num_verbatim_rows;       //  48  radix: escapes
  std::uint64_t packed_bytes;            //  56  whole blob, multiple of 256
  std::uint64_t original_xxh3;           //  64  of rows*cols*2 bytes, row-major, unpadded
  std::uint32_t max_chunk_stream_bytes;  //  72  Huffman: longest stream of a chunk; else 0
  std::uint32_t num_sections;            //  76  kNumSections
  std::array<SectionEntry, kNumSections> sections;  // 80
  std::uint64_t reserved0;                          // 248  0
  std::array<std::uint8_t, 128> code_lengths;  // 256  Huffman: length of pair p in nibble p (low
                                               //      nibble first), 0..13; else 0
  std::array<std::uint8_t, 120> reserved1;     // 384  0
  std::uint64_t header_xxh3;                   // 504  of bytes 0..503
};
static_assert(sizeof(PackedHeader) == 512);
[[nodiscard]] inline const SectionEntry& section_of(const PackedHeader& header, SectionId id) {
  return header.sections[static_cast<std::size_t>(id)];
}

constexpr std::uint64_t align_up(std::uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace unweight::packed
