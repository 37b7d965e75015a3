// SPDX-License-Identifier: BSD-3-Clause
//
// A GPU as the engine of compress(), decompress() and verify() in unweight/bundle.h: put it into
// their options. Bundles are the same bytes whichever engine made them. Link unweight::cuda.
#pragma once

#include <memory>

#include "unweight/bundle.h"
#include "unweight/result.h"

namespace unweight {

/// An engine on CUDA device `ordinal` (needs compute capability 9.0), counted among those that
/// num_cuda_devices() counts, in CUDA's order. kUnsupported says why there is none; kOutOfMemory.
[[nodiscard]] Result<std::shared_ptr<TensorEngine>> open_cuda_engine(int ordinal = 0);

/// Number of CUDA devices that open_cuda_engine can use; 0 without driver or device; never fails.
[[nodiscard]] int num_cuda_devices() noexcept;

}  // namespace unweight
