// SPDX-License-Identifier: BSD-3-Clause
//
// Histogram of exponents, AVX-512. Real weights use a few neighbouring exponents and zero, so a
// window of 16 exponents is counted by comparison, 64 weights at a time, in counters of one byte;
// zeros likewise. What falls outside the window is counted one by one. The window is chosen anew
// from the data before the byte counters can overflow: wrong guesses cost time, never counts.
#include <immintrin.h>

#include "codec/tile_kernels_avx512.h"

namespace unweight::codec::avx512 {
namespace {

constexpr std::uint32_t kWindow = 16;
constexpr std::size_t kVectorWeights = 64;
constexpr std::size_t kMaxVectors = 255;  // that a byte can count
constexpr std::size_t kSampleVectors = 4;

/// Exponents of 64 weights, in some order.
__m512i load_exponents(const std::uint16_t* weights) {
  const __m512i a = _mm512_srli_epi16(_mm512_loadu_si512(weights), 7);
  const __m512i b = _mm512_slli_epi16(_mm512_loadu_si512(weights + 32), 1);
  return _mm512_ternarylogic_epi64(_mm512_set1_epi16(0x00ff), a, b, 0xCA);
}

/// Weights are read from memory at this distance: the loop is too long for the processor to look
/// across the end of a page by itself. An address behind the data does no harm.
constexpr std::uintptr_t kPrefetchBytes = 2048;

void prefetch(const std::uint16_t* weights) {
  const std::uintptr_t at = reinterpret_cast<std::uintptr_t>(weights) + kPrefetchBytes;
  // NOLINTBEGIN: may be behind the array
  _mm_prefetch(reinterpret_cast<const char*>(at), _MM_HINT_T0);
  _mm_prefetch(reinterpret_cast<const char*>(at + 64), _MM_HINT_T0);
  // NOLINTEND
}

/// Lowest exponent of the window: the largest of a sample is near the top of a distribution that
/// halves with every exponent below.
std::uint32_t window_base(const std::uint16_t* weights, std::size_t num_vectors) {
  const std::size_t n = num_vectors < kSampleVectors ? num_vectors : kSampleVectors;
  __m512i top = _mm512_setzero_si512();
  for (std::size_t i = 0; i < n; ++i) {
    top = _mm512_max_epu8(top, load_exponents(weights + kVectorWeights * i));
  }
  const __m512i bytes =
      _mm512_max_epu32(_mm512_and_si512(top, _mm512_set1_epi16(0x00ff)), _mm512_srli_epi16(top, 8));
  const std::uint32_t pair_max = _mm512_reduce_max_epu32(_mm512_max_epu32(
      _mm512_and_si512(bytes, _mm512_set1_epi32(0xffff)), _mm512_srli_epi32(bytes, 16)));
  const std::uint32_t largest = pair_max & 0xff;
  const std::uint32_t last = largest < 255 ? largest + 1 : 255;
  // Not below 1: zeros have their own counter.
  return last >= kWindow ? last - (kWindow - 1) : 1;
}

void count_one_by_one(__m512i exponents, __mmask64 which, std::uint64_t* counts) {
  alignas(64) std::uint8_t at[64];
  _mm512_store_si512(at, exponents);
  for (std::uint64_t left = which; left != 0; left &= left - 1) {
    ++counts[at[__builtin_ctzll(left)]];
  }
}

std::uint64_t sum_bytes(__m512i bytes) {
  return static_cast<std::uint64_t>(
      _mm512_reduce_add_epi64(_mm512_sad_epu8(bytes, _mm512_setzero_si512())));
}

/// At most kMaxVectors * kVectorWeights weights.
void count_segment(const std::uint16_t* weights, std::size_t num_vectors, std::uint64_t* counts) {
  const std::uint32_t base = window_base(weights, num_vectors);
  const __m512i first = _mm512_set1_epi8(static_cast<char>(base));
  const __m512i one = _mm512_set1_epi8(1);
  __m512i counter[kWindow], zeros = _mm512_setzero_si512();
  for (__m512i& c : counter) c = _mm512_setzero_si512();
  for (std::size_t i = 0; i < num_vectors; ++i) {
    prefetch(weights + kVectorWeights * i);
    const __m512i e = load_exponents(weights + kVectorWeights * i);
    const __m512i offset = _mm512_sub_epi8(e, first);
    const __mmask64 zero = _mm512_testn_epi8_mask(e, e);
    zeros = _mm512_mask_add_epi8(zeros, zero, zeros, one);
#pragma GCC unroll 16
    for (std::uint32_t k = 0; k < kWindow; ++k) {
      const __mmask64 equal =
          _mm512_cmpeq_epi8_mask(offset, _mm512_set1_epi8(static_cast<char>(k)));
      counter[k] = _mm512_mask_add_epi8(counter[k], equal, counter[k], one);
    }
    const __mmask64 outside =
        _mm512_cmpge_epu8_mask(offset, _mm512_set1_epi8(static_cast<char>(kWindow))) & ~zero;
    if (outside != 0) count_one_by_one(e, outside, counts);
  }
  counts[0] += sum_bytes(zeros);
  for (std::uint32_t k = 0; k < kWindow && base + k < 256; ++k) {
    counts[base + k] += sum_bytes(counter[k]);
  }
}

}  // namespace

void count_exponents(const std::uint16_t* weights, std::size_t n, std::uint64_t* counts) {
  while (n >= kVectorWeights) {
    const std::size_t whole = n / kVectorWeights;
    const std::size_t num_vectors = whole < kMaxVectors ? whole : kMaxVectors;
    count_segment(weights, num_vectors, counts);
    weights += num_vectors * kVectorWeights;
    n -= num_vectors * kVectorWeights;
  }
  for (std::size_t i = 0; i < n; ++i) ++counts[weights[i] >> 7 & 0xff];
}

}  // namespace unweight::codec::avx512
