// SPDX-License-Identifier: BSD-3-Clause
//
// One lane's string of codes, in shared memory, read two codes at a time.
//
// The chain of a pair is look-up, funnel shift, mask, look-up; everything else is beside it.
// `window_` holds the next 32 bits. `next_`, the 32 behind them, comes out of two whole words of
// the string by a shift that is ready when the look-ups come back; `spare_` is loaded before it is
// needed. Two codes have at most 26 bits (corrupt ones 30): less than a word, so one look at
// whether a word was crossed serves both.
//
//      position p          p + 32
//         |<---- window_ ---->|<--- next_ --->|
//   ...|         |        |   low_   |   high_   |   spare_   |...   words of shared memory
//
// The window begins one bit early: then the masked window is the byte offset in a table of 2-byte
// entries. The table begins at a multiple of its size: then one LOP3 makes the address.
#pragma once

#include <cstdint>

#include "kernels/tensor_record.h"

namespace unweight::kernels {

class LaneReader {
 public:
  /// `words`: address of shared memory of word 0. The string begins at bit `first_bit` >= 1 of it.
  /// Reads whole words up to three behind the one that the string ends in.
  __device__ __forceinline__ LaneReader(std::uint32_t words, std::uint32_t first_bit)
      : position_(first_bit - 1), address_(words + (first_bit - 1) / 32 * 4) {
    const std::uint32_t first = load(address_);
    low_ = load(address_ + 4);
    high_ = load(address_ + 8);
    spare_ = load(address_ + 12);
    window_ = __funnelshift_r(first, low_, position_);
    next_ = __funnelshift_r(low_, high_, position_);
  }

  /// Bits from word 0 to the next code.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t position() const { return position_ + 1; }

  /// The table entries of the next two pairs (tensor_record.h); moves past them. `table`: shared
  /// memory address, a multiple of the table's size.
  __device__ __forceinline__ void read_two(std::uint32_t table, std::uint32_t& first,
                                           std::uint32_t& second) {
    first = look_up(table);
    window_ = __funnelshift_r(window_, next_, first);
    next_ = __funnelshift_r(next_, 0, first);
    second = look_up(table);
    window_ = __funnelshift_r(window_, next_, second);
    const std::uint32_t before = position_;
    position_ += (first + second) & 31;  // the lengths' sum; nothing else is in these bits
    // Predicated, never a branch: some lane crosses a word nearly every time.
    asm("{\n"
        ".reg .pred crossed;\n"
        "setp.ne.u32 crossed, %4, 0;\n"
        "selp.b32 %0, %1, %0, crossed;\n"
        "selp.b32 %1, %2, %1, crossed;\n"
        "@crossed add.u32 %3, %3, 4;\n"
        "@crossed ld.shared.u32 %2, [%3 + 12];\n"
        "}\n"
        : "+r"(low_), "+r"(high_), "+r"(spare_), "+r"(address_)
        : "r"((before ^ position_) & 32));
    next_ = __funnelshift_r(low_, high_, position_);
  }

 private:
  // Not volatile: the address comes from the words before, so it cannot move above their loads.
  __device__ __forceinline__ std::uint32_t look_up(std::uint32_t table) const {
    constexpr std::uint32_t kOffsetMask = 2 * (codec::kDecodeTableSize - 1);
    std::uint16_t entry;
    asm("ld.shared.u16 %0, [%1];" : "=h"(entry) : "r"((window_ & kOffsetMask) | table));
    return entry;
  }
  static __device__ __forceinline__ std::uint32_t load(std::uint32_t address) {
    std::uint32_t word;
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(word) : "r"(address));
    return word;
  }

  std::uint32_t position_;  ///< bits from word 0, less one
  std::uint32_t address_;   ///< of the word that holds `position_`
  std::uint32_t window_, next_, low_, high_, spare_;
};

}  // namespace unweight::kernels
