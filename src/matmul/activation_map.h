// SPDX-License-Identifier: BSD-3-Clause
//
// Activations as tensor copies see them.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "unweight/gpu.h"
#include "unweight/result.h"

namespace unweight::matmul {

/// Base and stride that tensor copies can read.
[[nodiscard]] bool readable_by_tensor_copies(const gpu::DeviceMatrix& x);

/// Boxes of 64 columns x `tokens` rows, 128-byte swizzle; outside of the matrix there are zeros.
/// `x` is readable_by_tensor_copies(). Errors: kUnsupported (the driver has no tensor maps).
Result<CUtensorMap> activation_map(const gpu::DeviceMatrix& x, std::uint32_t tokens);

/// Elements of a row of the copy that launch_align_activations() makes.
[[nodiscard]] std::uint64_t aligned_stride(std::uint64_t cols);
/// Copies x to `out`, rows of aligned_stride() elements.
cudaError_t launch_align_activations(const gpu::DeviceMatrix& x, std::uint16_t* out,
                                     cudaStream_t stream);

}  // namespace unweight::matmul
