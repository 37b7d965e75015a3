// SPDX-License-Identifier: BSD-3-Clause
//
// Rows of a packed tensor, decoded by the engine of the call: all sections go there in pieces, are
// hashed on their way, and are decoded at once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bundle/job_context.h"
#include "bundle/packed_sections.h"
#include "bundle/tensor_engine.h"
#include "bundle/tensor_windows.h"
#include "unweight/result.h"

namespace unweight::bundle {

class EngineRows final : public RowSource {
 public:
  /// Whether the call has an engine that takes the tensor.
  [[nodiscard]] static bool takes(JobContext& job, const PackedSections& sections);

  /// Hands all sections to the engine and decodes them. Errors: the file's and the engine's;
  /// kChecksumMismatch if a section is damaged, which the engine then does not decode.
  static Result<std::unique_ptr<EngineRows>> open(JobContext& job, PackedSections& sections);

  /// Any range of rows.
  Result<void> read_rows(std::uint64_t first, std::uint64_t count,
                         std::span<std::uint16_t> out) override {
    return decoder_->read_rows(first, count, out);
  }

 private:
  explicit EngineRows(std::unique_ptr<EngineDecoder> decoder) : decoder_(std::move(decoder)) {}
  Result<void> upload_indices(const PackedSections& sections);
  Result<void> upload_data(JobContext& job, PackedSections& sections);

  std::unique_ptr<EngineDecoder> decoder_;
};

}  // namespace unweight::bundle
