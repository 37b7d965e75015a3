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
  codec::EncodePlan huffman_plan;  ///< with the family changed, for kPalette too
  codec::EncodePlan radix_plan;
  std::uint64_t xxh3 = 0;  ///< of the tensor's bytes

  /// How to encode the tensor in a family that is not kRaw.
  [[nodiscard]] codec::EncodePlan plan_for(Family family) const;
};

/// On the CPU codec.
Result<TensorSurvey> survey_tensor(JobContext& job, TensorWindows& windows);

}  // namespace unweight::bundle
