// SPDX-License-Identifier: BSD-3-Clause
#include "packed/packed_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>

#include "base/hash.h"
#include "base/try.h"
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

Result<void> check_count(SectionId id, std::size_t count, std::uint64_t expected) {
  if (count == expected) return {};
  return invalid(id, fmt::format("{} entries, must be {}", count, expected));
}

Result<void> check_chunk_offsets(const layout::TileGrid& grid, std::uint64_t stream_words,
                                 std::span<const std::uint64_t> offsets) {
  constexpr SectionId kId = SectionId::kChunkOffsets;
  const std::uint64_t chunks = grid.num_chunks();
  UNWEIGHT_TRY(check_count(kId, offsets.size(), chunks + 1));
  if (offsets[0] != 0) return invalid(kId, fmt::format("chunk 0 starts at word {}", offsets[0]));
  for (std::uint64_t c = 0; c < chunks; ++c) {
    const std::uint64_t most = max_stream_words(grid.chunk_tiles(c), 1);
    if (offsets[c + 1] < offsets[c] || offsets[c + 1] - offsets[c] > most) {
      return invalid(kId, fmt::format("chunk {} is words {} to {}; it can have at most {}", c,
                                      offsets[c], offsets[c + 1], most));
    }
  }
  if (offsets[chunks] != stream_words) {
    return invalid(kId, fmt::format("last offset is {}, the stream has {} words", offsets[chunks],
                                    stream_words));
  }
  return {};
}

Result<void> check_verbatim_index(const layout::TileGrid& grid, std::uint64_t num_verbatim_tiles,
                                  std::span<const codec::VerbatimIndexEntry> index) {
  constexpr SectionId kId = SectionId::kVerbatimIndex;
  UNWEIGHT_TRY(check_count(kId, index.size(), grid.num_chunks()));
  std::uint64_t total = 0;
  for (std::uint64_t c = 0; c < index.size(); ++c) {
    const std::uint64_t existing = (std::uint64_t{1} << grid.chunk_tiles(c)) - 1;
    if ((index[c].tile_mask & ~existing) != 0) {
      return invalid(kId, fmt::format("chunk {}: tile mask {:08x} names tiles past its {}", c,
                                      index[c].tile_mask, grid.chunk_tiles(c)));
    }
    if (index[c].first_verbatim_tile != total) {
      return invalid(kId, fmt::format("chunk {}: first verbatim tile is {}, must be {}", c,
                                      index[c].first_verbatim_tile, total));
    }
    total += static_cast<std::uint64_t>(std::popcount(index[c].tile_mask));
  }
  if (total != num_verbatim_tiles) {
    return invalid(
        kId, fmt::format("names {} verbatim tiles, the header {}", total, num_verbatim_tiles));
  }
  return {};
}

Result<void> check_verbatim_tiles(std::uint64_t num_verbatim_tiles, std::uint64_t num_verbatim_rows,
                                  std::span<const codec::VerbatimTile> tiles) {
  constexpr SectionId kId = SectionId::kVerbatimTiles;
  UNWEIGHT_TRY(check_count(kId, tiles.size(), num_verbatim_tiles));
  std::uint64_t total = 0;
  for (std::uint64_t t = 0; t < tiles.size(); ++t) {
    if (tiles[t].lane_mask == 0) return invalid(kId, fmt::format("entry {}: lane mask is 0", t));
    if (tiles[t].first_verbatim_row != total) {
      return invalid(kId, fmt::format("entry {}: first verbatim row is {}, must be {}", t,
                                      tiles[t].first_verbatim_row, total));
    }
    total += static_cast<std::uint64_t>(std::popcount(tiles[t].lane_mask));
  }
  if (total != num_verbatim_rows) {
    return invalid(kId,
                   fmt::format("names {} verbatim rows, the header {}", total, num_verbatim_rows));
  }
  return {};
}

std::uint64_t stream_words(const PackedHeader& header) {
  return entry(header, SectionId::kStream).bytes / 2 - codec::kStreamTailWords;
}

Result<void> check_stream_tail(const PackedHeader& header, std::span<const std::uint16_t> stream) {
  if (header.family != static_cast<std::uint8_t>(Family::kHuffman)) return {};
  for (const std::uint16_t word : stream.last(codec::kStreamTailWords)) {
    if (word != 0) return invalid(SectionId::kStream, "tail words are not zero");
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
    if (!codec::build_canonical_code(header.code_lengths, code)) {
      return Error{ErrorCode::kInvalidFormat,
                   "packed tensor header: code lengths are not a complete prefix code"};
    }
    view.table = codec::build_decode_table(code, header.padding_code);
    view.max_code_length = header.max_code_length;
  }
  return view;
}

Result<void> check_indices(const PackedHeader& header, std::span<const std::uint64_t> chunk_offsets,
                           std::span<const codec::VerbatimIndexEntry> verbatim_index,
                           std::span<const codec::VerbatimTile> verbatim_tiles) {
  const layout::TileGrid grid{header.rows, header.cols};
  if (header.family == static_cast<std::uint8_t>(Family::kHuffman)) {
    UNWEIGHT_TRY(check_chunk_offsets(grid, stream_words(header), chunk_offsets));
  } else {
    UNWEIGHT_TRY(check_count(SectionId::kChunkOffsets, chunk_offsets.size(), 0));
  }
  UNWEIGHT_TRY(check_verbatim_index(grid, header.num_verbatim_tiles, verbatim_index));
  return check_verbatim_tiles(header.num_verbatim_tiles, header.num_verbatim_rows, verbatim_tiles);
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
  view.chunk_offsets = section<std::uint64_t>(header, SectionId::kChunkOffsets, blob);
  view.verbatim_index = section<codec::VerbatimIndexEntry>(header, SectionId::kVerbatimIndex, blob);
  view.verbatim_tiles = section<codec::VerbatimTile>(header, SectionId::kVerbatimTiles, blob);
  view.verbatim_rows = section<std::uint8_t>(header, SectionId::kVerbatimRows, blob);
  view.sign_mantissa = section<std::uint8_t>(header, SectionId::kSignMantissa, blob);
  view.codes = section<std::uint8_t>(header, SectionId::kCodes, blob);
  view.stream = section<std::uint16_t>(header, SectionId::kStream, blob);
  UNWEIGHT_TRY(check_indices(header, view.chunk_offsets, view.verbatim_index, view.verbatim_tiles));
  UNWEIGHT_TRY(check_stream_tail(header, view.stream));
  return view;
}

}  // namespace unweight::packed
