// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/codec_rows.h"

#include <algorithm>

#include "base/try.h"
#include "codec/family_sizes.h"

namespace unweight::bundle {
namespace {

using packed::SectionId;

constexpr std::uint64_t kTaskChunks = 8;  // 512 KiB of weights a task

std::span<const std::uint8_t> bytes_of(const SectionPart& part) {
  return {reinterpret_cast<const std::uint8_t*>(part.bytes.data()), part.bytes.size()};
}

}  // namespace

SectionPart CodecRows::take_part(SectionId id, std::uint64_t begin, std::uint64_t end) {
  HostBuffer& memory = job_.sections[static_cast<std::size_t>(id)];
  return {id, begin, memory.ensure_elems<std::byte>(end - begin)};
}

/// Reads what chunks [first, end) need of the data sections.
Result<codec::EncodedView> CodecRows::load_window(ChunkSpan chunks,
                                                  std::vector<SectionPart>& parts) {
  codec::EncodedView view = sections_.view();
  const std::uint64_t count = chunks.end - chunks.first;
  const std::uint64_t first_tile = chunks.first * layout::kChunkTiles;
  const std::uint64_t end_tile = std::min(chunks.end * layout::kChunkTiles, view.grid.num_tiles());
  view.first_chunk = chunks.first;
  view.verbatim_index = sections_.verbatim_index().subspan(chunks.first, count);

  // Verbatim rows, or escapes, of the window: from its first chunk's to where the next chunk's
  // begin.
  const std::span<const codec::VerbatimIndexEntry> index = sections_.verbatim_index();
  const std::uint64_t first_row = index[chunks.first].first_verbatim_row;
  const std::uint64_t end_row = chunks.end == index.size() ? sections_.header().num_verbatim_rows
                                                           : index[chunks.end].first_verbatim_row;
  view.verbatim_positions = sections_.verbatim_positions().subspan(first_row, end_row - first_row);
  view.verbatim_row_base = first_row;

  const std::uint64_t exponent_bytes = codec::verbatim_bytes(view.family);
  parts.push_back(
      take_part(SectionId::kVerbatimRows, first_row * exponent_bytes, end_row * exponent_bytes));
  parts.push_back(take_part(SectionId::kSignMantissa, first_tile * layout::kTileByteSectionBytes,
                            end_tile * layout::kTileByteSectionBytes));
  if (view.family != Family::kHuffman) {
    const std::uint64_t tile_bytes = codec::tile_codes_bytes(view.family);
    parts.push_back(take_part(SectionId::kCodes, first_tile * tile_bytes, end_tile * tile_bytes));
    view.codes = bytes_of(parts.back());
  } else {
    view.chunk_streams = sections_.chunk_streams().subspan(chunks.first, count);
    view.stream_base = view.chunk_streams.front().stream_offset();
    const codec::ChunkStreamEntry& last_chunk = view.chunk_streams.back();
    const std::uint64_t end = last_chunk.stream_offset() + codec::chunk_stream_bytes(last_chunk);
    parts.push_back(take_part(SectionId::kStream, view.stream_base, end + codec::kStreamTailBytes));
    view.stream = bytes_of(parts.back());
  }
  view.verbatim_rows = bytes_of(parts[0]);
  view.sign_mantissa = bytes_of(parts[1]);

  std::vector<ReadRequest> requests;
  requests.reserve(parts.size());
  for (const SectionPart& part : parts) requests.push_back(sections_.request(part));
  UNWEIGHT_TRY(read_pieces(job_, sections_.file(), requests));
  return view;
}

// Windows overlap a little, in a chunk that two strips share and in the bytes that decoders may
// read ahead: hash_part() takes that.
Result<void> CodecRows::read_rows(std::uint64_t first, std::uint64_t count,
                                  std::span<std::uint16_t> out) {
  const layout::TileGrid& grid = sections_.view().grid;
  const std::uint64_t first_strip = first / layout::kTileRows;
  const std::uint64_t end_strip = (first + count + layout::kTileRows - 1) / layout::kTileRows;
  const std::uint64_t first_tile = first_strip * grid.tiles_per_strip();
  const std::uint64_t end_tile = end_strip * grid.tiles_per_strip();
  if (first_tile == end_tile) return {};
  const ChunkSpan chunks{first_tile / layout::kChunkTiles,
                         (end_tile + layout::kChunkTiles - 1) / layout::kChunkTiles};
  std::vector<SectionPart> parts;
  UNWEIGHT_TRY_ASSIGN(const codec::EncodedView view, load_window(chunks, parts));
  const codec::DestinationWindow destination{out.data(), first, count, grid.cols};
  const std::uint64_t num_chunks = chunks.end - chunks.first;
  const std::uint64_t num_tasks = (num_chunks + kTaskChunks - 1) / kTaskChunks;
  return job_.pool.parallel_for(parts.size() + num_tasks, [&](std::size_t i, unsigned) {
    if (i < parts.size()) {
      sections_.hash_part(parts[i]);
      return Result<void>{};
    }
    const std::uint64_t at = (i - parts.size()) * kTaskChunks;
    return codec::decode_chunks(view, chunks.first + at, std::min(kTaskChunks, num_chunks - at),
                                destination);
  });
}

}  // namespace unweight::bundle
