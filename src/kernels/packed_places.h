// SPDX-License-Identifier: BSD-3-Clause
//
// From a blob's header to its tensor in device memory: sizes and places. No CUDA: loading is
// planned with it on any machine.
#pragma once

#include <array>
#include <cstddef>

#include "packed/packed_format.h"
#include "unweight/gpu.h"

namespace unweight::kernels {

/// Extents of a validated header's tensor, in the family in which it is stored.
[[nodiscard]] inline gpu::Extents extents_of(const packed::PackedHeader& header) {
  return {static_cast<Family>(header.family),
          header.rows,
          header.cols,
          header.num_verbatim_rows,
          header.sections[static_cast<std::size_t>(packed::SectionId::kStream)].bytes,
          header.max_chunk_stream_bytes};
}

/// The sections of a tensor by packed::SectionId.
[[nodiscard]] inline std::array<std::byte*, packed::kNumSections> section_pointers(
    const gpu::PackedTensor& tensor) {
  return {tensor.chunk_streams, tensor.verbatim_index, tensor.verbatim_positions,
          tensor.verbatim_rows, tensor.sign_mantissa,  tensor.codes,
          tensor.stream};
}

/// Extents to encode into before anything is known. Verbatim rows and escapes are rare in what is
/// worth packing: room for one in 64; where that is not enough, the outcome says what is.
[[nodiscard]] inline gpu::Extents first_extents(Family family, std::uint64_t rows,
                                                std::uint64_t cols) {
  gpu::Extents extents = gpu::worst_case_extents(family, rows, cols);
  extents.num_verbatim_rows = extents.num_verbatim_rows / 64 + 1;
  return extents;
}

}  // namespace unweight::kernels
