// SPDX-License-Identifier: BSD-3-Clause
//
// Exponent statistics of one tensor and the choices made from them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "unweight/codec.h"

namespace unweight::analysis {

using ExponentCounts = std::array<std::uint64_t, 256>;

[[nodiscard]] double entropy_bits(const ExponentCounts& counts) noexcept;

struct PaletteChoice {
  std::array<std::uint8_t, 16> exponents{};  ///< strictly ascending
  bool is_run = false;                       ///< exponents[i] == exponents[0] + i
  std::uint8_t padding_code = 0;  ///< most frequent entry that is not exponent 255 (ties: lowest
                                  ///< code); 255's code if nothing else occurs
  std::uint64_t num_outside = 0;  ///< weights whose exponent is not in the palette
};

/// The 16 most frequent exponents (ties: lower exponent first; exponents that do not occur fill up
/// from 0), unless the best run of 16 consecutive exponents (ties: lower start) leaves at most
/// total/2^15 more weights outside: then the run, which kernels decode in fewer instructions. A run
/// that covers everything is always taken. Deterministic: the GPU makes the same choice.
[[nodiscard]] PaletteChoice choose_palette(const ExponentCounts& counts) noexcept;

/// Digits of the radix family: the first exponents of its run.
inline constexpr std::size_t kRadixRun = 11;

/// The radix family's palette: the run of 16 whose first 11 hold the most weights (ties: lower
/// start). num_outside: weights outside these 11; padding_code: the most frequent of them (ties:
/// lowest code). Deterministic: the GPU makes the same choice.
[[nodiscard]] PaletteChoice choose_radix_run(const ExponentCounts& counts) noexcept;

}  // namespace unweight::analysis
