// SPDX-License-Identifier: BSD-3-Clause
//
// One packed tensor for every rule of docs/format/packed-tensor.md that a reader must enforce, each
// broken in exactly one way, with all checksums right unless a checksum is what is broken.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "unweight/codec.h"
#include "unweight/result.h"

namespace unweight::packed {

struct RefusedCase {
  std::string name;
  std::vector<std::byte> blob;
  ErrorCode code;
  std::string message_part;
};

std::vector<RefusedCase> refused_cases();

/// decode() into a matrix of the header's dimensions, where they are those of a sound case.
Result<void> decode_refused(std::span<const std::byte> blob, const DecodeOptions& options = {});

}  // namespace unweight::packed
