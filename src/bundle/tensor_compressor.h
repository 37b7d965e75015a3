// SPDX-License-Identifier: BSD-3-Clause
//
// How a tensor becomes a packed tensor: surveyed first, then, if that pays, packed. On the CPU
// codec or on the call's engine; whoever compresses files need not know which.
#pragma once

#include <memory>

#include "bundle/job_context.h"
#include "bundle/tensor_survey.h"
#include "bundle/tensor_windows.h"
#include "codec/chunk_encoder.h"
#include "packed/packed_writer.h"
#include "unweight/result.h"

namespace unweight::bundle {

class TensorCompressor {
 public:
  virtual ~TensorCompressor() = default;

  /// Hash and statistics of the rows; what can be packed next.
  virtual Result<TensorSurvey> survey(TensorWindows& windows) = 0;

  /// Encodes the tensor that was surveyed last into `sink`; the blob is complete when this returns.
  /// kSourceChanged if the rows are not the ones that were surveyed.
  virtual Result<packed::PackedHeader> pack(TensorWindows& windows, const codec::EncodePlan& plan,
                                            const TensorSurvey& survey, packed::BlobSink sink) = 0;
};

/// One per call; its buffers serve one tensor after the other. With an engine in `job`, tensors go
/// to it where it takes them, and to the CPU codec where not or where the engine's memory runs out;
/// a blob that had been begun is then written again from its first byte.
std::unique_ptr<TensorCompressor> make_tensor_compressor(JobContext& job, bool self_check);

}  // namespace unweight::bundle
