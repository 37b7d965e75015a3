// SPDX-License-Identifier: BSD-3-Clause
//
// Surveys and packs tensors on the engine of the call. Every row is read once, whatever the
// tensor's size: the engine keeps them from survey to packing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "bundle/job_context.h"
#include "bundle/tensor_compressor.h"
#include "bundle/tensor_engine.h"
#include "codec/chunk_encoder.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// Requires an engine in `job`. Errors besides those of TensorCompressor: the engine's.
class EngineCompressor final : public TensorCompressor {
 public:
  EngineCompressor(JobContext& job, bool self_check) : job_(job), self_check_(self_check) {}

  /// Whether the next tensor, of this size, may come here. Drops the tensor before it.
  [[nodiscard]] bool takes(const layout::TileGrid& grid);
  /// Frees what the engine holds of the tensor at work.
  void drop_tensor() { encoder_.reset(); }

  Result<TensorSurvey> survey(TensorWindows& windows) override;
  Result<packed::PackedHeader> pack(TensorWindows& windows, const codec::EncodePlan& plan,
                                    const TensorSurvey& survey, packed::BlobSink sink) override;

 private:
  Result<std::uint64_t> append_all_rows(TensorWindows& windows);
  Result<void> move_chunks(const layout::TileGrid& grid, packed::PackedWriter& writer);

  JobContext& job_;
  bool self_check_;
  std::unique_ptr<EngineEncoder> encoder_;  ///< holds the tensor that was surveyed last
  std::array<codec::EncodedChunks, 2> ranges_;
};

}  // namespace unweight::bundle
