// SPDX-License-Identifier: BSD-3-Clause
#include "codec/chunk_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/try.h"
#include "codec/family_sizes.h"
#include "codec/radix_codes.h"
#include "codec/tile_kernels.h"

namespace unweight::codec {
namespace {

using layout::kChunkTiles;
using layout::kTileByteSectionBytes;
using layout::kTileCodeSectionBytes;
using layout::kTileCols;
using layout::kTileElems;
using layout::kTileRows;

/// Verbatim rows or escapes, as the sections have them.
struct VerbatimSpan {
  Family family;
  const std::uint16_t* positions;
  const std::uint8_t* exponents;
  std::size_t count;

  [[nodiscard]] VerbatimSpan first(std::size_t n) const {
    return {family, positions, exponents, n};
  }
  [[nodiscard]] VerbatimSpan behind(std::size_t n) const {
    return {family, positions + n, exponents + n * verbatim_bytes(family), count - n};
  }
  /// How many in front are of one tile of the chunk.
  [[nodiscard]] std::size_t count_of_tile(std::uint32_t tile) const {
    std::size_t n = 0;
    while (n < count && tile_of(positions[n]) == tile) ++n;
    return n;
  }

 private:
  [[nodiscard]] std::uint32_t tile_of(std::uint16_t position) const {
    return family == Family::kRadix ? escape_tile(position) : verbatim_tile(position);
  }
};

struct EncodedTile {
  const std::uint8_t* sign_mantissa;
  const std::uint8_t* codes;
  VerbatimSpan verbatim;
};

/// Writes the verbatim rows over what join_palette_tile made of their codes.
void place_verbatim_rows(const EncodedTile& tile, std::uint16_t* to, std::size_t stride_elems) {
  for (std::size_t n = 0; n < tile.verbatim.count; ++n) {
    const VerbatimPosition position = tile.verbatim.positions[n];
    const std::uint8_t* exponents = tile.verbatim.exponents + n * kVerbatimRowBytes;
    const std::uint32_t lane = verbatim_lane(position);
    const std::uint32_t first = layout::kRowElems * verbatim_step(position);
    for (std::uint32_t i = 0; i < layout::kRowElems; i += 2) {  // neighbours in the matrix too
      const layout::TilePosition at = layout::tile_position({lane, first + i});
      const std::uint8_t* sign_mantissa =
          tile.sign_mantissa + layout::byte_section_offset({lane, first + i});
      std::uint16_t* pair = to + at.row * stride_elems + at.col;
      pair[0] = join_weight(exponents[i], sign_mantissa[0]);
      pair[1] = join_weight(exponents[i + 1], sign_mantissa[1]);
    }
  }
}

void place_escapes(const EncodedTile& tile, std::uint16_t* to, std::size_t stride_elems) {
  for (std::size_t n = 0; n < tile.verbatim.count; ++n) {
    const layout::LanePosition place = escape_place(tile.verbatim.positions[n]);
    const layout::TilePosition at = layout::tile_position(place);
    to[at.row * stride_elems + at.col] = join_weight(
        tile.verbatim.exponents[n], tile.sign_mantissa[layout::byte_section_offset(place)]);
  }
}

std::uint64_t end_of_whole_strips(const layout::TileGrid& grid, const DestinationWindow& window) {
  const std::uint64_t end_row = window.first_row + window.num_rows;
  return end_row >= grid.rows ? grid.num_strips() : end_row / kTileRows;
}

class ViewDecoder {
 public:
  ViewDecoder(const EncodedView& view, const DestinationWindow& destination)
      : view_(view),
        destination_(destination),
        kernels_(tile_kernels()),
        first_wanted_strip_((destination.first_row + kTileRows - 1) / kTileRows),
        end_wanted_strip_(end_of_whole_strips(view.grid, destination)) {}

  Result<void> decode_chunk(std::uint64_t chunk) const {
    const std::uint64_t first_tile = chunk * kChunkTiles;
    const std::uint32_t num_tiles = view_.grid.chunk_tiles(chunk);
    const std::uint64_t tiles_per_strip = view_.grid.tiles_per_strip();
    std::uint64_t strip = first_tile / tiles_per_strip;
    std::uint64_t tile_in_strip = first_tile % tiles_per_strip;
    // Wanted strips are consecutive, but a chunk may begin before and end behind them.
    const std::uint64_t last_strip = (first_tile + num_tiles - 1) / tiles_per_strip;
    if (last_strip < first_wanted_strip_ || strip >= end_wanted_strip_) return {};

    VerbatimSpan verbatim = verbatim_of(chunk);
    const std::uint64_t tile_in_view = first_tile - view_.first_chunk * kChunkTiles;
    alignas(64) std::array<std::uint8_t, kChunkTiles * kTileCodeSectionBytes> decoded;
    const std::uint8_t* codes = decoded.data();
    if (view_.family == Family::kHuffman) {
      UNWEIGHT_TRY(decode_stream(chunk, num_tiles, decoded.data()));
    } else if (view_.family == Family::kRadix) {
      unpack_digits(tile_in_view, num_tiles, decoded.data());
    } else {
      codes = view_.codes.data() + tile_in_view * kTileCodeSectionBytes;
    }
    const std::uint8_t* sign_mantissa =
        view_.sign_mantissa.data() + tile_in_view * kTileByteSectionBytes;
    for (std::uint32_t t = 0; t < num_tiles; ++t) {
      const std::size_t num_verbatim = verbatim.count_of_tile(t);
      if (strip >= first_wanted_strip_ && strip < end_wanted_strip_) {
        write_tile(strip * kTileRows, tile_in_strip * kTileCols,
                   {sign_mantissa + std::size_t{t} * kTileByteSectionBytes,
                    codes + std::size_t{t} * kTileCodeSectionBytes, verbatim.first(num_verbatim)});
      }
      verbatim = verbatim.behind(num_verbatim);
      if (++tile_in_strip == tiles_per_strip) {
        tile_in_strip = 0;
        ++strip;
      }
    }
    return {};
  }

 private:
  [[nodiscard]] VerbatimSpan verbatim_of(std::uint64_t chunk) const {
    const std::size_t at = chunk - view_.first_chunk;
    const std::size_t first = view_.verbatim_index[at].first_verbatim_row - view_.verbatim_row_base;
    const std::size_t end =
        at + 1 < view_.verbatim_index.size()
            ? view_.verbatim_index[at + 1].first_verbatim_row - view_.verbatim_row_base
            : view_.verbatim_positions.size();
    const VerbatimSpan all{view_.family, view_.verbatim_positions.data(),
                           view_.verbatim_rows.data(), end};
    return all.behind(first);
  }

  Result<void> decode_stream(std::uint64_t chunk, std::uint32_t num_tiles,
                             std::uint8_t* codes) const {
    const ChunkStreamEntry& entry = view_.chunk_streams[chunk - view_.first_chunk];
    const std::uint8_t* stream = view_.stream.data() + (entry.stream_offset() - view_.stream_base);
    if (!kernels_.huffman_decode_chunk(stream, entry, num_tiles, view_.table, codes)) {
      return Error{
          ErrorCode::kInvalidFormat,
          fmt::format("the Huffman codes of chunk {} do not end where their strings do", chunk)};
    }
    return {};
  }

  void unpack_digits(std::uint64_t tile_in_view, std::uint32_t num_tiles,
                     std::uint8_t* codes) const {
    const std::uint8_t* fields = view_.codes.data() + tile_in_view * kTileRadixSectionBytes;
    for (std::uint32_t t = 0; t < num_tiles; ++t) {
      unpack_radix_tile(fields + std::size_t{t} * kTileRadixSectionBytes,
                        codes + std::size_t{t} * kTileCodeSectionBytes);
    }
  }

  /// The tile whose first weight is (row, col).
  void write_tile(std::uint64_t row, std::uint64_t col, const EncodedTile& tile) const {
    const std::uint64_t rows = std::min<std::uint64_t>(kTileRows, view_.grid.rows - row);
    const std::uint64_t cols = std::min<std::uint64_t>(kTileCols, view_.grid.cols - col);
    std::uint16_t* corner =
        destination_.data + (row - destination_.first_row) * destination_.stride_elems + col;
    if (rows == kTileRows && cols == kTileCols) {
      join(tile, corner, destination_.stride_elems);
      return;
    }
    std::array<std::uint16_t, kTileElems> padded;
    join(tile, padded.data(), kTileCols);
    for (std::uint64_t r = 0; r < rows; ++r) {
      std::memcpy(corner + r * destination_.stride_elems, padded.data() + r * kTileCols,
                  cols * sizeof(std::uint16_t));
    }
  }

  void join(const EncodedTile& tile, std::uint16_t* to, std::size_t stride_elems) const {
    kernels_.join_palette_tile(tile.sign_mantissa, tile.codes, view_.palette.data(), to,
                               stride_elems);
    if (view_.family == Family::kRadix) {
      place_escapes(tile, to, stride_elems);
    } else {
      place_verbatim_rows(tile, to, stride_elems);
    }
  }

  const EncodedView& view_;
  const DestinationWindow& destination_;
  const TileKernels& kernels_;
  const std::uint64_t first_wanted_strip_, end_wanted_strip_;  // that lie in destination_
};

}  // namespace

Result<void> decode_chunks(const EncodedView& view, std::uint64_t first, std::uint64_t count,
                           const DestinationWindow& destination) {
  const ViewDecoder decoder(view, destination);
  for (std::uint64_t chunk = first; chunk < first + count; ++chunk) {
    UNWEIGHT_TRY(decoder.decode_chunk(chunk));
  }
  return {};
}

}  // namespace unweight::codec
