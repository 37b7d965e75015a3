// SPDX-License-Identifier: BSD-3-Clause
#include "packed/chunk_self_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/try.h"
#include "codec/chunk_decoder.h"

namespace unweight::packed {

using layout::kTileCols;
using layout::kTileRows;

Result<void> ChunkSelfCheck::check(const codec::EncodePlan& plan, const codec::SourceWindow& source,
                                   codec::ChunkRange chunks, codec::EncodedChunks& encoded) {
  const std::uint64_t first_tile = chunks.first * layout::kChunkTiles;
  const std::uint64_t num_tiles =
      std::min(plan.grid.num_tiles() - first_tile, chunks.count * layout::kChunkTiles);

  // Tiles of a range are consecutive, so the range by itself is a tensor of one strip. Decoding
  // that needs no more memory than the range, however wide the matrix is.
  codec::EncodedView view;
  view.family = plan.family;
  view.grid = {kTileRows, num_tiles * kTileCols};
  view.palette = plan.palette;
  view.verbatim_index = encoded.verbatim_index;
  view.verbatim_positions = encoded.verbatim_positions;
  view.verbatim_rows = encoded.verbatim_rows;
  view.sign_mantissa = encoded.sign_mantissa;
  const std::size_t stream_bytes = encoded.stream.size();
  if (plan.family == Family::kHuffman) {
    view.table = codec::build_decode_table(plan.code);
    view.chunk_streams = encoded.chunk_streams;
    encoded.stream.resize(stream_bytes + codec::kStreamTailBytes);
    view.stream = encoded.stream;
  } else {
    view.codes = encoded.codes;
  }

  weights_.resize(num_tiles * layout::kTileElems);
  const codec::DestinationWindow destination{weights_.data(), 0, kTileRows, view.grid.cols};
  Result<void> decoded = codec::decode_chunks(view, 0, chunks.count, destination);
  encoded.stream.resize(stream_bytes);
  if (!decoded) {
    return Error{ErrorCode::kInternal, "self-check: " + decoded.error().message};
  }
  return compare(plan.grid, source, chunks, num_tiles);
}

Result<void> ChunkSelfCheck::compare(const layout::TileGrid& grid,
                                     const codec::SourceWindow& source, codec::ChunkRange chunks,
                                     std::uint64_t num_tiles) const {
  const std::uint64_t decoded_stride = num_tiles * kTileCols;
  for (std::uint64_t t = 0; t < num_tiles; ++t) {
    const std::uint64_t tile = chunks.first * layout::kChunkTiles + t;
    const std::uint64_t first_row = tile / grid.tiles_per_strip() * kTileRows;
    const std::uint64_t first_col = tile % grid.tiles_per_strip() * kTileCols;
    const std::uint64_t rows = std::min<std::uint64_t>(kTileRows, grid.rows - first_row);
    const std::uint64_t cols = std::min<std::uint64_t>(kTileCols, grid.cols - first_col);
    for (std::uint64_t r = 0; r < rows; ++r) {
      const std::uint16_t* original =
          source.data + (first_row + r - source.first_row) * source.stride_elems + first_col;
      const std::uint16_t* decoded = weights_.data() + r * decoded_stride + t * kTileCols;
      if (std::memcmp(original, decoded, cols * sizeof(std::uint16_t)) != 0) {
        return Error{ErrorCode::kInternal,
                     fmt::format("self-check: tile {} (chunk {}) does not decode to what was "
                                 "encoded, in row {}",
                                 tile, tile / layout::kChunkTiles, first_row + r)};
      }
    }
  }
  return {};
}

}  // namespace unweight::packed
