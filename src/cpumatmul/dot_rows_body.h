// SPDX-License-Identifier: BSD-3-Clause
//
// dot_rows for one kind of vector. `Vec` is a type of an unnamed namespace, so that every
// instantiation stays in its file and with its instruction set; for the same reason nothing of the
// standard library is called here.
//
//   Vec::kWidth                    partial sums in one vector; divides kPartialSums
//   Vec::load(f), widen(w)         from floats, from BF16
//   Vec::add_product(a, b, c)      a * b + c, rounded once
//   Vec::store(f, v)
//
// A vector takes columns j, j + 16, j + 32, ... If it is narrower than 16, columns are gone through
// several times, a block of them that the first-level cache holds at once.
#pragma once

#include "cpumatmul/dot_kernels.h"

namespace unweight::cpumatmul {

inline constexpr std::size_t kBlockCols = 1024;  // 4 KiB a token, 2 KiB a row

template <typename Vec, std::uint32_t kRows, std::uint32_t kTokens>
inline void dot_block(const DotProblem& p, std::uint32_t row, std::uint32_t token) {
  const std::uint16_t* w = p.weights + row * p.weight_stride;
  const float* x = p.tokens + token * p.token_stride;
  float partial[kRows][kTokens][kPartialSums] = {};
  for (std::size_t begin = 0; begin < p.padded_cols; begin += kBlockCols) {
    const std::size_t left = p.padded_cols - begin;
    const std::size_t end = begin + (left < kBlockCols ? left : kBlockCols);
    for (std::uint32_t pass = 0; pass < kPartialSums; pass += Vec::kWidth) {
      typename Vec::Register sums[kRows][kTokens];
      for (std::uint32_t r = 0; r < kRows; ++r) {
        for (std::uint32_t t = 0; t < kTokens; ++t) sums[r][t] = Vec::load(&partial[r][t][pass]);
      }
      for (std::size_t k = begin + pass; k < end; k += kPartialSums) {
        typename Vec::Register tokens[kTokens];
        for (std::uint32_t t = 0; t < kTokens; ++t) {
          tokens[t] = Vec::load(x + t * p.token_stride + k);
        }
        for (std::uint32_t r = 0; r < kRows; ++r) {
          const typename Vec::Register weights = Vec::widen(w + r * p.weight_stride + k);
          for (std::uint32_t t = 0; t < kTokens; ++t) {
            sums[r][t] = Vec::add_product(weights, tokens[t], sums[r][t]);
          }
        }
      }
      for (std::uint32_t r = 0; r < kRows; ++r) {
        for (std::uint32_t t = 0; t < kTokens; ++t) Vec::store(&partial[r][t][pass], sums[r][t]);
      }
    }
  }
  for (std::uint32_t r = 0; r < kRows; ++r) {
    for (std::uint32_t t = 0; t < kTokens; ++t) {
      float* sum = partial[r][t];
      for (std::uint32_t half = kPartialSums / 2; half != 0; half /= 2) {
        for (std::uint32_t l = 0; l < half; ++l) sum[l] += sum[l + half];
      }
      p.sums[(token + t) * p.sum_stride + row + r] = sum[0];
    }
  }
}

template <typename Vec, std::uint32_t kRows, std::uint32_t kTokens>
inline void dot_tokens(const DotProblem& p, std::uint32_t token) {
  std::uint32_t row = 0;
  for (; row + kRows <= p.num_rows; row += kRows) dot_block<Vec, kRows, kTokens>(p, row, token);
  for (; row < p.num_rows; ++row) dot_block<Vec, 1, kTokens>(p, row, token);
}

/// Blocks that keep enough independent sums going to hide the latency of the multiply-add, and fit
/// 16 registers.
template <typename Vec>
inline void dot_all(const DotProblem& p) {
  std::uint32_t token = 0;
  for (; token + 3 <= p.num_tokens; token += 3) dot_tokens<Vec, 4, 3>(p, token);
  for (; token < p.num_tokens; ++token) dot_tokens<Vec, 8, 1>(p, token);
}

}  // namespace unweight::cpumatmul
