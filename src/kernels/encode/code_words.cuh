// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace unweight::kernels {

/// Pair of register r in a word of the code section: low code at bits 4r, high code at 16 + 4r.
__device__ __forceinline__ std::uint32_t pair_of_word(std::uint32_t word, std::uint32_t r) {
  return (word >> (4 * r) & 0x0f) | (word >> (12 + 4 * r) & 0xf0);
}

}  // namespace unweight::kernels
