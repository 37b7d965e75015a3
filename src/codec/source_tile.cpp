// SPDX-License-Identifier: BSD-3-Clause
#include "codec/source_tile.h"

#include <algorithm>
#include <cstring>

#include "codec/tile_kernels.h"

namespace unweight::codec {

using layout::kTileCols;
using layout::kTileRows;

std::array<std::uint8_t, 256> invert_palette(const Palette& palette) {
  std::array<std::uint8_t, 256> code_of;
  code_of.fill(kNotInPalette);
  for (std::uint32_t code = 0; code < kPaletteSize; ++code) {
    code_of[palette[code]] = static_cast<std::uint8_t>(code);
  }
  return code_of;
}

void split_source_tile(const layout::TileGrid& grid, const SourceWindow& source, std::uint64_t row,
                       std::uint64_t col, std::uint16_t padding, std::uint8_t* sign_mantissa,
                       std::uint8_t* exponents) {
  const TileKernels& kernels = tile_kernels();
  const std::uint64_t rows = std::min<std::uint64_t>(kTileRows, grid.rows - row);
  const std::uint64_t cols = std::min<std::uint64_t>(kTileCols, grid.cols - col);
  const std::uint16_t* corner = source.data + (row - source.first_row) * source.stride_elems + col;
  if (rows == kTileRows && cols == kTileCols) {
    kernels.split_tile(corner, source.stride_elems, sign_mantissa, exponents);
    return;
  }
  alignas(64) std::array<std::uint16_t, layout::kTileElems> padded;
  padded.fill(padding);
  for (std::uint64_t r = 0; r < rows; ++r) {
    std::memcpy(padded.data() + r * kTileCols, corner + r * source.stride_elems,
                cols * sizeof(std::uint16_t));
  }
  kernels.split_tile(padded.data(), kTileCols, sign_mantissa, exponents);
}

}  // namespace unweight::codec
