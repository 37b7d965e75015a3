// SPDX-License-Identifier: BSD-3-Clause
//
// In what the families' sections differ in size. Host and device code.
#pragma once

#include <cstdint>

#include "codec/families_format.h"
#include "codec/radix_format.h"
#include "layout/tile_order.h"
#include "unweight/codec.h"

namespace unweight::codec {

/// Of section codes.
UNWEIGHT_HOST_DEVICE constexpr std::uint32_t tile_codes_bytes(Family family) {
  if (family == Family::kPalette) return layout::kTileCodeSectionBytes;
  return family == Family::kRadix ? kTileRadixSectionBytes : 0;
}

/// Of section verbatim_rows, for each position: a row's exponents, or an escape's.
UNWEIGHT_HOST_DEVICE constexpr std::uint32_t verbatim_bytes(Family family) {
  return family == Family::kRadix ? kEscapeBytes : kVerbatimRowBytes;
}

}  // namespace unweight::codec
