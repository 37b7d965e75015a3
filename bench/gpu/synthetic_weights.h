// SPDX-License-Identifier: BSD-3-Clause
//
// Weights made on the GPU, and comparisons on the GPU: matrices of benchmark size never cross the
// bus. A weight depends on nothing but seed, row and column.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace unweight::bench {

enum class Weights : std::uint8_t {
  kNormal,          ///< N(0, 0.02)
  kStudentT,        ///< 0.02 times Student's t with 4 degrees of freedom
  kRowScaled,       ///< N(0, 0.02), each row scaled by a log-normal factor of sigma 0.5
  kOutlierColumns,  ///< N(0, 0.02), 1 % of the columns 30 times larger
  kOnePercentZero,  ///< N(0, 0.02), 1 % of the weights +0: the palette is no run
};
inline constexpr Weights kAllWeights[] = {Weights::kNormal, Weights::kStudentT, Weights::kRowScaled,
                                          Weights::kOutlierColumns, Weights::kOnePercentZero};
[[nodiscard]] const char* weights_name(Weights weights);

/// Fills rows x cols BF16 weights, rows one after the other.
void make_weights(Weights weights, std::uint64_t rows, std::uint64_t cols, std::uint64_t seed,
                  std::uint16_t* out, cudaStream_t stream);

// Expected outputs of decoders, from the original (rows x cols, multiples of 16 x 64), weight by
// weight by layout/tile_order.h.
void expect_tiles(const std::uint16_t* original, std::uint64_t rows, std::uint64_t cols,
                  std::byte* out, cudaStream_t stream);
void expect_exponents(const std::uint16_t* original, std::uint64_t rows, std::uint64_t cols,
                      std::byte* out, cudaStream_t stream);

/// Waits; how many of num_words 16-bit words differ.
[[nodiscard]] std::uint64_t count_differences(const void* left, const void* right,
                                              std::uint64_t num_words, cudaStream_t stream);

}  // namespace unweight::bench
