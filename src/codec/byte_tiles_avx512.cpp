// SPDX-License-Identifier: BSD-3-Clause
//
// Row-major weights <-> tile order, AVX-512. 64 contiguous bytes of a byte tile (one half of lanes
// 4g..4g+3) are 32 columns of the tile's rows g and g+8, so everything happens on those two rows,
// their bytes interleaved: byte 2c is row g, byte 2c+1 is row g+8, c = 0..31. One byte permute is
// then the whole tile order.
#include <immintrin.h>

#include "codec/tile_kernels_avx512.h"
#include "layout/tile_order.h"

namespace unweight::codec::avx512 {
namespace {

constexpr std::uint32_t kHalfCols = layout::kTileCols / 2;

struct alignas(64) ByteIndex {
  std::uint8_t at[64];
};

/// Lane-major byte 16*t + i -> its byte in the interleaved pair of rows.
consteval ByteIndex lane_major_from_rows() {
  ByteIndex index{};
  for (std::uint32_t o = 0; o < 64; ++o) {
    const layout::TilePosition p = layout::tile_position({o / 16, o % 16});
    index.at[o] = static_cast<std::uint8_t>(2 * p.col + p.row / 8);
  }
  return index;
}

/// The inverse.
consteval ByteIndex rows_from_lane_major() {
  const ByteIndex forward = lane_major_from_rows();
  ByteIndex index{};
  for (std::uint32_t o = 0; o < 64; ++o) index.at[forward.at[o]] = static_cast<std::uint8_t>(o);
  return index;
}

/// Byte 2c + row/8 of column half v <- the code byte that holds this weight's nibble: the low
/// nibble for row g, the high one for row g+8.
consteval ByteIndex rows_from_codes(std::uint32_t half) {
  ByteIndex index{};
  for (std::uint32_t o = 0; o < 64; ++o) {
    const layout::LanePosition p = layout::lane_position({8 * (o % 2), kHalfCols * half + o / 2});
    index.at[o] = static_cast<std::uint8_t>(layout::code_section_bit(p) / 8);
  }
  return index;
}

constexpr ByteIndex kLaneMajorFromRows = lane_major_from_rows();
constexpr ByteIndex kRowsFromLaneMajor = rows_from_lane_major();
constexpr ByteIndex kRowsFromCodes[2] = {rows_from_codes(0), rows_from_codes(1)};

__m512i load(const void* p) {
  return _mm512_loadu_si512(p);
}

/// Bits of `a` where mask is 1, of `b` where it is 0.
__m512i select(__m512i mask, __m512i a, __m512i b) {
  return _mm512_ternarylogic_epi64(mask, a, b, 0xCA);
}

/// Weights of rows g and g+8 from their interleaved exponent and sign_mantissa bytes.
void store_joined(__m512i exponents, __m512i sign_mantissa, std::uint16_t* row,
                  std::uint16_t* row_below) {
  const __m512i mantissa = _mm512_set1_epi16(0x007f);
  const __m512i sign = _mm512_set1_epi16(static_cast<short>(0x8000));
  const __m512i upper = select(sign, _mm512_slli_epi16(sign_mantissa, 8),
                               select(mantissa, sign_mantissa, _mm512_slli_epi16(exponents, 7)));
  const __m512i below = select(
      sign, sign_mantissa,
      select(mantissa, _mm512_srli_epi16(sign_mantissa, 8), _mm512_srli_epi16(exponents, 1)));
  _mm512_storeu_si512(row, upper);
  _mm512_storeu_si512(row_below, below);
}

}  // namespace

void split_tile(const std::uint16_t* source, std::size_t stride_elems, std::uint8_t* sign_mantissa,
                std::uint8_t* exponents) {
  const __m512i order = load(&kLaneMajorFromRows);
  const __m512i low_byte = _mm512_set1_epi16(0x00ff);
  const __m512i mantissa = _mm512_set1_epi8(0x7f);
  for (std::size_t g = 0; g < 8; ++g) {
    const std::uint16_t* row = source + g * stride_elems;
    const std::uint16_t* row_below = row + 8 * stride_elems;
    for (std::size_t half = 0; half < 2; ++half) {
      const __m512i a = load(row + kHalfCols * half);
      const __m512i b = load(row_below + kHalfCols * half);
      const __m512i e = select(low_byte, _mm512_srli_epi16(a, 7), _mm512_slli_epi16(b, 1));
      const __m512i s = select(mantissa, select(low_byte, a, _mm512_slli_epi16(b, 8)),
                               select(low_byte, _mm512_srli_epi16(a, 8), b));
      const std::size_t at = 512 * half + 64 * g;
      _mm512_storeu_si512(exponents + at, _mm512_permutexvar_epi8(order, e));
      _mm512_storeu_si512(sign_mantissa + at, _mm512_permutexvar_epi8(order, s));
    }
  }
}

void join_tile(const std::uint8_t* sign_mantissa, const std::uint8_t* exponents,
               std::uint16_t* destination, std::size_t stride_elems) {
  const __m512i order = load(&kRowsFromLaneMajor);
  for (std::size_t g = 0; g < 8; ++g) {
    std::uint16_t* row = destination + g * stride_elems;
    std::uint16_t* row_below = row + 8 * stride_elems;
    for (std::size_t half = 0; half < 2; ++half) {
      const std::size_t at = 512 * half + 64 * g;
      store_joined(_mm512_permutexvar_epi8(order, load(exponents + at)),
                   _mm512_permutexvar_epi8(order, load(sign_mantissa + at)), row + kHalfCols * half,
                   row_below + kHalfCols * half);
    }
  }
}

void join_palette_tile(const std::uint8_t* sign_mantissa, const std::uint8_t* codes,
                       const std::uint8_t* palette, std::uint16_t* destination,
                       std::size_t stride_elems) {
  const __m512i order = load(&kRowsFromLaneMajor);
  const __m512i code_order[2] = {load(&kRowsFromCodes[0]), load(&kRowsFromCodes[1])};
  const __m512i low_byte = _mm512_set1_epi16(0x00ff);
  // Four copies: the permute looks at six bits of an index, of which the upper two do not count.
  const __m512i exponent_of_code =
      _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(palette)));
  for (std::size_t g = 0; g < 8; ++g) {
    std::uint16_t* row = destination + g * stride_elems;
    std::uint16_t* row_below = row + 8 * stride_elems;
    const __m512i packed = load(codes + 64 * g);
    for (std::size_t half = 0; half < 2; ++half) {
      const __m512i both = _mm512_permutexvar_epi8(code_order[half], packed);
      const __m512i nibble = select(low_byte, both, _mm512_srli_epi16(both, 4));
      store_joined(_mm512_permutexvar_epi8(nibble, exponent_of_code),
                   _mm512_permutexvar_epi8(order, load(sign_mantissa + 512 * half + 64 * g)),
                   row + kHalfCols * half, row_below + kHalfCols * half);
    }
  }
}

}  // namespace unweight::codec::avx512
