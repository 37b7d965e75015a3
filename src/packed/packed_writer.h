// SPDX-License-Identifier: BSD-3-Clause
//
// Puts encoded chunks together into a packed tensor, through a sink that can write at any offset:
// a vector in memory or a file. Keeps 48 bytes per chunk (32 KiB of weights) in memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/hash.h"
#include "codec/chunk_encoder.h"
#include "packed/encode_plan.h"
#include "packed/packed_format.h"
#include "unweight/result.h"

namespace unweight::packed {

/// Writes bytes at an offset from the blob's first byte. Never called twice for one byte; all calls
/// together cover the whole blob, alignment gaps (zeros) included.
using BlobSink =
    std::function<Result<void>(std::uint64_t offset, std::span<const std::byte> bytes)>;

class PackedWriter {
 public:
  /// `num_verbatim_rows` must be exact: num_verbatim() of what TensorAnalyzer counted.
  PackedWriter(const codec::EncodePlan& plan, std::uint64_t num_verbatim_rows, BlobSink sink);

  /// The next chunks, in order. Errors: the sink's; kInternal if the chunks do not fit the plan
  /// (source that changed between analysis and encoding: more verbatim rows than were counted).
  Result<void> append(const codec::EncodedChunks& chunks);

  /// After the last chunk: writes what is left of the sections, the gaps between them and the
  /// header. kInternal if chunks are missing or fewer verbatim rows came than were counted.
  Result<PackedHeader> finish(std::uint64_t original_xxh3);

 private:
  struct SectionState {
    std::uint64_t written_bytes = 0;
    Xxh3Stream hash;
  };

  Result<void> write(SectionId id, std::span<const std::byte> bytes);
  Result<void> append_verbatim(const codec::EncodedChunks& chunks);
  Result<void> write_gaps();
  [[nodiscard]] PackedHeader make_header(std::uint64_t original_xxh3) const;

  codec::EncodePlan plan_;
  std::uint64_t num_verbatim_rows_;
  BlobSink sink_;
  std::array<SectionEntry, kNumSections> sections_;
  std::array<SectionState, kNumSections> states_;
  std::vector<codec::ChunkStreamEntry> chunk_streams_;
  std::vector<codec::VerbatimIndexEntry> verbatim_index_;
  std::uint64_t appended_verbatim_rows_ = 0;
  std::uint32_t max_chunk_stream_bytes_ = 0;
};

}  // namespace unweight::packed
