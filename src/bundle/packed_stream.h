// SPDX-License-Identifier: BSD-3-Clause
//
// Decodes a packed tensor of a file, window by window, without ever holding all of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "bundle/job_context.h"
#include "bundle/tensor_windows.h"
#include "codec/chunk_decoder.h"
#include "packed/packed_format.h"
#include "packed/packed_reader.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// Header of the packed tensor at `offset` of a file, validated against the size the file gives it.
Result<packed::PackedHeader> read_packed_header(const InputFile& file, std::uint64_t offset,
                                                std::uint64_t bytes);

class PackedStream final : public RowSource {
 public:
  /// Reads header and index sections, checks their checksums and validates them.
  static Result<PackedStream> open(JobContext& job, const InputFile& file, std::uint64_t offset,
                                   std::uint64_t bytes);

  [[nodiscard]] const packed::PackedHeader& header() const noexcept { return header_; }
  [[nodiscard]] const layout::TileGrid& grid() const noexcept { return indices_.grid; }

  /// `first` is a multiple of 16; the range ends at one or at the matrix edge.
  Result<void> read_rows(std::uint64_t first, std::uint64_t count,
                         std::span<std::uint16_t> out) override;

  /// Once all rows were read in order: what is wrong with the bytes of the data sections, the
  /// gaps between sections and the stream's tail. Empty: nothing.
  Result<std::vector<std::string>> problems() const;

 private:
  /// A part of one section in memory.
  struct Part {
    packed::SectionId id{};
    std::uint64_t begin = 0;  ///< bytes, relative to the section
    std::span<std::byte> bytes;
  };
  struct SectionHash {
    Xxh3Stream hash;
    std::uint64_t hashed_bytes = 0;
  };
  struct ChunkSpan {
    std::uint64_t first = 0;
    std::uint64_t end = 0;
  };

  PackedStream(JobContext& job, const InputFile& file, std::uint64_t offset)
      : job_(&job), file_(&file), offset_(offset) {}
  template <typename T>
  Result<void> load_index(packed::SectionId id, std::vector<T>& out);
  [[nodiscard]] ReadRequest request(const Part& part) const;
  Part take_part(packed::SectionId id, std::uint64_t begin, std::uint64_t end);
  Result<codec::EncodedView> load_window(ChunkSpan chunks, std::vector<Part>& parts);
  void hash_part(const Part& part);
  [[nodiscard]] Result<bool> all_zero(std::uint64_t begin, std::uint64_t end) const;
  [[nodiscard]] Result<void> check_zeros(std::vector<std::string>& found) const;

  JobContext* job_;
  const InputFile* file_;
  std::uint64_t offset_;
  packed::PackedHeader header_{};
  codec::EncodedView indices_;  ///< grid, palette, table; no spans
  std::vector<codec::ChunkStreamEntry> chunk_streams_;
  std::vector<codec::VerbatimIndexEntry> verbatim_index_;
  std::vector<codec::VerbatimPosition> verbatim_positions_;
  std::array<SectionHash, packed::kNumSections> hashes_;
};

}  // namespace unweight::bundle
