// SPDX-License-Identifier: BSD-3-Clause
#include "codec/chunk_encoder.h"

#include <algorithm>
#include <array>
#include <bit>

#include "codec/family_sizes.h"
#include "codec/radix_codes.h"
#include "codec/source_tile.h"
#include "codec/tile_kernels.h"

namespace unweight::codec {
namespace {

using layout::kChunkTiles;
using layout::kTileByteSectionBytes;
using layout::kTileCodeSectionBytes;
using layout::kTileCols;
using layout::kTileElems;
using layout::kTileRows;

/// Codes of the exponents that have one in this family.
std::array<std::uint8_t, 256> code_table(const EncodePlan& plan) {
  std::array<std::uint8_t, 256> code_of = invert_palette(plan.palette);
  if (plan.family == Family::kRadix) {
    for (std::uint32_t c = kRadix; c < kPaletteSize; ++c) code_of[plan.palette[c]] = kNotInPalette;
  }
  return code_of;
}

/// Huffman has no section codes, but the stream is made of the palette family's.
std::uint32_t tile_codes_room(Family family) {
  return family == Family::kRadix ? kTileRadixSectionBytes : kTileCodeSectionBytes;
}

class RangeEncoder {
 public:
  RangeEncoder(const EncodePlan& plan, const SourceWindow& source, EncodedChunks& out)
      : plan_(plan),
        source_(source),
        out_(out),
        kernels_(tile_kernels()),
        code_of_(code_table(plan)),
        padding_(join_weight(plan.palette[plan.padding_code], 0)) {}

  /// `tiles_before`: how many tiles of the sections earlier chunks have filled.
  void encode_chunk(std::uint64_t chunk, std::size_t tiles_before) {
    const std::uint32_t num_tiles = plan_.grid.chunk_tiles(chunk);
    const std::uint64_t tiles_per_strip = plan_.grid.tiles_per_strip();
    std::uint64_t strip = chunk * kChunkTiles / tiles_per_strip;
    std::uint64_t tile_in_strip = chunk * kChunkTiles % tiles_per_strip;
    VerbatimIndexEntry index{static_cast<std::uint32_t>(out_.verbatim_positions.size()), 0};
    for (std::uint32_t t = 0; t < num_tiles; ++t) {
      const std::size_t rows_before = out_.verbatim_positions.size();
      encode_tile(strip * kTileRows, tile_in_strip * kTileCols, tiles_before + t,
                  chunk * kChunkTiles + t);
      if (out_.verbatim_positions.size() != rows_before) index.tile_mask |= 1u << t;
      if (++tile_in_strip == tiles_per_strip) {
        tile_in_strip = 0;
        ++strip;
      }
    }
    out_.verbatim_index.push_back(index);
    if (plan_.family == Family::kHuffman) {
      append_stream(out_.codes.data() + tiles_before * kTileCodeSectionBytes, num_tiles);
    }
  }

 private:
  /// Tile `tile` of the matrix, whose first weight is (row, col), to place `at` of the tile
  /// sections.
  void encode_tile(std::uint64_t row, std::uint64_t col, std::size_t at, std::uint64_t tile) {
    std::uint8_t* sign_mantissa = out_.sign_mantissa.data() + at * kTileByteSectionBytes;
    std::uint8_t* to = out_.codes.data() + at * tile_codes_room(plan_.family);
    alignas(64) std::array<std::uint8_t, kTileElems> exponents;
    alignas(64) std::array<std::uint8_t, kTileCodeSectionBytes> digits;
    const bool radix = plan_.family == Family::kRadix;
    std::uint8_t* codes = radix ? digits.data() : to;
    split_source_tile(plan_.grid, source_, row, col, padding_, sign_mantissa, exponents.data());
    std::array<std::uint32_t, layout::kSteps> verbatim_lanes;
    kernels_.pack_codes(exponents.data(), code_of_.data(), plan_.padding_code, codes,
                        verbatim_lanes.data());
    if (radix) pack_radix_tile(codes, to);
    for (std::uint32_t step = 0; step < layout::kSteps; ++step) {
      for (std::uint32_t left = verbatim_lanes[step]; left != 0; left &= left - 1) {
        const auto lane = static_cast<std::uint32_t>(std::countr_zero(left));
        const layout::LanePosition first{lane, layout::kRowElems * step};
        const std::uint8_t* row_exponents = exponents.data() + layout::byte_section_offset(first);
        if (radix) {
          append_escapes(tile, first, row_exponents);
        } else {
          append_verbatim_row(tile, first, row_exponents);
        }
      }
    }
  }

  void append_verbatim_row(std::uint64_t tile, layout::LanePosition first,
                           const std::uint8_t* exponents) {
    out_.verbatim_positions.push_back(pack_verbatim_position(
        static_cast<std::uint32_t>(tile % kChunkTiles), first.i / layout::kRowElems, first.lane));
    out_.verbatim_rows.insert(out_.verbatim_rows.end(), exponents, exponents + kVerbatimRowBytes);
  }

  void append_escapes(std::uint64_t tile, layout::LanePosition first,
                      const std::uint8_t* exponents) {
    for (std::uint32_t k = 0; k < layout::kRowElems; ++k) {
      if (code_of_[exponents[k]] != kNotInPalette) continue;
      out_.verbatim_positions.push_back(pack_escape_position(tile, {first.lane, first.i + k}));
      out_.verbatim_rows.push_back(exponents[k]);
    }
  }

  void append_stream(const std::uint8_t* codes, std::uint32_t num_tiles) {
    std::array<std::uint8_t, kMaxChunkStreamBytes + kStreamTailBytes> stream;
    ChunkStreamEntry entry =
        kernels_.huffman_encode_chunk(codes, num_tiles, plan_.code, stream.data());
    entry.packed =
        pack_stream_entry(out_.stream.size(), entry.min_lane_bits(), entry.length_shift());
    out_.chunk_streams.push_back(entry);
    out_.stream.insert(out_.stream.end(), stream.data(), stream.data() + chunk_stream_bytes(entry));
  }

  const EncodePlan& plan_;
  const SourceWindow& source_;
  EncodedChunks& out_;
  const TileKernels& kernels_;
  const std::array<std::uint8_t, 256> code_of_;
  const std::uint16_t padding_;
};

}  // namespace

RowRange rows_of_chunks(const layout::TileGrid& grid, ChunkRange chunks) {
  const std::uint64_t first_tile = chunks.first * kChunkTiles;
  const std::uint64_t last_tile =
      std::min((chunks.first + chunks.count) * kChunkTiles, grid.num_tiles());
  if (first_tile >= last_tile) return {};
  const std::uint64_t first_row = first_tile / grid.tiles_per_strip() * kTileRows;
  const std::uint64_t end_row = ((last_tile - 1) / grid.tiles_per_strip() + 1) * kTileRows;
  return {first_row, std::min(end_row, grid.rows) - first_row};
}

void encode_chunks(const EncodePlan& plan, const SourceWindow& source, ChunkRange chunks,
                   EncodedChunks& out) {
  out.stream.clear();
  out.chunk_streams.clear();
  out.verbatim_index.clear();
  out.verbatim_positions.clear();
  out.verbatim_rows.clear();
  std::size_t num_tiles = 0;
  for (std::uint64_t c = 0; c < chunks.count; ++c) {
    num_tiles += plan.grid.chunk_tiles(chunks.first + c);
  }
  // Not cleared first: a buffer that already has the size is not filled with zeros again.
  out.sign_mantissa.resize(num_tiles * kTileByteSectionBytes);
  out.codes.resize(num_tiles * tile_codes_room(plan.family));
  RangeEncoder encoder(plan, source, out);
  for (std::uint64_t c = 0; c < chunks.count; ++c) {
    encoder.encode_chunk(chunks.first + c, c * kChunkTiles);
  }
}

}  // namespace unweight::codec
