// SPDX-License-Identifier: BSD-3-Clause
#include <immintrin.h>

#include "cpumatmul/dot_rows_body.h"

namespace unweight::cpumatmul {
namespace {

struct Avx2Vec {
  static constexpr std::uint32_t kWidth = 8;
  using Register = __m256;
  static Register load(const float* from) { return _mm256_loadu_ps(from); }
  static Register widen(const std::uint16_t* from) {
    const __m128i words = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(words), 16));
  }
  static Register add_product(Register a, Register b, Register c) {
    return _mm256_fmadd_ps(a, b, c);
  }
  static void store(float* to, Register from) { _mm256_storeu_ps(to, from); }
};

}  // namespace

void dot_rows_avx2(const DotProblem& problem) {
  dot_all<Avx2Vec>(problem);
}

}  // namespace unweight::cpumatmul
