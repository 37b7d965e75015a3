// SPDX-License-Identifier: BSD-3-Clause
//
// Palette codes to exponents, four at a time, for any palette.
#pragma once

#include <cstdint>

#include "codec/families_format.h"

namespace unweight::kernels {

/// The 16 palette bytes in four registers: what a byte permute can look up in.
struct PaletteRegisters {
  std::uint32_t word[4];
};
__device__ __forceinline__ PaletteRegisters load_palette(const codec::Palette& palette) {
  PaletteRegisters registers;
#pragma unroll
  for (std::uint32_t i = 0; i < 4; ++i) {
    registers.word[i] = palette[4 * i] | palette[4 * i + 1] << 8 | palette[4 * i + 2] << 16 |
                        static_cast<std::uint32_t>(palette[4 * i + 3]) << 24;
  }
  return registers;
}

/// Exponents of the four codes in bits 0..15, one a byte. A permute takes 3 bits of each code, so
/// there are two look-ups, and bit 3 of each code chooses.
__device__ __forceinline__ std::uint32_t look_up_four(const PaletteRegisters& palette,
                                                      std::uint32_t codes) {
  const std::uint32_t three_bits = codes & 0x7777;
  const std::uint32_t low = __byte_perm(palette.word[0], palette.word[1], three_bits);
  const std::uint32_t high = __byte_perm(palette.word[2], palette.word[3], three_bits);
  const std::uint32_t choose = __byte_perm(0xff00, 0, codes >> 3 & 0x1111);  // 00 or ff a byte
  return (high & choose) | (low & ~choose);
}

/// A word of the code section (one k16 step) -> for each register the exponents of its two weights
/// in place: bits 14..7 and 30..23.
__device__ __forceinline__ void step_exponents(const PaletteRegisters& palette, std::uint32_t word,
                                               std::uint32_t* exponents) {
  const std::uint32_t lo = look_up_four(palette, word & 0xffff);  // of r0 .. r3
  const std::uint32_t hi = look_up_four(palette, word >> 16);
#pragma unroll
  for (std::uint32_t r = 0; r < 4; ++r) {
    // Bytes 1 and 3 are the exponents; shifted by one they are in place, what is beside them goes.
    exponents[r] = __byte_perm(lo, hi, (r << 4 | (4 + r) << 12)) >> 1 & 0x7f807f80u;
  }
}

}  // namespace unweight::kernels
