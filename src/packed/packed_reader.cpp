// SPDX-License-Identifier: BSD-3-Clause
#include "packed/packed_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>

#include "base/hash.h"
#include "base/try.h"
#include "codec/radix_format.h"
#include "packed/header_checks.h"

namespace unweight::packed {
namespace {

Error invalid(SectionId id, std::string what) {
  return {ErrorCode::kInvalidFormat,
          fmt::format("packed tensor, section {}: {}", section_name(id), std::move(what))};
}

const SectionEntry& entry(const PackedHeader& header, SectionId id) {
  return header.sections[static_cast<std::size_t>(id)];
}

// A section of a validated, suitably aligned blob.
template <typename T>
std::span<const T> section(const PackedHeader& header, SectionId id,
                           std::span<const std::byte> blob) {
  const SectionEntry& e = entry(header, id);
  const void* first = blob.data() + e.offset;
  return {static_cast<const T*>(first), static_cast<std::size_t>(e.bytes / sizeof(T))};
}

// Without the tail. Huffman only.
std::uint64_t stream_bytes(const PackedHeader& header) {
  return entry(header, SectionId::kStream).bytes - codec::kStreamTailBytes;
}

Result<void> check_count(SectionId id, std::size_t count, std::uint64_t expected) {
  if (count == expected) return {};
  return invalid(id, fmt::format("{} entries, must be {}", count, expected));
}

// What a string may have behind its codes in any chunk; bounds the length shift.
constexpr std::uint32_t kMaxFillingBits = codec::kMaxLaneBits - codec::kMaxLaneCodeBits;

Result<void> check_lanes(const PackedHeader& header, std::uint64_t chunk, std::uint32_t num_tiles,
                         const codec::ChunkStreamEntry& entry) {
  constexpr SectionId kId = SectionId::kChunkStreams;
  const std::uint32_t filling = (1u << entry.length_shift()) - 1;
  if (filling > kMaxFillingBits) {
    return invalid(kId, fmt::format("chunk {}: length shift {} fills up {} bits; at most {} are "
                                    "allowed",
                                    chunk, entry.length_shift(), filling, kMaxFillingBits));
  }
  const std::uint32_t most = num_tiles * codec::kLanePairs * header.max_code_length + filling;
  for (std::uint32_t lane = 0; lane < layout::kLanes; ++lane) {
    if (entry.lane_bits(lane) > most) {
      return invalid(kId, fmt::format("chunk {}: lane {} has {} bits; it can have at most {}",
                                      chunk, lane, entry.lane_bits(lane), most));
    }
  }
  return {};
}

// Chunk streams follow one another without gaps, so every entry is determined by those before it.
Result<void> check_chunk_streams(const PackedHeader& header, const layout::TileGrid& grid,
                                 std::span<const codec::ChunkStreamEntry> entries) {
  constexpr SectionId kId = SectionId::kChunkStreams;
  UNWEIGHT_TRY(check_count(kId, entries.size(), grid.num_chunks()));
  std::uint64_t total = 0;
  std::uint32_t longest = 0;
  for (std::uint64_t c = 0; c < entries.size(); ++c) {
    if (entries[c].stream_offset() != total) {
      return invalid(kId, fmt::format("chunk {} begins at byte {}, must begin at {}", c,
                                      entries[c].stream_offset(), total));
    }
    UNWEIGHT_TRY(check_lanes(header, c, grid.chunk_tiles(c), entries[c]));
    const std::uint32_t bytes = codec::chunk_stream_bytes(entries[c]);
    longest = std::max(longest, bytes);
    total += bytes;
  }
  if (total != stream_bytes(header)) {
    return invalid(
        kId, fmt::format("chunks have {} bytes, the stream has {}", total, stream_bytes(header)));
  }
  if (longest != header.max_chunk_stream_bytes) {
    return invalid(kId, fmt::format("longest chunk has {} bytes, the header says {}", longest,
                                    header.max_chunk_stream_bytes));
  }
  return {};
}

Result<void> check_verbatim_chunk(Family family, const layout::TileGrid& grid, std::uint64_t chunk,
                                  std::uint32_t tile_mask,
                                  std::span<const std::uint16_t> positions) {
  constexpr SectionId kId = SectionId::kVerbatimPositions;
  const bool radix = family == Family::kRadix;
  std::uint32_t tiles = 0, next = 0;
  for (const std::uint16_t position : positions) {
    if (position < next) {
      return invalid(kId,
                     fmt::format("chunk {}: position {:04x} is out of order", chunk, position));
    }
    next = position + 1u;
    if (radix && position >> 15 != chunk % 2) {
      return invalid(kId, fmt::format("chunk {}: position {:04x} is of a chunk of other parity",
                                      chunk, position));
    }
    const std::uint32_t tile =
        radix ? codec::escape_tile(position) : codec::verbatim_tile(position);
    if (tile >= grid.chunk_tiles(chunk)) {
      return invalid(kId, fmt::format("chunk {}: position {:04x} is past its {} tiles", chunk,
                                      position, grid.chunk_tiles(chunk)));
    }
    tiles |= 1u << tile;
  }
  if (tiles == tile_mask) return {};
  return invalid(SectionId::kVerbatimIndex,
                 fmt::format("chunk {}: tile mask is {:08x}, its rows lie in tiles {:08x}", chunk,
                             tile_mask, tiles));
}

Result<void> check_verbatim(const PackedHeader& header, const layout::TileGrid& grid,
                            std::span<const codec::VerbatimIndexEntry> index,
                            std::span<const std::uint16_t> positions) {
  const std::uint64_t num_verbatim_rows = header.num_verbatim_rows;
  constexpr SectionId kId = SectionId::kVerbatimIndex;
  UNWEIGHT_TRY(check_count(kId, index.size(), grid.num_chunks()));
  UNWEIGHT_TRY(check_count(SectionId::kVerbatimPositions, positions.size(), num_verbatim_rows));
  if (!index.empty() && index[0].first_verbatim_row != 0) {
    return invalid(kId, fmt::format("first verbatim row of chunk 0 is {}, must be 0",
                                    index[0].first_verbatim_row));
  }
  for (std::uint64_t c = 0; c < index.size(); ++c) {
    const std::uint64_t first = index[c].first_verbatim_row;
    const std::uint64_t end =
        c + 1 < index.size() ? index[c + 1].first_verbatim_row : num_verbatim_rows;
    if (end < first || end > num_verbatim_rows) {
      return invalid(kId, fmt::format("chunk {} has verbatim rows {} to {} of {}", c, first, end,
                                      num_verbatim_rows));
    }
    UNWEIGHT_TRY(check_verbatim_chunk(static_cast<Family>(header.family), grid, c,
                                      index[c].tile_mask, positions.subspan(first, end - first)));
  }
  return {};
}

Result<void> check_stream_tail(const PackedHeader& header, std::span<const std::uint8_t> stream) {
  if (header.family != static_cast<std::uint8_t>(Family::kHuffman)) return {};
  for (const std::uint8_t byte : stream.last(codec::kStreamTailBytes)) {
    if (byte != 0) return invalid(SectionId::kStream, "tail is not zero");
  }
  return {};
}

}  // namespace

Result<void> check_section_checksum(const PackedHeader& header, SectionId id,
                                    std::span<const std::byte> blob) {
  const SectionEntry& e = entry(header, id);
  const std::uint64_t computed = xxh3(blob.subspan(e.offset, e.bytes));
  if (computed == e.xxh3) return {};
  return Error{ErrorCode::kChecksumMismatch,
               fmt::format("packed tensor, section {}: XXH3 is {:016x}, stored {:016x}",
                           section_name(id), computed, e.xxh3)};
}

Result<void> check_gaps(const PackedHeader& header, std::span<const std::byte> blob) {
  for (std::size_t i = 0; i < kNumSections; ++i) {
    const SectionEntry& e = header.sections[i];
    const std::uint64_t end = e.offset + e.bytes;
    const auto gap = blob.subspan(end, align_up(end) - end);
    const auto nonzero =
        std::find_if(gap.begin(), gap.end(), [](std::byte b) { return b != std::byte{0}; });
    if (nonzero != gap.end()) {
      return invalid(static_cast<SectionId>(i),
                     fmt::format("gap behind it is not zero at byte {}",
                                 end + static_cast<std::uint64_t>(nonzero - gap.begin())));
    }
  }
  return {};
}

Result<codec::EncodedView> view_without_sections(const PackedHeader& header) {
  codec::EncodedView view;
  view.family = static_cast<Family>(header.family);
  view.grid = {header.rows, header.cols};
  view.palette = header.palette;
  if (view.family == Family::kHuffman) {
    codec::HuffmanCode code;
    if (!codec::build_canonical_code(code_lengths(header), header.single_symbol, code)) {
      return Error{ErrorCode::kInvalidFormat,
                   "packed tensor header: code lengths are not a complete prefix code"};
    }
    view.table = codec::build_decode_table(code);
  }
  return view;
}

Result<void> check_indices(const PackedHeader& header,
                           std::span<const codec::ChunkStreamEntry> chunk_streams,
                           std::span<const codec::VerbatimIndexEntry> verbatim_index,
                           std::span<const std::uint16_t> verbatim_positions) {
  const layout::TileGrid grid{header.rows, header.cols};
  if (header.family == static_cast<std::uint8_t>(Family::kHuffman)) {
    UNWEIGHT_TRY(check_chunk_streams(header, grid, chunk_streams));
  } else {
    UNWEIGHT_TRY(check_count(SectionId::kChunkStreams, chunk_streams.size(), 0));
  }
  return check_verbatim(header, grid, verbatim_index, verbatim_positions);
}

Result<codec::EncodedView> open_packed(std::span<const std::byte> blob, bool verify_checksums) {
  if (std::bit_cast<std::uintptr_t>(blob.data()) % alignof(std::uint64_t) != 0) {
    return Error{ErrorCode::kInvalidArgument, "packed tensor is not 8-byte aligned in memory"};
  }
  UNWEIGHT_TRY_ASSIGN(const PackedHeader header, parse_header(blob, blob.size()));
  UNWEIGHT_TRY(check_gaps(header, blob));
  if (verify_checksums) {
    for (std::size_t i = 0; i < kNumSections; ++i) {
      UNWEIGHT_TRY(check_section_checksum(header, static_cast<SectionId>(i), blob));
    }
  }
  UNWEIGHT_TRY_ASSIGN(codec::EncodedView view, view_without_sections(header));
  view.chunk_streams = section<codec::ChunkStreamEntry>(header, SectionId::kChunkStreams, blob);
  view.verbatim_index = section<codec::VerbatimIndexEntry>(header, SectionId::kVerbatimIndex, blob);
  view.verbatim_positions = section<std::uint16_t>(header, SectionId::kVerbatimPositions, blob);
  view.verbatim_rows = section<std::uint8_t>(header, SectionId::kVerbatimRows, blob);
  view.sign_mantissa = section<std::uint8_t>(header, SectionId::kSignMantissa, blob);
  view.codes = section<std::uint8_t>(header, SectionId::kCodes, blob);
  view.stream = section<std::uint8_t>(header, SectionId::kStream, blob);
  UNWEIGHT_TRY(
      check_indices(header, view.chunk_streams, view.verbatim_index, view.verbatim_positions));
  UNWEIGHT_TRY(check_stream_tail(header, view.stream));
  return view;
}

}  // namespace unweight::packed
