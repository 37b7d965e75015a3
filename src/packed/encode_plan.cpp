// SPDX-License-Identifier: BSD-3-Clause
#include "packed/encode_plan.h"

namespace unweight::packed {

Result<codec::EncodePlan> make_plan(const analysis::ExponentCounts& counts, Family family,
                                    const layout::TileGrid& grid) {
  if (family != Family::kPalette && family != Family::kHuffman) {
    return Error{ErrorCode::kInvalidArgument,
                 "raw is not a packed family: there is nothing to pack"};
  }
  if (!grid.representable()) {
    return Error{ErrorCode::kInvalidArgument,
                 "matrix has more than 2^37 weights, padding included"};
  }
  const analysis::PaletteChoice choice = analysis::choose_palette(counts);
  codec::EncodePlan plan;
  plan.family = family;
  plan.grid = grid;
  plan.palette = choice.exponents;
  plan.palette_is_run = choice.is_run;
  plan.padding_code = choice.padding_code;
  if (family == Family::kHuffman) {
    const codec::CodeLengths lengths =
        codec::build_code_lengths(analysis::palette_counts(counts, choice.exponents));
    if (!codec::build_canonical_code(lengths, plan.code)) {
      return Error{ErrorCode::kInternal, "package-merge gave an incomplete code"};
    }
  }
  return plan;
}

std::array<SectionEntry, kNumSections> section_layout(Family family, const layout::TileGrid& grid,
                                                      const VerbatimTotals& verbatim) {
  const bool huffman = family == Family::kHuffman;
  const std::uint64_t chunks = grid.num_chunks(), tiles = grid.num_tiles();
  const std::array<std::uint64_t, kNumSections> bytes = {
      huffman ? (chunks + 1) * sizeof(std::uint64_t) : 0,
      chunks * sizeof(codec::VerbatimIndexEntry),
      verbatim.num_tiles * sizeof(codec::VerbatimTile),
      verbatim.num_rows * codec::kVerbatimRowBytes,
      tiles * layout::kTileByteSectionBytes,
      huffman ? 0 : tiles * layout::kTileCodeSectionBytes,
      0,
  };
  std::array<SectionEntry, kNumSections> sections{};
  std::uint64_t offset = sizeof(PackedHeader);
  for (std::size_t i = 0; i < kNumSections; ++i) {
    sections[i] = {offset, bytes[i], 0};
    offset = align_up(offset + bytes[i]);
  }
  return sections;
}

std::uint64_t packed_size(const std::array<SectionEntry, kNumSections>& sections,
                          std::uint64_t stream_bytes) {
  return align_up(sections[static_cast<std::size_t>(SectionId::kStream)].offset + stream_bytes);
}

}  // namespace unweight::packed
