// SPDX-License-Identifier: BSD-3-Clause
//
// What a caller of gpu.h can get wrong, before anything is launched.
#pragma once

#include <cstddef>
#include <cstdint>

#include "unweight/gpu.h"
#include "unweight/result.h"

namespace unweight::kernels {

inline constexpr std::size_t kSectionAlignment = 16;

[[nodiscard]] inline bool is_aligned(const void* p, std::size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(p) % bytes == 0;
}

/// Of a packed tensor: not raw, and none that nobody knows.
Result<void> check_family(Family family);
/// Family, dimensions, every section that the family has: there and aligned.
Result<void> check_tensor(const gpu::PackedTensor& tensor);
/// Same dimensions as the tensor, stride, pointer.
Result<void> check_matrix(const void* data, std::uint64_t rows, std::uint64_t cols,
                          std::uint64_t row_stride_elems, const gpu::Extents& extents);
/// An output in tile order.
Result<void> check_output(const void* out, const gpu::Extents& extents);

}  // namespace unweight::kernels
