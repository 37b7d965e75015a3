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

/// Codes of 64 weights, one byte a code, and which rows have a weight outside the palette.
struct Codes {
  __m512i bytes;
  std::uint64_t outside_rows;  ///< a bit a row of eight weights
};

/// Only kNotInPalette has bit 7.
Codes look_up_codes(const ByteTable& table, __m512i outside_code, const std::uint8_t* exponents) {
  static_assert(kNotInPalette >= 0x80 && kPaletteSize <= 0x80);
  const __m512i found = look_up(table, _mm512_loadu_si512(exponents));
  const __m512i sign = _mm512_set1_epi8(static_cast<char>(0x80));
  return {_mm512_mask_blend_epi8(_mm512_movepi8_mask(found), found, outside_code),
          _mm512_test_epi64_mask(found, sign)};
}

struct alignas(64) ByteIndex {
  std::uint8_t at[64];
};

/// Byte of a code tile <- byte of `folded` below: bytes 0, 1 of a double word hold half 0, bytes 2,
/// 3 half 1.
consteval ByteIndex codes_from_folded() {
  ByteIndex index{};
  for (std::uint32_t lane = 0; lane < 4; ++lane) {
    for (std::uint32_t i = 0; i < layout::kLaneElems; ++i) {
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

void pack_codes(const std::uint8_t* exponents, const std::uint8_t* code_of,
                std::uint8_t outside_code, std::uint8_t* codes, std::uint32_t* verbatim_lanes) {
  const ByteTable table = load_table(code_of);
  const __m512i outside = _mm512_set1_epi8(static_cast<char>(outside_code));
  const __m512i order = _mm512_load_si512(&kCodesFromFolded);
  const __m512i low_half = _mm512_set1_epi32(0x0000ffff);
  std::uint64_t outside_rows[2] = {};    // of each half: bit 2 * lane + (step mod 2)
  for (std::size_t g = 0; g < 8; ++g) {  // lanes 4g..4g+3
    const Codes first = look_up_codes(table, outside, exponents + 64 * g);
    const Codes second = look_up_codes(table, outside, exponents + 512 + 64 * g);
    outside_rows[0] |= first.outside_rows << 8 * g;
    outside_rows[1] |= second.outside_rows << 8 * g;
    // A double word holds the codes of registers r, r | r+1, r+1 (r = 0 or 2), j = 0, 1 each. Fold
    // bytes 2, 3 into the high nibbles of bytes 0, 1; then join the two halves of the lane.
    const __m512i a = _mm512_or_si512(first.bytes, _mm512_srli_epi32(first.bytes, 12));
    const __m512i b =
        _mm512_or_si512(_mm512_slli_epi32(second.bytes, 16), _mm512_slli_epi32(second.bytes, 4));
    const __m512i folded = _mm512_ternarylogic_epi64(low_half, a, b, 0xCA);
    _mm512_storeu_si512(codes + 64 * g, _mm512_permutexvar_epi8(order, folded));
  }
  for (std::uint32_t s = 0; s < layout::kSteps; ++s) {
    const std::uint64_t rows_of_step = std::uint64_t{0x5555555555555555} << s % 2;
    verbatim_lanes[s] = static_cast<std::uint32_t>(_pext_u64(outside_rows[s / 2], rows_of_step));
  }
}

}  // namespace unweight::codec::avx512
