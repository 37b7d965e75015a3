// SPDX-License-Identifier: BSD-3-Clause
//
// Rows of a packed tensor, decoded by the CPU codec window by window: only what a window needs of
// the sections is in memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bundle/job_context.h"
#include "bundle/packed_sections.h"
#include "bundle/tensor_windows.h"
#include "codec/chunk_decoder.h"
#include "unweight/result.h"

namespace unweight::bundle {

class CodecRows final : public RowSource {
 public:
  /// Sections are hashed as they are read: all of them, once all rows were read in order.
  CodecRows(JobContext& job, PackedSections& sections) : job_(job), sections_(sections) {}

  /// `first` is a multiple of 16; the range ends at one or at the matrix edge. kInvalidFormat where
  /// nothing can be decoded.
  Result<void> read_rows(std::uint64_t first, std::uint64_t count,
                         std::span<std::uint16_t> out) override;

 private:
  struct ChunkSpan {
    std::uint64_t first = 0;
    std::uint64_t end = 0;
  };

  SectionPart take_part(packed::SectionId id, std::uint64_t begin, std::uint64_t end);
  Result<codec::EncodedView> load_window(ChunkSpan chunks, std::vector<SectionPart>& parts);

  JobContext& job_;
  PackedSections& sections_;
};

}  // namespace unweight::bundle
