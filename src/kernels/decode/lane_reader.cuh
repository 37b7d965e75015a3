// SPDX-License-Identifier: BSD-3-Clause
//
// One lane's string of codes, in shared memory.
//
// The chain of a pair is look-up, funnel shift, look-up: everything else is beside it. `window_`
// holds the next 32 bits; the bits behind them lie in two whole words of the string, and the
// shift that brings them into place is ready when the look-up comes back:
//
//      position p          p + 32
//         |<---- window_ ---->|<--- next_ --->|
//   ...|         |         |  low_    |  high_   |...   words of shared memory
#pragma once

#include <cstdint>

#include "kernels/tensor_record.h"

namespace unweight::kernels {

class LaneReader {
 public:
  /// `words`: address of shared memory of word 0; reads up to word first_bit / 32 + 2 ahead of what
  /// was consumed.
  __device__ __forceinline__ LaneReader(std::uint32_t words, std::uint32_t first_bit)
      : position_(first_bit), address_(words + first_bit / 32 * 4) {
    const std::uint32_t first = load(address_);
    low_ = load(address_ + 4);
    high_ = load(address_ + 8);
    window_ = __funnelshift_r(first, low_, position_);
    next_ = __funnelshift_r(low_, high_, position_);
  }

  [[nodiscard]] __device__ __forceinline__ std::uint32_t position() const { return position_; }

  /// The table entry of the next pair (tensor_record.h); moves past it. `table`: shared memory.
  __device__ __forceinline__ std::uint32_t read(std::uint32_t table) {
    std::uint16_t entry;
    // Not volatile: the address comes from the words before, so it cannot move above their loads.
    asm("ld.shared.u16 %0, [%1];"
        : "=h"(entry)
        : "r"(table + (window_ % codec::kDecodeTableSize) * 2));
    const std::uint32_t length = entry & 15u;
    window_ = __funnelshift_r(window_, next_, length);
    const std::uint32_t before = position_;
    position_ += length;
    if ((before ^ position_) & 32) {  // at most 15 bits: never two words
      address_ += 4;
      low_ = high_;
      asm("ld.shared.u32 %0, [%1];" : "=r"(high_) : "r"(address_ + 8));
    }
    next_ = __funnelshift_r(low_, high_, position_);
    return entry;
  }

 private:
  static __device__ __forceinline__ std::uint32_t load(std::uint32_t address) {
    std::uint32_t word;
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(word) : "r"(address));
    return word;
  }

  std::uint32_t position_;  ///< bits from word 0
  std::uint32_t address_;   ///< of the word that holds `position_`
  std::uint32_t window_, next_, low_, high_;
};

}  // namespace unweight::kernels
