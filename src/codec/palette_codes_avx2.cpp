// SPDX-License-Identifier: BSD-3-Clause
//
// Exponent bytes -> 4-bit palette codes, AVX2. A byte shuffle looks 16 entries up, one *row* of the
// table (one upper nibble). The 16 exponents of a palette lie in few rows, usually two: only those
// are looked at.
#include <immintrin.h>

#include "codec/tile_kernels_avx2.h"
#include "layout/tile_order.h"

namespace unweight::codec::avx2 {
namespace {

/// Rows of code_of[256] with at least one exponent of the palette. Codes are kept inverted, so that
/// what is found nowhere stays 0 = ~kNotInPalette.
struct CodeRows {
  __m256i upper_nibble[16];
  __m256i inverted_code[16];
  std::uint32_t count = 0;
};

CodeRows find_rows(const std::uint8_t* code_of) {
  static_assert(kNotInPalette == 0xff);
  CodeRows rows;
  const __m128i ones = _mm_set1_epi8(-1);
  for (std::uint32_t r = 0; r < 16; ++r) {
    const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(code_of + 16 * r));
    rows.upper_nibble[rows.count] = _mm256_set1_epi8(static_cast<char>(r << 4));
    rows.inverted_code[rows.count] = _mm256_broadcastsi128_si256(_mm_xor_si128(codes, ones));
    rows.count += _mm_movemask_epi8(_mm_cmpeq_epi8(codes, ones)) != 0xffff ? 1 : 0;
  }
  return rows;
}

/// Inverted codes of lanes 4g..4g+3: two lanes a vector, first halves of their rows, then second.
struct RowCodes {
  __m256i half[2][2];
};

RowCodes look_up_rows(const CodeRows& rows, const std::uint8_t* exponents, std::size_t g) {
  __m256i exponent[2][2];
  RowCodes codes;
  for (std::size_t half = 0; half < 2; ++half) {
    for (std::size_t k = 0; k < 2; ++k) {
      exponent[half][k] = _mm256_loadu_si256(
          reinterpret_cast<const __m256i*>(exponents + 512 * half + 64 * g + 32 * k));
      codes.half[half][k] = _mm256_setzero_si256();
    }
  }
  const __m256i bias = _mm256_set1_epi8(0x70);
  for (std::uint32_t r = 0; r < rows.count; ++r) {
    for (std::size_t half = 0; half < 2; ++half) {
      for (std::size_t k = 0; k < 2; ++k) {
        // Of this row: 0x70..0x7f, the low nibble is the index. Of another: 0x80 and up, gives 0.
        const __m256i index =
            _mm256_adds_epu8(_mm256_xor_si256(exponent[half][k], rows.upper_nibble[r]), bias);
        codes.half[half][k] =
            _mm256_or_si256(codes.half[half][k], _mm256_shuffle_epi8(rows.inverted_code[r], index));
      }
    }
  }
  return codes;
}

/// Bits 0..3: lanes 4g..4g+3 with an exponent outside the palette.
std::uint32_t outside_lanes(const RowCodes& codes) {
  std::uint32_t lanes = 0;
  for (std::uint32_t k = 0; k < 2; ++k) {
    // Inside, an inverted code has bit 7.
    const __m256i both = _mm256_and_si256(codes.half[0][k], codes.half[1][k]);
    const std::uint32_t outside = ~static_cast<std::uint32_t>(_mm256_movemask_epi8(both));
    lanes |= ((outside & 0xffff) != 0 ? 1u : 0u) << 2 * k;
    lanes |= (outside >> 16 != 0 ? 2u : 0u) << 2 * k;
  }
  return lanes;
}

/// All ones in the 128 bits of a lane that is coded; bits 0, 1 of `outside` are the two lanes.
__m256i coded_mask(std::uint32_t outside) {
  const long long low = (outside & 1) != 0 ? 0 : -1, high = (outside & 2) != 0 ? 0 : -1;
  return _mm256_setr_epi64x(low, low, high, high);
}

/// One byte a code, two halves of two lanes -> their 16 bytes each of a code tile.
__m256i pack_lanes(__m256i first, __m256i second) {
  // A double word holds registers r, r | r+1, r+1 (r = 0 or 2), j = 0, 1 each. Fold bytes 2, 3 into
  // the high nibbles of bytes 0, 1; the second half of the row goes to bytes 2, 3.
  const __m256i a = _mm256_or_si256(first, _mm256_srli_epi32(first, 12));
  const __m256i b = _mm256_or_si256(_mm256_slli_epi32(second, 16), _mm256_slli_epi32(second, 4));
  const __m256i folded = _mm256_blend_epi16(a, b, 0xaa);
  // Word of step s, bytes (r0 r1, j = 0), (r2 r3, j = 0), (r0 r1, j = 1), (r2 r3, j = 1).
  const __m256i order = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15));
  return _mm256_shuffle_epi8(folded, order);
}

}  // namespace

std::uint32_t pack_codes(const std::uint8_t* exponents, const std::uint8_t* code_of,
                         std::uint8_t* codes) {
  const CodeRows rows = find_rows(code_of);
  const __m256i ones = _mm256_set1_epi8(-1);
  std::uint32_t verbatim = 0;
  for (std::size_t g = 0; g < 8; ++g) {
    const RowCodes found = look_up_rows(rows, exponents, g);
    const std::uint32_t outside = outside_lanes(found);
    verbatim |= outside << (4 * g);
    for (std::uint32_t k = 0; k < 2; ++k) {
      const __m256i packed = pack_lanes(_mm256_xor_si256(found.half[0][k], ones),
                                        _mm256_xor_si256(found.half[1][k], ones));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes + 64 * g + 32 * k),
                          _mm256_and_si256(packed, coded_mask(outside >> 2 * k)));
    }
  }
  return verbatim;
}

std::uint32_t verbatim_lanes(const std::uint8_t* exponents, const std::uint8_t* code_of) {
  const CodeRows rows = find_rows(code_of);
  std::uint32_t verbatim = 0;
  for (std::size_t g = 0; g < 8; ++g) {
    verbatim |= outside_lanes(look_up_rows(rows, exponents, g)) << (4 * g);
  }
  return verbatim;
}

}  // namespace unweight::codec::avx2
