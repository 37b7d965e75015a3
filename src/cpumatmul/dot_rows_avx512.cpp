// SPDX-License-Identifier: BSD-3-Clause
//
// Not vdpbf16ps: it flushes subnormals and fixes another order of sums.
#include <immintrin.h>

#include "cpumatmul/dot_rows_body.h"

namespace unweight::cpumatmul {
namespace {

struct Avx512Vec {
  static constexpr std::uint32_t kWidth = 16;
  using Register = __m512;
  static Register load(const float* from) { return _mm512_loadu_ps(from); }
  static Register widen(const std::uint16_t* from) {
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(words), 16));
  }
  static Register add_product(Register a, Register b, Register c) {
    return _mm512_fmadd_ps(a, b, c);
  }
  static void store(float* to, Register from) { _mm512_storeu_ps(to, from); }
};

}  // namespace

void dot_rows_avx512(const DotProblem& problem) {
  dot_all<Avx512Vec>(problem);
}

}  // namespace unweight::cpumatmul
