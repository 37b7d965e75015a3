// SPDX-License-Identifier: BSD-3-Clause
//
// The slow, obvious decoder: docs/format/packed-tensor.md in code, in its order, one weight at a
// time, sharing nothing with the fast path but the names of the header fields. Tests hold every
// other decoder (CPU and GPU) against it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "unweight/result.h"

namespace unweight::codec {

struct ReferenceTensor {
  std::uint64_t rows = 0, cols = 0;
  std::vector<std::uint16_t> weights;  ///< row-major
};

/// `blob` is a whole packed tensor. Checks only what it needs to stay inside the blob; checksums
/// are not looked at.
Result<ReferenceTensor> reference_decode(std::span<const std::byte> blob);

}  // namespace unweight::codec
