// SPDX-License-Identifier: BSD-3-Clause
//
// One packed tensor for every rule of docs/format/packed-tensor.md that a reader must enforce, each
// broken in exactly one way, with all checksums right unless a checksum is what is broken.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "unweight/result.h"

namespace unweight::packed {

struct RefusedCase {
  std::string name;
  std::vector<std::byte> blob;
  ErrorCode code;
  std::string message_part;
};

std::vector<RefusedCase> refused_cases();

}  // namespace unweight::packed
