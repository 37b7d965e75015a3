// SPDX-License-Identifier: BSD-3-Clause
//
// From row-major weights to the byte tiles that are analysed and encoded. Analysis and encoder must
// see the same tiles, padding included: the code is built for exactly the pairs that are counted.
#pragma once

#include <array>
#include <cstdint>

#include "codec/chunk_encoder.h"
#include "codec/families_format.h"
#include "layout/tile_order.h"

namespace unweight::codec {

/// Palette code of every exponent, kNotInPalette outside.
[[nodiscard]] std::array<std::uint8_t, 256> invert_palette(const Palette& palette);

/// Splits the tile whose first weight is (row, col); `source` covers its rows. Weights beyond the
/// matrix edge are `padding`. Writes two byte tiles of 1024 bytes.
void split_source_tile(const layout::TileGrid& grid, const SourceWindow& source, std::uint64_t row,
                       std::uint64_t col, std::uint16_t padding, std::uint8_t* sign_mantissa,
                       std::uint8_t* exponents);

}  // namespace unweight::codec
