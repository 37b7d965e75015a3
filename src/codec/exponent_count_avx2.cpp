// SPDX-License-Identifier: BSD-3-Clause
//
// Histogram of exponents, AVX2; exponent_count_avx512.cpp explains the method. Sixteen registers
// hold eight byte counters at a time, so a segment, which fits the first-level cache, is read three
// times: for each half of the window, and for zeros and what is outside.
#include <immintrin.h>

#include "codec/tile_kernels_avx2.h"

namespace unweight::codec::avx2 {
namespace {

constexpr std::uint32_t kWindow = 16, kCountersPerPass = 8;
constexpr std::size_t kVectorWeights = 32;
constexpr std::size_t kMaxVectors = 255;  // that a byte can count
constexpr std::size_t kSampleVectors = 8;

__m256i load(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}

/// Exponents of 32 weights, in some order.
__m256i load_exponents(const std::uint16_t* weights) {
  const __m256i low_byte = _mm256_set1_epi16(0x00ff);
  const __m256i a = _mm256_srli_epi16(load(weights), 7);
  const __m256i b = _mm256_slli_epi16(load(weights + 16), 1);
  return _mm256_or_si256(_mm256_and_si256(a, low_byte), _mm256_andnot_si256(low_byte, b));
}

/// Fetches what the next segment has in the place of `weights`. An address behind the data does no
/// harm.
void prefetch_next_segment(const std::uint16_t* weights) {
  const std::uintptr_t at = reinterpret_cast<std::uintptr_t>(weights) +
                            kMaxVectors * kVectorWeights * sizeof(std::uint16_t);
  _mm_prefetch(reinterpret_cast<const char*>(at), _MM_HINT_T0);  // NOLINT: may be behind the array
}

/// Lowest exponent of the window: the largest of a sample is near its top.
std::uint32_t window_base(const std::uint16_t* weights, std::size_t num_vectors) {
  const std::size_t n = num_vectors < kSampleVectors ? num_vectors : kSampleVectors;
  __m256i top = _mm256_setzero_si256();
  for (std::size_t i = 0; i < n; ++i) {
    top = _mm256_max_epu8(top, load_exponents(weights + kVectorWeights * i));
  }
  alignas(32) std::uint8_t at[32];
  _mm256_store_si256(reinterpret_cast<__m256i*>(at), top);
  std::uint32_t largest = 0;
  for (const std::uint8_t e : at) largest = e > largest ? e : largest;
  const std::uint32_t last = largest < 255 ? largest + 1 : 255;
  // Not below 1: zeros have their own counter.
  return last >= kWindow ? last - (kWindow - 1) : 1;
}

std::uint64_t sum_bytes(__m256i bytes) {
  alignas(32) std::uint64_t sums[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(sums),
                     _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
  return sums[0] + sums[1] + sums[2] + sums[3];
}

/// Counts exponents base .. base + 7 (those above 255 do not exist: their counters stay 0).
void count_window(const std::uint16_t* weights, std::size_t num_vectors, std::uint32_t base,
                  std::uint64_t* counts) {
  const __m256i first = _mm256_set1_epi8(static_cast<char>(base));
  __m256i counter[kCountersPerPass];
  for (__m256i& c : counter) c = _mm256_setzero_si256();
  for (std::size_t i = 0; i < num_vectors; ++i) {
    const __m256i offset = _mm256_sub_epi8(load_exponents(weights + kVectorWeights * i), first);
#pragma GCC unroll 8
    for (std::uint32_t k = 0; k < kCountersPerPass; ++k) {
      const __m256i equal = _mm256_cmpeq_epi8(offset, _mm256_set1_epi8(static_cast<char>(k)));
      counter[k] = _mm256_sub_epi8(counter[k], equal);
    }
  }
  for (std::uint32_t k = 0; k < kCountersPerPass && base + k < 256; ++k) {
    counts[base + k] += sum_bytes(counter[k]);
  }
}

/// Counts zeros and what is outside the window.
void count_others(const std::uint16_t* weights, std::size_t num_vectors, std::uint32_t base,
                  std::uint64_t* counts) {
  const __m256i first = _mm256_set1_epi8(static_cast<char>(base));
  const __m256i window = _mm256_set1_epi8(static_cast<char>(kWindow));
  __m256i zeros = _mm256_setzero_si256();
  for (std::size_t i = 0; i < num_vectors; ++i) {
    prefetch_next_segment(weights + kVectorWeights * i);
    const __m256i e = load_exponents(weights + kVectorWeights * i);
    const __m256i offset = _mm256_sub_epi8(e, first);
    const __m256i zero = _mm256_cmpeq_epi8(e, _mm256_setzero_si256());
    zeros = _mm256_sub_epi8(zeros, zero);
    const __m256i above = _mm256_cmpeq_epi8(_mm256_max_epu8(offset, window), offset);
    auto outside =
        static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_andnot_si256(zero, above)));
    if (outside == 0) continue;
    alignas(32) std::uint8_t at[32];
    _mm256_store_si256(reinterpret_cast<__m256i*>(at), e);
    for (; outside != 0; outside &= outside - 1) ++counts[at[__builtin_ctz(outside)]];
  }
  counts[0] += sum_bytes(zeros);
}

}  // namespace

void count_exponents(const std::uint16_t* weights, std::size_t n, std::uint64_t* counts) {
  while (n >= kVectorWeights) {
    const std::size_t whole = n / kVectorWeights;
    const std::size_t num_vectors = whole < kMaxVectors ? whole : kMaxVectors;
    const std::uint32_t base = window_base(weights, num_vectors);
    count_window(weights, num_vectors, base, counts);
    count_window(weights, num_vectors, base + kCountersPerPass, counts);
    count_others(weights, num_vectors, base, counts);
    weights += num_vectors * kVectorWeights;
    n -= num_vectors * kVectorWeights;
  }
  for (std::size_t i = 0; i < n; ++i) ++counts[weights[i] >> 7 & 0xff];
}

}  // namespace unweight::codec::avx2
