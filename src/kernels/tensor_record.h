// SPDX-License-Identifier: BSD-3-Clause
//
// What a packed tensor has beside its sections in GPU memory: the header's choices in the form in
// which kernels want them, and what the GPU encoder counted. gpu::PackedTensor::record points to
// it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "codec/families_format.h"
#include "packed/packed_format.h"
#include "unweight/gpu.h"

namespace unweight::kernels {

/// Decode table entry, for the next 13 bits of a string:
///   15  14      11 10       7 6   4 3      0
///   | 0 | high code | low code | 0 | length |        length 0..13
/// A shift takes its count from the low 5 bits as they are; times 0x1001, both codes are where the
/// exponents of two weights in a register begin (bits 7 and 23).
UNWEIGHT_HOST_DEVICE constexpr std::uint16_t pack_table_entry(std::uint32_t pair,
                                                              std::uint32_t length) {
  return static_cast<std::uint16_t>(pair << 7 | length);
}
UNWEIGHT_HOST_DEVICE constexpr std::uint32_t pair_of_entry(std::uint32_t entry) {
  return entry >> 7;
}

struct TensorRecord {
  gpu::EncodeOutcome outcome;    ///< encoder only; zero in records of blobs
  codec::Palette palette;        ///< strictly ascending exponents
  std::uint8_t palette_is_run;   ///< 1: palette[i] == palette[0] + i
  std::uint8_t padding_code;     ///< palette code of padding and of weights outside; kRadix: digit
  std::uint8_t max_code_length;  ///< kHuffman
  std::uint8_t single_symbol;    ///< kHuffman, max_code_length 0: the only pair
  std::uint32_t reserved;
  codec::CodeLengths code_lengths;                        ///< kHuffman
  std::array<std::uint16_t, codec::kNumPairs> code_bits;  ///< encoder only: first bit in bit 0
  /// Encoder only: exponent -> code (kRadix: digit), or kNotInPalette.
  std::array<std::uint8_t, 256> code_of;
  std::array<std::uint64_t, 256> exponent_counts;           ///< encoder only
  std::array<std::uint64_t, codec::kNumPairs> pair_counts;  ///< encoder only
  alignas(16) std::array<std::uint16_t, codec::kDecodeTableSize> decode_table;
};
static_assert(sizeof(TensorRecord) <= gpu::kRecordBytes && alignof(TensorRecord) == 16);

/// Verbatim rows, or escapes, that there are where there is room for `capacity`: the extents of an
/// encoder have some to spare.
UNWEIGHT_HOST_DEVICE inline std::uint64_t num_verbatim_rows(const TensorRecord& record,
                                                            std::uint64_t capacity) {
  const gpu::EncodeOutcome& outcome = record.outcome;
  return outcome.fits && outcome.num_verbatim_rows < capacity ? outcome.num_verbatim_rows
                                                              : capacity;
}

/// The record of a validated header; bytes behind sizeof(TensorRecord) are never read.
[[nodiscard]] TensorRecord make_record(const packed::PackedHeader& header);

}  // namespace unweight::kernels
