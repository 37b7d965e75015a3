// SPDX-License-Identifier: BSD-3-Clause
//
// Decodes a packed tensor of a file, window by window, without ever holding all of it in the host's
// memory: on the CPU codec, or on the engine of the call.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "bundle/codec_rows.h"
#include "bundle/job_context.h"
#include "bundle/packed_sections.h"
#include "bundle/tensor_windows.h"
#include "unweight/result.h"

namespace unweight::bundle {

class PackedStream final : public RowSource {
 public:
  /// Reads header and index sections, checks their checksums and validates them. With an engine in
  /// `job` that takes the tensor, all of it is decoded there now. What the engine finds no memory
  /// for goes to the CPU codec; so does what is damaged, so that findings do not depend on engines.
  static Result<PackedStream> open(JobContext& job, const InputFile& file, std::uint64_t offset,
                                   std::uint64_t bytes);

  [[nodiscard]] const packed::PackedHeader& header() const noexcept { return sections_->header(); }
  [[nodiscard]] const layout::TileGrid& grid() const noexcept { return sections_->view().grid; }

  /// `first` is a multiple of 16; the range ends at one or at the matrix edge.
  Result<void> read_rows(std::uint64_t first, std::uint64_t count,
                         std::span<std::uint16_t> out) override;

  /// Once all rows were read in order: what is wrong with the bytes of the data sections, the
  /// gaps between sections and the stream's tail. Empty: nothing.
  [[nodiscard]] Result<std::vector<std::string>> problems() const { return sections_->problems(); }

 private:
  PackedStream(JobContext& job, PackedSections sections);

  std::unique_ptr<PackedSections> sections_;  ///< where the sources of rows can point to
  std::unique_ptr<RowSource> engine_rows_;    ///< null: not on the engine, or no longer
  std::unique_ptr<CodecRows> codec_rows_;
};

}  // namespace unweight::bundle
