// SPDX-License-Identifier: BSD-3-Clause
//
// The sections of a packed tensor that lies in a file: header and indices in memory, validated; the
// data sections are read in parts, and hashed as they are.
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
#include "codec/chunk_decoder.h"
#include "packed/packed_format.h"
#include "packed/packed_reader.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// Header of the packed tensor at `offset` of a file, validated against the size the file gives it.
Result<packed::PackedHeader> read_packed_header(const InputFile& file, std::uint64_t offset,
                                                std::uint64_t bytes);

/// The sections that are not held in memory.
inline constexpr std::array kDataSections = {packed::SectionId::kVerbatimRows,
                                             packed::SectionId::kSignMantissa,
                                             packed::SectionId::kCodes, packed::SectionId::kStream};

/// A part of one section in memory.
struct SectionPart {
  packed::SectionId id{};
  std::uint64_t begin = 0;  ///< bytes, relative to the section
  std::span<std::byte> bytes;
};

class PackedSections {
 public:
  /// Reads header and index sections, checks their checksums and validates them.
  static Result<PackedSections> open(JobContext& job, const InputFile& file, std::uint64_t offset,
                                     std::uint64_t bytes);

  [[nodiscard]] const InputFile& file() const noexcept { return *file_; }
  [[nodiscard]] const packed::PackedHeader& header() const noexcept { return header_; }
  [[nodiscard]] const packed::SectionEntry& entry(packed::SectionId id) const noexcept {
    return header_.sections[static_cast<std::size_t>(id)];
  }
  /// Grid, palette and decode table; its spans are empty.
  [[nodiscard]] const codec::EncodedView& view() const noexcept { return view_; }
  [[nodiscard]] std::span<const codec::ChunkStreamEntry> chunk_streams() const noexcept {
    return chunk_streams_;
  }
  [[nodiscard]] std::span<const codec::VerbatimIndexEntry> verbatim_index() const noexcept {
    return verbatim_index_;
  }
  [[nodiscard]] std::span<const codec::VerbatimPosition> verbatim_positions() const noexcept {
    return verbatim_positions_;
  }

  /// What to read for a part.
  [[nodiscard]] ReadRequest request(const SectionPart& part) const;

  /// Hashes what of `part` has not been hashed yet. Parts of a section come in order and may
  /// overlap; those of different sections may come at the same time.
  void hash_part(const SectionPart& part);
  /// Whether a data section was hashed to its end and is what was written.
  [[nodiscard]] bool checksum_holds(packed::SectionId id) const;

  /// Once all data sections were hashed: what is wrong with them, with the gaps between sections
  /// and with the stream's tail. Empty: nothing.
  Result<std::vector<std::string>> problems() const;

 private:
  struct SectionHash {
    Xxh3Stream hash;
    std::uint64_t hashed_bytes = 0;
  };

  PackedSections(const InputFile& file, std::uint64_t offset) : file_(&file), offset_(offset) {}
  template <typename T>
  Result<void> load_index(JobContext& job, packed::SectionId id, std::vector<T>& out);
  [[nodiscard]] Result<bool> all_zero(std::uint64_t begin, std::uint64_t end) const;
  [[nodiscard]] Result<void> check_zeros(std::vector<std::string>& found) const;

  const InputFile* file_;
  std::uint64_t offset_;
  packed::PackedHeader header_{};
  codec::EncodedView view_;
  std::vector<codec::ChunkStreamEntry> chunk_streams_;
  std::vector<codec::VerbatimIndexEntry> verbatim_index_;
  std::vector<codec::VerbatimPosition> verbatim_positions_;
  std::array<SectionHash, packed::kNumSections> hashes_;
};

}  // namespace unweight::bundle
