// SPDX-License-Identifier: BSD-3-Clause
#include "packed/encode_plan.h"

#include <algorithm>

#include "codec/family_sizes.h"

namespace unweight::packed {

static_assert(analysis::kRadixRun == codec::kRadix);

namespace {

codec::EncodePlan plan_of(Family family, const layout::TileGrid& grid,
                          const analysis::PaletteChoice& choice) {
  codec::EncodePlan plan;
  plan.family = family;
  plan.grid = grid;
  plan.palette = choice.exponents;
  plan.palette_is_run = choice.is_run;
  plan.padding_code = choice.padding_code;
  return plan;
}

}  // namespace

Result<codec::EncodePlan> make_palette_plan(const analysis::ExponentCounts& counts,
                                            const layout::TileGrid& grid) {
  if (!grid.representable()) {
    return Error{ErrorCode::kInvalidArgument,
                 "matrix has more than 2^35 weights, padding included"};
  }
  return plan_of(Family::kPalette, grid, analysis::choose_palette(counts));
}

Result<codec::EncodePlan> make_huffman_plan(const codec::EncodePlan& palette_plan,
                                            const codec::PairCounts& counts) {
  codec::EncodePlan plan = palette_plan;
  plan.family = Family::kHuffman;
  const auto most = std::max_element(counts.begin(), counts.end());
  const auto most_frequent = static_cast<std::uint8_t>(most - counts.begin());
  if (!codec::build_canonical_code(codec::build_code_lengths(counts), most_frequent, plan.code)) {
    return Error{ErrorCode::kInternal, "package-merge gave an incomplete code"};
  }
  return plan;
}

codec::EncodePlan make_radix_plan(const analysis::ExponentCounts& counts,
                                  const layout::TileGrid& grid) {
  return plan_of(Family::kRadix, grid, analysis::choose_radix_run(counts));
}

std::uint64_t num_escapes(const codec::EncodePlan& radix_plan,
                          const analysis::ExponentCounts& counts) {
  std::uint64_t escapes = 0;
  for (std::uint32_t e = 0; e < counts.size(); ++e) {
    if (e - radix_plan.palette[0] >= codec::kRadix) escapes += counts[e];
  }
  return escapes;
}

std::uint64_t num_verbatim(const TensorAnalysis& analysis, Family family) {
  return family == Family::kRadix ? analysis.num_escapes : analysis.num_verbatim_rows;
}

bool can_hold(const TensorAnalysis& analysis, Family family) {
  return family != Family::kRadix || analysis.num_escapes <= codec::kMaxEscapes;
}

std::uint64_t estimated_bytes(const TensorAnalysis& analysis, Family family) {
  switch (family) {
    case Family::kPalette:
      return analysis.palette_bytes;
    case Family::kHuffman:
      return analysis.huffman_bytes;
    case Family::kRadix:
      return analysis.radix_bytes;
    case Family::kRaw:
      break;
  }
  return analysis.rows * analysis.cols * sizeof(std::uint16_t);
}

std::array<SectionEntry, kNumSections> section_layout(Family family, const layout::TileGrid& grid,
                                                      std::uint64_t num_verbatim) {
  const bool huffman = family == Family::kHuffman;
  const std::uint64_t chunks = grid.num_chunks(), tiles = grid.num_tiles();
  const std::array<std::uint64_t, kNumSections> bytes = {
      huffman ? chunks * sizeof(codec::ChunkStreamEntry) : 0,
      chunks * sizeof(codec::VerbatimIndexEntry),
      num_verbatim * sizeof(codec::VerbatimPosition),
      num_verbatim * codec::verbatim_bytes(family),
      tiles * layout::kTileByteSectionBytes,
      tiles * codec::tile_codes_bytes(family),
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
