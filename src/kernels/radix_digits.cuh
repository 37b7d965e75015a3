// SPDX-License-Identifier: BSD-3-Clause
//
// Radix codes to exponents, two digits of two weights at a time (codec/radix_format.h draws the
// words). For decoders and the matmul; host code too, so that tests need no GPU.
#pragma once

#include <cstdint>

#include "codec/radix_format.h"

namespace unweight::kernels {

/// a * kFactor + c in one instruction of the multiply-add pipe: shifts and additions would compete
/// with everything else that decoding is.
template <std::uint32_t kFactor>
UNWEIGHT_HOST_DEVICE inline std::uint32_t multiply_add(std::uint32_t a, std::uint32_t c) {
#ifdef __CUDA_ARCH__
  std::uint32_t d;
  asm("mad.lo.u32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "n"(kFactor), "r"(c));
  return d;
#else
  return a * kFactor + c;
#endif
}

/// Bytes 0 and 1 in bits 0..7 and 16..23.
UNWEIGHT_HOST_DEVICE inline std::uint32_t spread_bytes(std::uint32_t two_bytes) {
#ifdef __CUDA_ARCH__
  return __byte_perm(two_bytes, 0, 0x4140);
#else
  return (two_bytes & 0xff) | (two_bytes >> 8 & 0xff) << 16;
#endif
}

/// The four step words of a lane from its three stored words and the 16-bit rest of step 3. Bits
/// 14, 15, 30, 31 of each are of no field.
UNWEIGHT_HOST_DEVICE inline void radix_step_words(std::uint32_t w0, std::uint32_t w1,
                                                  std::uint32_t w2, std::uint32_t rest,
                                                  std::uint32_t* words) {
  words[0] = w0;
  words[1] = w1;
  words[2] = w2;
  // Bits 2s and 2s + 1 of both halves come from the spare bits of word s, the others from the rest.
  words[3] =
      multiply_add<64>(spread_bytes(rest), (w0 >> 14 & 0x00030003u) | (w1 >> 12 & 0x000c000cu) |
                                               (w2 >> 10 & 0x00300030u));
}

/// The palette's first exponent where exponents of a register are: bits 14..7 and 30..23.
UNWEIGHT_HOST_DEVICE inline std::uint32_t radix_base(std::uint32_t first_exponent) {
  return first_exponent * 0x00800080u;
}

/// Exponents in place of two registers r, r + 1, from the fields in bits 0..6 and 16..22 of
/// `fields`; all others are zero. 373 / 2^12 is 1/11 as far as 127; no half carries into the other:
///
///   field * 373 < 2^16                  bits 12..15: the first digit
///   field * 128 - 11 * (digit * 128)    the second digit in bits 7..10
UNWEIGHT_HOST_DEVICE inline void radix_pair(std::uint32_t base, std::uint32_t fields,
                                            std::uint32_t& first, std::uint32_t& second) {
  const std::uint32_t digit = multiply_add<373>(fields, 0) >> 5 & 0x07800780u;
  first = digit + base;
  second = multiply_add<0u - codec::kRadix>(digit, multiply_add<128>(fields, base));
}

/// A step word -> for each of its four registers the exponents of the two weights in place. `base`:
/// radix_base(). Whatever the bits are, nothing but garbage comes of it.
UNWEIGHT_HOST_DEVICE inline void radix_exponents(std::uint32_t base, std::uint32_t word,
                                                 std::uint32_t* exponents) {
  radix_pair(base, word & 0x007f007fu, exponents[0], exponents[1]);
  radix_pair(base, word >> codec::kRadixFieldBits & 0x007f007fu, exponents[2], exponents[3]);
}

}  // namespace unweight::kernels
