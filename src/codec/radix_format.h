// SPDX-License-Identifier: BSD-3-Clause
//
// What encoders and decoders of the radix family share: two exponents in seven bits, as digits to
// the base of 11, and single weights besides that no digit can say. 11.56 bits a weight on N(0, s).
// docs/format/packed-tensor.md is the specification, docs/kernels/dense-formats.md says why this
// one. Host and device code.
#pragma once

#include <array>
#include <cstdint>

#include "layout/tile_order.h"

namespace unweight::codec {

// ---- Digits -----------------------------------------------------------------------------------
// The palette is a run: exponent = palette[0] + digit, digits 0 .. 10.
inline constexpr std::uint32_t kRadix = 11;
inline constexpr std::uint32_t kMaxRadixBase = 240;  ///< palette[0]: palette[15] is an exponent too

/// A field: weight i's digit and that of weight i + 2 (registers r and r + 1, r even; same half).
/// Readers meet 121 .. 127 too: the same division, digits 11 and 0 .. 6.
inline constexpr std::uint32_t kRadixFieldBits = 7;
UNWEIGHT_HOST_DEVICE constexpr std::uint32_t radix_field(std::uint32_t first,
                                                         std::uint32_t second) {
  return kRadix * first + second;
}
struct RadixDigits {
  std::uint32_t first, second;
};
UNWEIGHT_HOST_DEVICE constexpr RadixDigits radix_digits(std::uint32_t field) {
  return {field / kRadix, field % kRadix};
}

// ---- Codes section ------------------------------------------------------------------------------
// A lane's step s is a *step word*, half j of it for the weights with that j:
//
//    31 30 29        23 22        16 15 14 13         7 6          0
//   | 0 0 | r2,r3 j=1  | r0,r1 j=1  | 0 0 | r2,r3 j=0  | r0,r1 j=0  |
//
// Steps 0, 1, 2 are stored as they are, with two bits of each half of step 3 in their bits 14, 15
// and 30, 31: word s has bits 2s and 2s + 1 of both 14-bit halves. What is left, bits 6 .. 13 of
// the halves, is a 16-bit word: half 0's byte below half 1's. 14 bytes a lane in three planes, each
// read without bank conflicts:
//
//   tile, 448 bytes   0          | 8 bytes a lane: words of steps 0, 1        |
//                     256        | 4 bytes a lane: word of step 2             |
//                     384 .. 447 | 2 bytes a lane: the rest of step 3         |
inline constexpr std::uint32_t kTileRadixSectionBytes = layout::kTileElems * 7 / 16;  // 448
inline constexpr std::uint32_t kRadixPlane1 = 256, kRadixPlane2 = 384;

/// A lane's codes of a tile as they are stored.
struct RadixLane {
  std::uint32_t words[3];
  std::uint16_t rest;
};
/// Bits of half j of the step word, for the field of registers r and r + 1 (r = 0 or 2).
UNWEIGHT_HOST_DEVICE constexpr std::uint32_t radix_field_shift(std::uint32_t r, std::uint32_t j) {
  return kRadixFieldBits * (r / 2) + 16 * j;
}
UNWEIGHT_HOST_DEVICE constexpr RadixLane pack_radix_lane(const std::uint32_t (&step_words)[4]) {
  RadixLane lane{{step_words[0], step_words[1], step_words[2]}, 0};
  for (std::uint32_t j = 0; j < 2; ++j) {
    const std::uint32_t half = step_words[3] >> 16 * j & 0x3fff;
    for (std::uint32_t s = 0; s < 3; ++s) {
      lane.words[s] |= (half >> 2 * s & 3) << (14 + 16 * j);
    }
    lane.rest = static_cast<std::uint16_t>(lane.rest | (half >> 6) << 8 * j);
  }
  return lane;
}
/// Bits 14, 15, 30, 31 of the result are what was in the stored words: not part of any field.
UNWEIGHT_HOST_DEVICE constexpr std::uint32_t radix_step_word(const RadixLane& lane,
                                                             std::uint32_t s) {
  if (s < 3) return lane.words[s];
  std::uint32_t word = (lane.rest & 0xffu) << 6 | std::uint32_t{lane.rest} >> 8 << 22;
  for (std::uint32_t i = 0; i < 3; ++i) word |= (lane.words[i] >> 14 & 0x00030003u) << 2 * i;
  return word;
}

// ---- Escapes ------------------------------------------------------------------------------------
// A weight whose exponent is no digit is an *escape*: its exponent is stored besides, in its own
// byte, and its digit is the padding code's. Where the other families have verbatim rows, in the
// same three sections: the index counts escapes, positions and exponents are one a weight.
inline constexpr std::uint32_t kEscapeBytes = 1;

/// One per escape, ascending inside a chunk by their low 15 bits' order (tile, step, lane, k).
///   bits 0..2 k = i % 8 | 3..7 lane | 8..9 step s = i / 8 | 10..15 tile of the matrix, modulo 64
/// Bit 15 is the chunk's parity; readers check it. (It does not say where a chunk ends: a window of
/// escapes may lie over three chunks. The index does.)
using EscapePosition = std::uint16_t;
UNWEIGHT_HOST_DEVICE constexpr EscapePosition pack_escape_position(std::uint64_t tile,
                                                                   layout::LanePosition p) {
  return static_cast<EscapePosition>((tile & 63) << 10 | (p.i >> 3) << 8 | p.lane << 3 | (p.i & 7));
}
UNWEIGHT_HOST_DEVICE constexpr std::uint32_t escape_tile(EscapePosition p) {
  return p >> 10 & 31;  // of the chunk
}
UNWEIGHT_HOST_DEVICE constexpr layout::LanePosition escape_place(EscapePosition p) {
  return {p >> 3 & 31u, (p >> 8 & 3u) * 8 + (p & 7u)};
}
/// Escapes are counted in 32 bits.
inline constexpr std::uint64_t kMaxEscapes = 0xffffffffu;

}  // namespace unweight::codec
