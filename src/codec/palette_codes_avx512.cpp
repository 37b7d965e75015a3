// SPDX-License-Identifier: BSD-3-Clause
//
// Exponent bytes -> 4-bit palette codes, AVX-512.
#include <immintrin.h>

#include "codec/tile_kernels_avx512.h"
#include "layout/tile_order.h"

namespace unweight::codec::avx512 {
namespace {

/// A table of 256 bytes in registers.
struct ByteTable {
  __m512i quarter[4];
};

ByteTable load_table(const std::uint8_t* table) {
  return {{_mm512_loadu_si512(table), _mm512_loadu_si512(table + 64),
           _mm512_loadu_si512(table + 128), _mm512_loadu_si512(table + 192)}};
}

__m512i look_up(const ByteTable& table, __m512i index) {
  const __m512i low = _mm512_permutex2var_epi8(table.quarter[0], index, table.quarter[1]);
  const __m512i high = _mm512_permutex2var_epi8(table.quarter[2], index, table.quarter[3]);
  return _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), low, high);
}

/// Codes of lanes 4g..4g+3, both halves of their rows, one byte a code.
struct RowCodes {
  __m512i half[2];
};

RowCodes look_up_rows(const ByteTable& table, const std::uint8_t* exponents, std::size_t g) {
  return {{look_up(table, _mm512_loadu_si512(exponents + 64 * g)),
           look_up(table, _mm512_loadu_si512(exponents + 512 + 64 * g))}};
}

/// Bits 2t and 2t+1 are set when lane 4g+t has an exponent outside the palette: only
/// kNotInPalette has bit 7.
__mmask8 outside_pairs(const RowCodes& rows) {
  static_assert(kNotInPalette >= 0x80 && kPaletteSize <= 0x80);
  const __m512i any = _mm512_or_si512(rows.half[0], rows.half[1]);
  const std::uint32_t m = _mm512_test_epi64_mask(any, _mm512_set1_epi8(static_cast<char>(0x80)));
  return static_cast<__mmask8>(m | (m >> 1 & 0x55) | (m << 1 & 0xaa));
}

struct alignas(64) ByteIndex {
  std::uint8_t at[64];
};

/// Byte of a code tile <- byte of `folded` below: bytes 0, 1 of a double word hold half 0, bytes 2,
/// 3 half 1.
consteval ByteIndex codes_from_folded() {
  ByteIndex index{};
  for (std::uint32_t lane = 0; lane < 4; ++lane) {
    for (std::uint32_t i = 0; i < layout::kRowElems; ++i) {
      if ((i >> 1 & 1) != 0) continue;  // registers 1 and 3 are the high nibbles
      const std::uint32_t byte = layout::byte_section_offset({lane, i}) % 512;
      index.at[layout::code_section_bit({lane, i}) / 8] =
          static_cast<std::uint8_t>(byte + 2 * (i >> 4));
    }
  }
  return index;
}
constexpr ByteIndex kCodesFromFolded = codes_from_folded();

}  // namespace

std::uint32_t pack_codes(const std::uint8_t* exponents, const std::uint8_t* code_of,
                         std::uint8_t* codes) {
  const ByteTable table = load_table(code_of);
  const __m512i order = _mm512_load_si512(&kCodesFromFolded);
  const __m512i low_half = _mm512_set1_epi32(0x0000ffff);
  std::uint32_t verbatim = 0;
  for (std::size_t g = 0; g < 8; ++g) {
    const RowCodes rows = look_up_rows(table, exponents, g);
    const __mmask8 outside = outside_pairs(rows);
    verbatim |= _pext_u32(outside, 0x55) << (4 * g);
    // A double word holds the codes of registers r, r | r+1, r+1 (r = 0 or 2), j = 0, 1 each. Fold
    // bytes 2, 3 into the high nibbles of bytes 0, 1; then join the two halves of the row.
    const __m512i a = _mm512_or_si512(rows.half[0], _mm512_srli_epi32(rows.half[0], 12));
    const __m512i b =
        _mm512_or_si512(_mm512_slli_epi32(rows.half[1], 16), _mm512_slli_epi32(rows.half[1], 4));
    const __m512i folded = _mm512_ternarylogic_epi64(low_half, a, b, 0xCA);
    const __m512i packed = _mm512_permutexvar_epi8(order, folded);
    const auto coded = static_cast<__mmask8>(~outside);
    _mm512_storeu_si512(codes + 64 * g, _mm512_maskz_mov_epi64(coded, packed));
  }
  return verbatim;
}

std::uint32_t verbatim_lanes(const std::uint8_t* exponents, const std::uint8_t* code_of) {
  const ByteTable table = load_table(code_of);
  std::uint32_t verbatim = 0;
  for (std::size_t g = 0; g < 8; ++g) {
    const RowCodes rows = look_up_rows(table, exponents, g);
    verbatim |= _pext_u32(outside_pairs(rows), 0x55) << (4 * g);
  }
  return verbatim;
}

}  // namespace unweight::codec::avx512
