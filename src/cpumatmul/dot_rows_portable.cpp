// SPDX-License-Identifier: BSD-3-Clause
#include <bit>

#include "cpumatmul/dot_rows_body.h"

namespace unweight::cpumatmul {
namespace {

struct PortableVec {
  static constexpr std::uint32_t kWidth = 4;
  struct Register {
    float lane[kWidth];
  };
  static Register load(const float* from) { return {{from[0], from[1], from[2], from[3]}}; }
  static Register widen(const std::uint16_t* from) {
    Register widened;
    for (std::uint32_t l = 0; l < kWidth; ++l) {
      widened.lane[l] = std::bit_cast<float>(std::uint32_t{from[l]} << 16);
    }
    return widened;
  }
  /// A fused multiply-add without the instruction. The product of two BF16 values has 16 bits and
  /// an exponent that double can hold: exact. Their sum with a float is rounded to 53 bits, then to
  /// 24 or, for subnormals, to multiples of 2^-149. Rounding twice goes wrong only where the first
  /// rounding lands on a midpoint of the second without being exact. It is inexact only if the
  /// smaller operand, of at most 24 bits, is below 2^-28 of the larger: then the sum lies as close
  /// as that to the larger one, a value of at most 24 bits and no midpoint, unless the larger one
  /// is a product below the floats, when both operands are so small that their sum is exact.
  static Register add_product(const Register& a, const Register& b, const Register& c) {
    Register sum;
    for (std::uint32_t l = 0; l < kWidth; ++l) {
      sum.lane[l] = static_cast<float>(static_cast<double>(a.lane[l]) * b.lane[l] + c.lane[l]);
    }
    return sum;
  }
  static void store(float* to, const Register& from) {
    for (std::uint32_t l = 0; l < kWidth; ++l) to[l] = from.lane[l];
  }
};

}  // namespace

void dot_rows_portable(const DotProblem& problem) {
  dot_all<PortableVec>(problem);
}

}  // namespace unweight::cpumatmul
