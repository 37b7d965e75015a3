// SPDX-License-Identifier: BSD-3-Clause
#include "codec/chunk_encoder.h"

#include <algorithm>
#include <array>
#include <bit>

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

class RangeEncoder {
 public:
  RangeEncoder(const EncodePlan& plan, const SourceWindow& source, EncodedChunks& out)
      : plan_(plan),
        source_(source),
        out_(out),
        kernels_(tile_kernels()),
        code_of_(invert_palette(plan.palette)),
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
      encode_tile(strip * kTileRows, tile_in_strip * kTileCols, tiles_before + t, t);
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
  /// The tile whose first weight is (row, col), to place `at` of the tile sections; it is the
  /// chunk's tile `tile_in_chunk`.
  void encode_tile(std::uint64_t row, std::uint64_t col, std::size_t at,
                   std::uint32_t tile_in_chunk) {
    std::uint8_t* sign_mantissa = out_.sign_mantissa.data() + at * kTileByteSectionBytes;
    std::uint8_t* codes = out_.codes.data() + at * kTileCodeSectionBytes;
    alignas(64) std::array<std::uint8_t, kTileElems> exponents;
    split_source_tile(plan_.grid, source_, row, col, padding_, sign_mantissa, exponents.data());
    std::array<std::uint32_t, layout::kSteps> verbatim_lanes;
    kernels_.pack_codes(exponents.data(), code_of_.data(), plan_.padding_code, codes,
                        verbatim_lanes.data());
    for (std::uint32_t step = 0; step < layout::kSteps; ++step) {
      for (std::uint32_t left = verbatim_lanes[step]; left != 0; left &= left - 1) {
        const auto lane = static_cast<std::uint32_t>(std::countr_zero(left));
        out_.verbatim_positions.push_back(pack_verbatim_position(tile_in_chunk, step, lane));
        const std::uint8_t* from =
            exponents.data() + layout::byte_section_offset({lane, layout::kRowElems * step});
        out_.verbatim_rows.insert(out_.verbatim_rows.end(), from, from + kVerbatimRowBytes);
      }
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
  out.codes.resize(num_tiles * kTileCodeSectionBytes);
  RangeEncoder encoder(plan, source, out);
  for (std::uint64_t c = 0; c < chunks.count; ++c) {
    encoder.encode_chunk(chunks.first + c, c * kChunkTiles);
  }
}

}  // namespace unweight::codec
