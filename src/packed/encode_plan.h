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

/// What the exponents decide: palette and padding code. Family kPalette, no Huffman code.
/// kInvalidArgument: a grid that is not representable.
Result<codec::EncodePlan> make_palette_plan(const analysis::ExponentCounts& counts,
                                            const layout::TileGrid& grid);

/// The same plan for kHuffman, with the code that pair counts over the whole padded matrix decide.
Result<codec::EncodePlan> make_huffman_plan(const codec::EncodePlan& palette_plan,
                                            const codec::PairCounts& counts);

/// What the exponents decide for kRadix: its run, its padding code.
[[nodiscard]] codec::EncodePlan make_radix_plan(const analysis::ExponentCounts& counts,
                                                const layout::TileGrid& grid);

/// Weights whose exponent is no digit of a kRadix plan.
[[nodiscard]] std::uint64_t num_escapes(const codec::EncodePlan& radix_plan,
                                        const analysis::ExponentCounts& counts);

/// How many positions, and for each an entry of verbatim_rows, a family needs: verbatim rows, or
/// escapes.
[[nodiscard]] std::uint64_t num_verbatim(const TensorAnalysis& analysis, Family family);

/// Whether a family can hold the tensor: kRadix counts its escapes in 32 bits.
[[nodiscard]] bool can_hold(const TensorAnalysis& analysis, Family family);

/// Size of the packed tensor, as far as it is known before encoding; kRaw: of the original.
[[nodiscard]] std::uint64_t estimated_bytes(const TensorAnalysis& analysis, Family family);

/// Offset and bytes of every section, by SectionId; xxh3 is 0. The stream, whose length only
/// encoding tells, comes last and has 0 bytes here.
[[nodiscard]] std::array<SectionEntry, kNumSections> section_layout(Family family,
                                                                    const layout::TileGrid& grid,
                                                                    std::uint64_t num_verbatim);

/// Size of the blob once the stream section has `stream_bytes` (tail included; 0 but for kHuffman).
[[nodiscard]] std::uint64_t packed_size(const std::array<SectionEntry, kNumSections>& sections,
                                        std::uint64_t stream_bytes);

}  // namespace unweight::packed
