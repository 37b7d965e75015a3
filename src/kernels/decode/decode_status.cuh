// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

#include "kernels/decode/decode_params.h"

namespace unweight::kernels {

/// ORs kStatus... bits into the caller's status word, if there is one.
__device__ __forceinline__ void report(const DecodeParams& params, std::uint32_t bits) {
  if (bits != 0 && params.status != nullptr) atomicOr(params.status, bits);
}

}  // namespace unweight::kernels
