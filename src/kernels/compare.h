// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace unweight::kernels {

/// *num_differences += how many of the num_elems 16-bit words of a and b differ. Device pointers,
/// 2-byte aligned (16-byte aligned ones are faster); asynchronous.
cudaError_t count_differences(const std::uint16_t* a, const std::uint16_t* b,
                              std::uint64_t num_elems, unsigned long long* num_differences,
                              cudaStream_t stream);

}  // namespace unweight::kernels
