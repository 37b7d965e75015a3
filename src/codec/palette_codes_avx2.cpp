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
struct FoundCodes {
  __m256i half[2][2];
};

FoundCodes look_up_lanes(const CodeRows& rows, const std::uint8_t* exponents, std::size_t g) {
  __m256i exponent[2][2];
  FoundCodes codes;
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

/// Marks the rows of lanes 4g..4g+3 that have a weight outside the palette: rare.
void mark_outside(const FoundCodes& codes, std::size_t g, std::uint32_t* verbatim_lanes) {
  for (std::uint32_t half = 0; half < 2; ++half) {
    for (std::uint32_t k = 0; k < 2; ++k) {
      // Inside, an inverted code has bit 7. A byte of the mask is a row: lane 4g+2k has two.
      const auto outside = ~static_cast<std::uint32_t>(_mm256_movemask_epi8(codes.half[half][k]));
      for (std::uint32_t row = 0; outside != 0 && row < 4; ++row) {
        const std::uint32_t any = (outside >> 8 * row & 0xff) != 0 ? 1 : 0;
        verbatim_lanes[2 * half + row % 2] |= any << (4 * g + 2 * k + row / 2);
      }
    }
  }
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

void pack_codes(const std::uint8_t* exponents, const std::uint8_t* code_of,
                std::uint8_t outside_code, std::uint8_t* codes, std::uint32_t* verbatim_lanes) {
  const CodeRows rows = find_rows(code_of);
  const __m256i ones = _mm256_set1_epi8(-1);
  const __m256i outside = _mm256_set1_epi8(static_cast<char>(outside_code));
  for (std::uint32_t s = 0; s < layout::kSteps; ++s) verbatim_lanes[s] = 0;
  for (std::size_t g = 0; g < 8; ++g) {
    const FoundCodes found = look_up_lanes(rows, exponents, g);
    mark_outside(found, g, verbatim_lanes);
    for (std::uint32_t k = 0; k < 2; ++k) {
      __m256i half[2];
      for (std::uint32_t h = 0; h < 2; ++h) {
        const __m256i inverted = found.half[h][k];
        half[h] = _mm256_blendv_epi8(outside, _mm256_xor_si256(inverted, ones), inverted);
      }
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes + 64 * g + 32 * k),
                          pack_lanes(half[0], half[1]));
    }
  }
}

}  // namespace unweight::codec::avx2
