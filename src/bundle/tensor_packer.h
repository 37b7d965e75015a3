// SPDX-License-Identifier: BSD-3-Clause
//
// The last pass over a tensor on the CPU codec: chunks are encoded on all workers and written in
// order.
#pragma once

#include <cstdint>
#include <vector>

#include "bundle/job_context.h"
#include "bundle/tensor_survey.h"
#include "bundle/tensor_windows.h"
#include "codec/chunk_encoder.h"
#include "packed/chunk_self_check.h"
#include "packed/packed_writer.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// One per call; its buffers serve one tensor after the other.
class TensorPacker {
 public:
  TensorPacker(JobContext& job, bool self_check) : job_(job), self_check_(self_check) {}

  /// Encodes the tensor into `sink`; the blob is complete when this returns. kSourceChanged if the
  /// rows are not the ones that were surveyed.
  Result<packed::PackedHeader> pack(TensorWindows& windows, const codec::EncodePlan& plan,
                                    const TensorSurvey& survey, packed::BlobSink sink);

 private:
  /// A batch of chunks on its way from the encoder to the writer.
  struct Slot {
    codec::EncodedChunks encoded;
    packed::ChunkSelfCheck check;
  };
  /// Batches are encoded a group at a time, while the group before is being written.
  struct Group {
    std::vector<Slot> slots;
    std::size_t used = 0;
  };

  void plan_batches();
  Result<packed::PackedHeader> pack_windows(TensorWindows& windows, const codec::EncodePlan& plan,
                                            const TensorSurvey& survey, packed::BlobSink sink);
  Result<void> encode(const codec::EncodePlan& plan, const codec::SourceWindow& window,
                      codec::ChunkRange chunks, Slot& slot) const;

  JobContext& job_;
  bool self_check_;
  std::uint64_t batch_chunks_ = 1;
  std::size_t group_batches_ = 1;
  Group groups_[2];
};

}  // namespace unweight::bundle
