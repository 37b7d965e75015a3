// SPDX-License-Identifier: BSD-3-Clause
//
// Row-major weights <-> tile order, AVX2. As with AVX-512 the tile's rows g and g+8 go together,
// their bytes interleaved (byte 2c is row g, byte 2c+1 row g+8), 16 columns = one k16 step at a
// time.
//
//   double word t of 128-bit half h   holds columns 8h+2t and 8h+2t+1 of both rows: registers 2h
//   and
//                                     2h+1 of lane 4g+t, after bytes 1 and 2 have changed places
//   lane-major                        lane t's double words of h = 0, 1, of this step, of the next
#include <immintrin.h>

#include "codec/tile_kernels_avx2.h"
#include "layout/tile_order.h"

namespace unweight::codec::avx2 {
namespace {

constexpr std::size_t kStepCols = 16;

/// Two steps of rows g and g+8, or the 64 bytes of lanes 4g, 4g+1 | 4g+2, 4g+3.
struct Pair {
  __m256i first, second;
};

__m256i load(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
void store(void* p, __m256i v) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), v);
}

__m256i mask_low_byte() {
  return _mm256_set1_epi16(0x00ff);
}

/// Bits of `a` where mask is 1, of `b` where it is 0.
__m256i select(__m256i mask, __m256i a, __m256i b) {
  return _mm256_or_si256(_mm256_and_si256(mask, a), _mm256_andnot_si256(mask, b));
}

/// Bytes 1 and 2 of each double word change places.
__m256i swap_middle_bytes(__m256i v) {
  return _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(_mm_setr_epi8(
                                    0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15)));
}

/// (h, t) <-> lanes 0, 2, 1, 3 with their h = 0, 1; its own inverse. The odd order of lanes is what
/// the unpack instructions, which work inside 128 bits, put right.
__m256i exchange_words(__m256i v) {
  return _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 4, 2, 6, 1, 5, 3, 7));
}

Pair lane_major(Pair steps) {
  const __m256i a = exchange_words(swap_middle_bytes(steps.first));
  const __m256i b = exchange_words(swap_middle_bytes(steps.second));
  return {_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b)};
}

Pair steps_of(Pair lanes) {
  const __m256i a = _mm256_unpacklo_epi64(lanes.first, lanes.second);
  const __m256i b = _mm256_unpackhi_epi64(lanes.first, lanes.second);
  return {swap_middle_bytes(exchange_words(a)), swap_middle_bytes(exchange_words(b))};
}

__m256i interleaved_exponents(__m256i a, __m256i b) {
  return select(mask_low_byte(), _mm256_srli_epi16(a, 7), _mm256_slli_epi16(b, 1));
}

__m256i interleaved_sign_mantissa(__m256i a, __m256i b) {
  const __m256i signs = select(mask_low_byte(), _mm256_srli_epi16(a, 8), b);
  const __m256i mantissas = select(mask_low_byte(), a, _mm256_slli_epi16(b, 8));
  return select(_mm256_set1_epi8(0x7f), mantissas, signs);
}

void store_joined(__m256i exponents, __m256i sign_mantissa, std::uint16_t* row,
                  std::uint16_t* row_below) {
  const __m256i mantissa = _mm256_set1_epi16(0x007f);
  const __m256i sign = _mm256_set1_epi16(static_cast<short>(0x8000));
  store(row, select(sign, _mm256_slli_epi16(sign_mantissa, 8),
                    select(mantissa, sign_mantissa, _mm256_slli_epi16(exponents, 7))));
  store(row_below, select(sign, sign_mantissa,
                          select(mantissa, _mm256_srli_epi16(sign_mantissa, 8),
                                 _mm256_srli_epi16(exponents, 1))));
}

void store_joined(Pair exponents, Pair sign_mantissa, std::uint16_t* row,
                  std::uint16_t* row_below) {
  store_joined(exponents.first, sign_mantissa.first, row, row_below);
  store_joined(exponents.second, sign_mantissa.second, row + kStepCols, row_below + kStepCols);
}

}  // namespace

void split_tile(const std::uint16_t* source, std::size_t stride_elems, std::uint8_t* sign_mantissa,
                std::uint8_t* exponents) {
  for (std::size_t g = 0; g < 8; ++g) {
    for (std::size_t half = 0; half < 2; ++half) {
      const std::uint16_t* row = source + g * stride_elems + 2 * kStepCols * half;
      const std::uint16_t* row_below = row + 8 * stride_elems;
      const __m256i a0 = load(row), a1 = load(row + kStepCols);
      const __m256i b0 = load(row_below), b1 = load(row_below + kStepCols);
      const Pair e = lane_major({interleaved_exponents(a0, b0), interleaved_exponents(a1, b1)});
      const Pair s =
          lane_major({interleaved_sign_mantissa(a0, b0), interleaved_sign_mantissa(a1, b1)});
      const std::size_t at = 512 * half + 64 * g;
      store(exponents + at, e.first);
      store(exponents + at + 32, e.second);
      store(sign_mantissa + at, s.first);
      store(sign_mantissa + at + 32, s.second);
    }
  }
}

void join_tile(const std::uint8_t* sign_mantissa, const std::uint8_t* exponents,
               std::uint16_t* destination, std::size_t stride_elems) {
  for (std::size_t g = 0; g < 8; ++g) {
    for (std::size_t half = 0; half < 2; ++half) {
      const std::size_t at = 512 * half + 64 * g;
      std::uint16_t* row = destination + g * stride_elems + 2 * kStepCols * half;
      store_joined(steps_of({load(exponents + at), load(exponents + at + 32)}),
                   steps_of({load(sign_mantissa + at), load(sign_mantissa + at + 32)}), row,
                   row + 8 * stride_elems);
    }
  }
}

void join_palette_tile(const std::uint8_t* sign_mantissa, const std::uint8_t* codes,
                       const std::uint8_t* palette, std::uint16_t* destination,
                       std::size_t stride_elems) {
  const __m256i exponent_of_code =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(palette)));
  // Eight weights of a step <- the four bytes of its code word: r0 from the low nibbles of bytes 0,
  // 2 (j = 0, 1), r1 from the high ones, r2 and r3 from bytes 1, 3.
  const __m256i first_half =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 2, 0, 2, 1, 3, 1, 3, 4, 6, 4, 6, 5, 7, 5, 7));
  const __m256i high_nibbles = _mm256_set1_epi32(static_cast<int>(0xffff0000));
  const __m256i nibble = _mm256_set1_epi8(0x0f);
  const auto exponents = [&](__m256i packed, __m256i order) {
    const __m256i bytes = _mm256_shuffle_epi8(packed, order);
    const __m256i code = select(high_nibbles, _mm256_srli_epi16(bytes, 4), bytes);
    return _mm256_shuffle_epi8(exponent_of_code, _mm256_and_si256(code, nibble));
  };
  for (std::size_t g = 0; g < 8; ++g) {
    const Pair packed{load(codes + 64 * g), load(codes + 64 * g + 32)};
    for (std::size_t half = 0; half < 2; ++half) {
      const __m256i order =
          _mm256_add_epi8(first_half, _mm256_set1_epi8(static_cast<char>(8 * half)));
      const std::size_t at = 512 * half + 64 * g;
      std::uint16_t* row = destination + g * stride_elems + 2 * kStepCols * half;
      store_joined(steps_of({exponents(packed.first, order), exponents(packed.second, order)}),
                   steps_of({load(sign_mantissa + at), load(sign_mantissa + at + 32)}), row,
                   row + 8 * stride_elems);
    }
  }
}

}  // namespace unweight::codec::avx2
