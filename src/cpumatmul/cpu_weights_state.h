// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "codec/chunk_decoder.h"
#include "unweight/matmul.h"

namespace unweight {

struct CpuWeights::State {
  codec::EncodedView view;  ///< into the caller's blob
};

}  // namespace unweight
