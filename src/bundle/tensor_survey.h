// SPDX-License-Identifier: BSD-3-Clause
//
// The passes over a tensor before any of it is encoded: its hash, its statistics.
#pragma once

#include <cstdint>

#include "bundle/job_context.h"
#include "bundle/tensor_windows.h"
#include "codec/chunk_encoder.h"
#include "unweight/codec.h"
#include "unweight/result.h"

namespace unweight::bundle {

struct TensorSurvey {
  TensorAnalysis analysis;
  codec::EncodePlan plan;  ///< for kHuffman; with the family changed, for kPalette
  std::uint64_t xxh3 = 0;  ///< of the tensor's bytes
};

/// On the CPU codec.
Result<TensorSurvey> survey_tensor(JobContext& job, TensorWindows& windows);

/// Stored size of a family, as far as it is known before encoding.
[[nodiscard]] std::uint64_t estimated_bytes(const TensorAnalysis& analysis, Family family);

}  // namespace unweight::bundle
