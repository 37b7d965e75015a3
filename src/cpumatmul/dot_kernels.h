// SPDX-License-Identifier: BSD-3-Clause
//
// The inner loop of the CPU matmul, one per instruction set, all with the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu_features.h"

namespace unweight::cpumatmul {

/// Partial sums of a dot product. K is padded with zeros to a multiple of it.
inline constexpr std::uint32_t kPartialSums = 16;

/// Rows of weights against tokens.
struct DotProblem {
  const std::uint16_t* weights;  ///< num_rows x padded_cols, BF16, 2-byte aligned
  std::size_t weight_stride;     ///< elements
  const float* tokens;           ///< num_tokens x padded_cols
  std::size_t token_stride;      ///< elements
  float* sums;                   ///< row r, token t to sums[t * sum_stride + r]
  std::size_t sum_stride;        ///< elements
  std::uint32_t num_rows;
  std::uint32_t num_tokens;
  std::size_t padded_cols;  ///< multiple of kPartialSums
};

/// Every sum in the order that unweight/matmul.h promises, whatever the neighbours.
using DotRows = void (*)(const DotProblem& problem);

/// Of an instruction set that this machine has (anything above gives the best that it has).
[[nodiscard]] DotRows dot_rows(Isa isa);

void dot_rows_portable(const DotProblem& problem);
void dot_rows_avx2(const DotProblem& problem);
void dot_rows_avx512(const DotProblem& problem);

}  // namespace unweight::cpumatmul
