// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/packed_sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/try.h"
#include "packed/header_checks.h"

namespace unweight::bundle {
namespace {

using packed::SectionId;

constexpr std::size_t index_of(SectionId id) {
  return static_cast<std::size_t>(id);
}

std::string checksum_problem(SectionId id) {
  return fmt::format("section {}: checksum mismatch", packed::section_name(id));
}

}  // namespace

Result<packed::PackedHeader> read_packed_header(const InputFile& file, std::uint64_t offset,
                                                std::uint64_t bytes) {
  if (bytes < sizeof(packed::PackedHeader))
    return Error{ErrorCode::kInvalidFormat, "packed tensor is shorter than its header"};
  std::array<std::byte, sizeof(packed::PackedHeader)> first_bytes;
  UNWEIGHT_TRY(file.read_at(offset, first_bytes));
  return packed::parse_header(first_bytes, bytes);
}

template <typename T>
Result<void> PackedSections::load_index(JobContext& job, SectionId id, std::vector<T>& out) {
  const packed::SectionEntry& section = entry(id);
  out.resize(section.bytes / sizeof(T));
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(out));
  UNWEIGHT_TRY(read_pieces(job, *file_, {request({id, 0, bytes})}));
  if (xxh3(bytes) != section.xxh3) return Error{ErrorCode::kChecksumMismatch, checksum_problem(id)};
  return {};
}

Result<PackedSections> PackedSections::open(JobContext& job, const InputFile& file,
                                            std::uint64_t offset, std::uint64_t bytes) {
  PackedSections sections(file, offset);
  UNWEIGHT_TRY_ASSIGN(sections.header_, read_packed_header(file, offset, bytes));
  UNWEIGHT_TRY_ASSIGN(sections.view_, packed::view_without_sections(sections.header_));
  UNWEIGHT_TRY(sections.load_index(job, SectionId::kChunkStreams, sections.chunk_streams_));
  UNWEIGHT_TRY(sections.load_index(job, SectionId::kVerbatimIndex, sections.verbatim_index_));
  UNWEIGHT_TRY(
      sections.load_index(job, SectionId::kVerbatimPositions, sections.verbatim_positions_));
  UNWEIGHT_TRY(packed::check_indices(sections.header_, sections.chunk_streams_,
                                     sections.verbatim_index_, sections.verbatim_positions_));
  return sections;
}

ReadRequest PackedSections::request(const SectionPart& part) const {
  return {offset_ + entry(part.id).offset + part.begin, part.bytes};
}

void PackedSections::hash_part(const SectionPart& part) {
  SectionHash& state = hashes_[index_of(part.id)];
  const std::uint64_t end = part.begin + part.bytes.size();
  if (end <= state.hashed_bytes || part.begin > state.hashed_bytes) return;
  state.hash.update(part.bytes.subspan(state.hashed_bytes - part.begin));
  state.hashed_bytes = end;
}

bool PackedSections::checksum_holds(SectionId id) const {
  const SectionHash& state = hashes_[index_of(id)];
  return state.hashed_bytes == entry(id).bytes && state.hash.digest() == entry(id).xxh3;
}

/// Bytes [begin, end) of the blob, at most kAlignment.
Result<bool> PackedSections::all_zero(std::uint64_t begin, std::uint64_t end) const {
  std::array<std::byte, packed::kAlignment> memory;
  const std::span<std::byte> bytes = std::span(memory).first(end - begin);
  UNWEIGHT_TRY(file_->read_at(offset_ + begin, bytes));
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

Result<void> PackedSections::check_zeros(std::vector<std::string>& found) const {
  for (std::size_t i = 0; i < packed::kNumSections; ++i) {
    const std::uint64_t end = header_.sections[i].offset + header_.sections[i].bytes;
    UNWEIGHT_TRY_ASSIGN(const bool zero, all_zero(end, packed::align_up(end)));
    if (!zero) {
      found.push_back(fmt::format("gap behind section {} is not zero",
                                  packed::section_name(static_cast<SectionId>(i))));
    }
  }
  if (view_.family == Family::kHuffman) {
    const packed::SectionEntry& stream = entry(SectionId::kStream);
    const std::uint64_t end = stream.offset + stream.bytes;
    UNWEIGHT_TRY_ASSIGN(const bool zero, all_zero(end - codec::kStreamTailBytes, end));
    if (!zero) found.push_back("tail of section stream is not zero");
  }
  return {};
}

Result<std::vector<std::string>> PackedSections::problems() const {
  std::vector<std::string> found;
  for (const SectionId id : kDataSections)
    if (!checksum_holds(id)) found.push_back(checksum_problem(id));
  UNWEIGHT_TRY(check_zeros(found));
  return found;
}

}  // namespace unweight::bundle
