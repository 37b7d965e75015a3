// SPDX-License-Identifier: BSD-3-Clause
//
// Structs of c_api_gpu.h and gpu.h into each other.
#pragma once

#include "capi/c_api_support.h"
#include "unweight/c_api_gpu.h"
#include "unweight/gpu.h"

namespace unweight::capi {

/// A family of packed tensors; anything else is kInvalidArgument.
[[nodiscard]] Result<Family> packed_family_from_c(uw_family family);

[[nodiscard]] Result<gpu::Extents> extents_from_c(const uw_gpu_extents* extents);
[[nodiscard]] uw_gpu_extents extents_to_c(const gpu::Extents& extents);

[[nodiscard]] Result<gpu::PackedTensor> tensor_from_c(const uw_gpu_tensor* tensor);
[[nodiscard]] uw_gpu_tensor tensor_to_c(const gpu::PackedTensor& tensor);

/// Dimensions that the format can hold.
[[nodiscard]] Result<void> check_dimensions(std::uint64_t rows, std::uint64_t cols);

[[nodiscard]] inline gpu::Stream stream_from_c(void* stream) {
  return static_cast<gpu::Stream>(stream);
}

inline uw_status finish(uw_error* error, const Result<void>& result) {
  return result ? UW_OK : fail(error, result.error());
}

}  // namespace unweight::capi
