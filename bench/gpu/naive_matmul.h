// SPDX-License-Identifier: BSD-3-Clause
//
// A matmul too plain to be wrong, and how far another's result is from it.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace unweight::bench {

/// Of m tokens, the one that sampled row i of num_sampled is: the first, the last, evenly between.
/// With num_sampled == m every token is itself.
struct TokenSample {
  std::uint64_t m = 0, num_sampled = 0;
};
[[nodiscard]] TokenSample sample_tokens(std::uint64_t m, std::uint64_t at_most);

/// out[i][row] = sum over k of x[token i][k] * w[row][k], fp32; out: num_sampled x n.
void reference_matmul(const std::uint16_t* w, const std::uint16_t* x, std::uint64_t n,
                      std::uint64_t k, TokenSample tokens, float* out, cudaStream_t stream);

struct Deviation {
  double relative = 0;               ///< ||y - reference|| / ||reference||
  std::uint64_t num_not_finite = 0;  ///< of all of y
  /// Elements further off than 2 BF16 steps and 3 % of the reference's root mean square: one wrong
  /// element of a billion, which no norm shows.
  std::uint64_t num_off = 0;
  [[nodiscard]] bool is_fine() const {
    return relative < 5e-3 && num_not_finite == 0 && num_off == 0;
  }
};
/// Of y (m x n BF16), against fp32 of the sampled tokens, or BF16 of all. Waits.
[[nodiscard]] Deviation deviation(const std::uint16_t* y, std::uint64_t n, TokenSample tokens,
                                  const float* reference, cudaStream_t stream);
[[nodiscard]] Deviation deviation(const std::uint16_t* y, std::uint64_t n, TokenSample tokens,
                                  const std::uint16_t* reference, cudaStream_t stream);

}  // namespace unweight::bench
