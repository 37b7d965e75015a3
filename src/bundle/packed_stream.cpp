// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/packed_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/try.h"
#include "packed/header_checks.h"

namespace unweight::bundle {
namespace {

using packed::SectionId;

constexpr std::uint64_t kTaskChunks = 8;  // 512 KiB of weights a task

constexpr std::size_t index_of(SectionId id) {
  return static_cast<std::size_t>(id);
}

template <typename T>
std::span<const T> as_span(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
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
Result<void> PackedStream::load_index(SectionId id, std::vector<T>& out) {
  const packed::SectionEntry& section = header_.sections[index_of(id)];
  out.resize(section.bytes / sizeof(T));
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(out));
  UNWEIGHT_TRY(read_pieces(*job_, *file_, {{offset_ + section.offset, bytes}}));
  if (xxh3(bytes) != section.xxh3) return Error{ErrorCode::kChecksumMismatch, checksum_problem(id)};
  return {};
}

Result<PackedStream> PackedStream::open(JobContext& job, const InputFile& file,
                                        std::uint64_t offset, std::uint64_t bytes) {
  PackedStream stream(job, file, offset);
  UNWEIGHT_TRY_ASSIGN(stream.header_, read_packed_header(file, offset, bytes));
  UNWEIGHT_TRY_ASSIGN(stream.indices_, packed::view_without_sections(stream.header_));
  UNWEIGHT_TRY(stream.load_index(SectionId::kChunkStreams, stream.chunk_streams_));
  UNWEIGHT_TRY(stream.load_index(SectionId::kVerbatimIndex, stream.verbatim_index_));
  UNWEIGHT_TRY(stream.load_index(SectionId::kVerbatimPositions, stream.verbatim_positions_));
  UNWEIGHT_TRY(packed::check_indices(stream.header_, stream.chunk_streams_, stream.verbatim_index_,
                                     stream.verbatim_positions_));
  return stream;
}

ReadRequest PackedStream::request(const Part& part) const {
  return {offset_ + header_.sections[index_of(part.id)].offset + part.begin, part.bytes};
}

PackedStream::Part PackedStream::take_part(SectionId id, std::uint64_t begin, std::uint64_t end) {
  return {id, begin, job_->sections[index_of(id)].ensure_elems<std::byte>(end - begin)};
}

/// Reads what chunks [first, end) need of the data sections.
Result<codec::EncodedView> PackedStream::load_window(ChunkSpan chunks, std::vector<Part>& parts) {
  codec::EncodedView view = indices_;
  const std::uint64_t count = chunks.end - chunks.first;
  const std::uint64_t first_tile = chunks.first * layout::kChunkTiles;
  const std::uint64_t end_tile = std::min(chunks.end * layout::kChunkTiles, view.grid.num_tiles());
  view.first_chunk = chunks.first;
  view.verbatim_index = std::span(verbatim_index_).subspan(chunks.first, count);

  // Verbatim rows of the window: from its first chunk's to where the next chunk's begin.
  const std::uint64_t first_row = verbatim_index_[chunks.first].first_verbatim_row;
  const std::uint64_t end_row = chunks.end == verbatim_index_.size()
                                    ? header_.num_verbatim_rows
                                    : verbatim_index_[chunks.end].first_verbatim_row;
  view.verbatim_positions = std::span(verbatim_positions_).subspan(first_row, end_row - first_row);
  view.verbatim_row_base = first_row;

  parts.push_back(take_part(SectionId::kVerbatimRows, first_row * codec::kVerbatimRowBytes,
                            end_row * codec::kVerbatimRowBytes));
  parts.push_back(take_part(SectionId::kSignMantissa, first_tile * layout::kTileByteSectionBytes,
                            end_tile * layout::kTileByteSectionBytes));
  if (view.family == Family::kPalette) {
    parts.push_back(take_part(SectionId::kCodes, first_tile * layout::kTileCodeSectionBytes,
                              end_tile * layout::kTileCodeSectionBytes));
    view.codes = as_span<std::uint8_t>(parts.back().bytes);
  } else {
    view.chunk_streams = std::span(chunk_streams_).subspan(chunks.first, count);
    view.stream_base = view.chunk_streams.front().stream_offset();
    const codec::ChunkStreamEntry& last_chunk = view.chunk_streams.back();
    const std::uint64_t end = last_chunk.stream_offset() + codec::chunk_stream_bytes(last_chunk);
    parts.push_back(take_part(SectionId::kStream, view.stream_base, end + codec::kStreamTailBytes));
    view.stream = as_span<std::uint8_t>(parts.back().bytes);
  }
  view.verbatim_rows = as_span<std::uint8_t>(parts[0].bytes);
  view.sign_mantissa = as_span<std::uint8_t>(parts[1].bytes);

  std::vector<ReadRequest> requests;
  for (const Part& part : parts) requests.push_back(request(part));
  UNWEIGHT_TRY(read_pieces(*job_, *file_, requests));
  return view;
}

/// Adds what of `part` has not been seen yet. Windows overlap a little: in a chunk that two strips
/// share, and in the bytes that decoders may read ahead.
void PackedStream::hash_part(const Part& part) {
  SectionHash& state = hashes_[index_of(part.id)];
  const std::uint64_t end = part.begin + part.bytes.size();
  if (end <= state.hashed_bytes || part.begin > state.hashed_bytes) return;
  state.hash.update(part.bytes.subspan(state.hashed_bytes - part.begin));
  state.hashed_bytes = end;
}

Result<void> PackedStream::read_rows(std::uint64_t first, std::uint64_t count,
                                     std::span<std::uint16_t> out) {
  const layout::TileGrid& grid = indices_.grid;
  const std::uint64_t first_strip = first / layout::kTileRows;
  const std::uint64_t end_strip = (first + count + layout::kTileRows - 1) / layout::kTileRows;
  const std::uint64_t first_tile = first_strip * grid.tiles_per_strip();
  const std::uint64_t end_tile = end_strip * grid.tiles_per_strip();
  if (first_tile == end_tile) return {};
  const ChunkSpan chunks{first_tile / layout::kChunkTiles,
                         (end_tile + layout::kChunkTiles - 1) / layout::kChunkTiles};
  std::vector<Part> parts;
  UNWEIGHT_TRY_ASSIGN(const codec::EncodedView view, load_window(chunks, parts));
  const codec::DestinationWindow destination{out.data(), first, count, grid.cols};
  const std::uint64_t num_chunks = chunks.end - chunks.first;
  const std::uint64_t num_tasks = (num_chunks + kTaskChunks - 1) / kTaskChunks;
  return job_->pool.parallel_for(parts.size() + num_tasks, [&](std::size_t i, unsigned) {
    if (i < parts.size()) {
      hash_part(parts[i]);
      return Result<void>{};
    }
    const std::uint64_t at = (i - parts.size()) * kTaskChunks;
    return codec::decode_chunks(view, chunks.first + at, std::min(kTaskChunks, num_chunks - at),
                                destination);
  });
}

/// Bytes [begin, end) of the blob, at most kAlignment.
Result<bool> PackedStream::all_zero(std::uint64_t begin, std::uint64_t end) const {
  std::array<std::byte, packed::kAlignment> memory;
  const std::span<std::byte> bytes = std::span(memory).first(end - begin);
  UNWEIGHT_TRY(file_->read_at(offset_ + begin, bytes));
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

Result<void> PackedStream::check_zeros(std::vector<std::string>& found) const {
  for (std::size_t i = 0; i < packed::kNumSections; ++i) {
    const std::uint64_t end = header_.sections[i].offset + header_.sections[i].bytes;
    UNWEIGHT_TRY_ASSIGN(const bool zero, all_zero(end, packed::align_up(end)));
    if (!zero) {
      found.push_back(fmt::format("gap behind section {} is not zero",
                                  packed::section_name(static_cast<SectionId>(i))));
    }
  }
  if (indices_.family == Family::kHuffman) {
    const packed::SectionEntry& stream = header_.sections[index_of(SectionId::kStream)];
    const std::uint64_t end = stream.offset + stream.bytes;
    UNWEIGHT_TRY_ASSIGN(const bool zero, all_zero(end - codec::kStreamTailBytes, end));
    if (!zero) found.push_back("tail of section stream is not zero");
  }
  return {};
}

Result<std::vector<std::string>> PackedStream::problems() const {
  std::vector<std::string> found;
  for (const SectionId id : {SectionId::kVerbatimRows, SectionId::kSignMantissa, SectionId::kCodes,
                             SectionId::kStream}) {
    const packed::SectionEntry& section = header_.sections[index_of(id)];
    const SectionHash& state = hashes_[index_of(id)];
    if (state.hashed_bytes != section.bytes || state.hash.digest() != section.xxh3)
      found.push_back(checksum_problem(id));
  }
  UNWEIGHT_TRY(check_zeros(found));
  return found;
}

}  // namespace unweight::bundle
