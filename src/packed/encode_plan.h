// SPDX-License-Identifier: BSD-3-Clause
//
// From statistics to everything an encoder needs to know, and the sizes that follow from it.
#pragma once

#include <array>
#include <cstdint>

#include "analysis/exponent_stats.h"
#include "codec/chunk_encoder.h"
#include "layout/tile_order.h"
#include "packed/packed_format.h"
#include "unweight/codec.h"
#include "unweight/result.h"

namespace unweight::packed {

/// Palette, padding code and (kHuffman) code for a tensor with these exponent counts.
/// kInvalidArgument: kRaw, or a grid that is not representable.
Result<codec::EncodePlan> make_plan(const analysis::ExponentCounts& counts, Family family,
                                    const layout::TileGrid& grid);

/// Verbatim rows of a whole tensor under a plan's palette. Exact.
struct VerbatimTotals {
  std::uint64_t num_tiles = 0;  ///< tiles with at least one verbatim row
  std::uint64_t num_rows = 0;
};

/// Offset and bytes of every section, by SectionId; xxh3 is 0. The stream, whose length only
/// encoding tells, comes last and has 0 bytes here.
[[nodiscard]] std::array<SectionEntry, kNumSections> section_layout(Family family,
                                                                    const layout::TileGrid& grid,
                                                                    const VerbatimTotals& verbatim);

/// Size of the blob once the stream section has `stream_bytes` (tail included; kPalette: 0).
[[nodiscard]] std::uint64_t packed_size(const std::array<SectionEntry, kNumSections>& sections,
                                        std::uint64_t stream_bytes);

}  // namespace unweight::packed
