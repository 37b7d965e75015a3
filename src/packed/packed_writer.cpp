// SPDX-License-Identifier: BSD-3-Clause
#include "packed/packed_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/try.h"
#include "packed/header_checks.h"

namespace unweight::packed {
namespace {

constexpr std::size_t index_of(SectionId id) {
  return static_cast<std::size_t>(id);
}

}  // namespace

PackedWriter::PackedWriter(const codec::EncodePlan& plan, std::uint64_t num_verbatim_rows,
                           BlobSink sink)
    : plan_(plan),
      num_verbatim_rows_(num_verbatim_rows),
      sink_(std::move(sink)),
      sections_(section_layout(plan.family, plan.grid, num_verbatim_rows)) {
  if (plan_.family == Family::kHuffman) {
    chunk_streams_.reserve(plan_.grid.num_chunks());
  }
  verbatim_index_.reserve(plan_.grid.num_chunks());
}

// The next part of a section, at its place.
Result<void> PackedWriter::write(SectionId id, std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  SectionState& state = states_[index_of(id)];
  SectionEntry& section = sections_[index_of(id)];
  if (id == SectionId::kStream) {
    section.bytes += bytes.size();  // the only section whose length encoding tells
  } else if (bytes.size() > section.bytes - state.written_bytes) {
    return Error{
        ErrorCode::kInternal,
        fmt::format("section {} grew past the {} bytes that analysis found: did the source "
                    "change?",
                    section_name(id), section.bytes)};
  }
  state.hash.update(bytes);
  UNWEIGHT_TRY(sink_(section.offset + state.written_bytes, bytes));
  state.written_bytes += bytes.size();
  return {};
}

// Verbatim records count from the range's start; on disk they count from the tensor's.
Result<void> PackedWriter::append_verbatim(const codec::EncodedChunks& chunks) {
  for (codec::VerbatimIndexEntry entry : chunks.verbatim_index) {
    entry.first_verbatim_row += static_cast<std::uint32_t>(appended_verbatim_rows_);
    verbatim_index_.push_back(entry);
  }
  appended_verbatim_rows_ += chunks.verbatim_positions.size();
  UNWEIGHT_TRY(
      write(SectionId::kVerbatimPositions, std::as_bytes(std::span(chunks.verbatim_positions))));
  return write(SectionId::kVerbatimRows, std::as_bytes(std::span(chunks.verbatim_rows)));
}

Result<void> PackedWriter::append(const codec::EncodedChunks& chunks) {
  UNWEIGHT_TRY(append_verbatim(chunks));
  UNWEIGHT_TRY(write(SectionId::kSignMantissa, std::as_bytes(std::span(chunks.sign_mantissa))));
  if (plan_.family != Family::kHuffman) {
    return write(SectionId::kCodes, std::as_bytes(std::span(chunks.codes)));
  }
  const std::uint64_t stream_base = states_[index_of(SectionId::kStream)].written_bytes;
  for (codec::ChunkStreamEntry entry : chunks.chunk_streams) {
    entry.packed += stream_base;  // the offset's bits are the lowest
    max_chunk_stream_bytes_ = std::max(max_chunk_stream_bytes_, codec::chunk_stream_bytes(entry));
    chunk_streams_.push_back(entry);
  }
  return write(SectionId::kStream, std::as_bytes(std::span(chunks.stream)));
}

Result<void> PackedWriter::write_gaps() {
  static constexpr std::array<std::byte, kAlignment> kZeros{};
  for (const SectionEntry& section : sections_) {
    const std::uint64_t end = section.offset + section.bytes, gap = align_up(end) - end;
    if (gap != 0) UNWEIGHT_TRY(sink_(end, std::span(kZeros).first(gap)));
  }
  return {};
}

PackedHeader PackedWriter::make_header(std::uint64_t original_xxh3) const {
  PackedHeader header{};
  header.magic = kMagic;
  header.format_version = kFormatVersion;
  header.family = static_cast<std::uint8_t>(plan_.family);
  header.dtype = kDtypeBf16;
  header.palette_is_run = plan_.palette_is_run ? 1 : 0;
  header.padding_code = plan_.padding_code;
  header.num_sections = kNumSections;
  header.rows = plan_.grid.rows;
  header.cols = plan_.grid.cols;
  header.palette = plan_.palette;
  if (plan_.family == Family::kHuffman) {
    header.max_code_length = plan_.code.max_length;
    header.single_symbol = plan_.code.single_symbol;
    for (std::size_t pair = 0; pair < codec::kNumPairs; ++pair) {
      header.code_lengths[pair / 2] |=
          static_cast<std::uint8_t>(plan_.code.lengths[pair] << pair % 2 * 4);
    }
  }
  header.num_verbatim_rows = num_verbatim_rows_;
  header.original_xxh3 = original_xxh3;
  header.max_chunk_stream_bytes = max_chunk_stream_bytes_;
  header.sections = sections_;
  for (std::size_t i = 0; i < kNumSections; ++i) {
    header.sections[i].xxh3 = states_[i].hash.digest();
  }
  header.packed_bytes = packed_size(sections_, sections_[index_of(SectionId::kStream)].bytes);
  header.header_xxh3 = header_checksum(header);
  return header;
}

Result<PackedHeader> PackedWriter::finish(std::uint64_t original_xxh3) {
  UNWEIGHT_TRY(write(SectionId::kVerbatimIndex, std::as_bytes(std::span(verbatim_index_))));
  if (plan_.family == Family::kHuffman) {
    static constexpr std::array<std::uint8_t, codec::kStreamTailBytes> kTail{};
    UNWEIGHT_TRY(write(SectionId::kChunkStreams, std::as_bytes(std::span(chunk_streams_))));
    UNWEIGHT_TRY(write(SectionId::kStream, std::as_bytes(std::span(kTail))));
  }
  for (std::size_t i = 0; i < kNumSections; ++i) {
    if (states_[i].written_bytes != sections_[i].bytes) {
      return Error{ErrorCode::kInternal,
                   fmt::format("section {} has {} of {} bytes: chunks are missing, or the source "
                               "changed",
                               section_name(static_cast<SectionId>(i)), states_[i].written_bytes,
                               sections_[i].bytes)};
    }
  }
  UNWEIGHT_TRY(write_gaps());
  const PackedHeader header = make_header(original_xxh3);
  UNWEIGHT_TRY(sink_(0, std::as_bytes(std::span(&header, 1))));
  return header;
}

}  // namespace unweight::packed
