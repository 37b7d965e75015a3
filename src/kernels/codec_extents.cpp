// SPDX-License-Identifier: BSD-3-Clause
//
// Sizes of packed tensors in device memory (include/unweight/gpu.h).
#include <algorithm>

#include "base/try.h"
#include "codec/radix_format.h"
#include "kernels/packed_places.h"
#include "kernels/tensor_record.h"
#include "packed/encode_plan.h"
#include "packed/packed_reader.h"
#include "unweight/gpu.h"

namespace unweight::gpu {
namespace {

using packed::SectionId;

/// No chunk needs more on average: an optimal code is never longer than 8 bits a pair, which a code
/// of equal lengths would have; every lane can be filled up by 31 bits, every chunk by 7.
constexpr std::uint64_t kMaxMeanChunkBytes =
    layout::kChunkElems / 2 + (layout::kLanes * 31 + 7 + 7) / 8;

struct Section {
  std::uint64_t offset, bytes;
};

/// The record, then the sections as in a blob without its header.
std::array<Section, packed::kNumSections> place_sections(const Extents& extents) {
  auto sections = packed::section_layout(extents.family, {extents.rows, extents.cols},
                                         extents.num_verbatim_rows);
  sections[static_cast<std::size_t>(SectionId::kStream)].bytes = extents.stream_bytes;
  std::array<Section, packed::kNumSections> placed;
  for (std::size_t i = 0; i < placed.size(); ++i) {
    placed[i] = {sections[i].offset - sizeof(packed::PackedHeader) + kRecordBytes,
                 sections[i].bytes};
  }
  return placed;
}

}  // namespace

Extents worst_case_extents(Family family, std::uint64_t rows, std::uint64_t cols) {
  const layout::TileGrid grid{rows, cols};
  Extents extents{family, rows, cols, grid.padded_elems() / layout::kRowElems, 0, 0};
  if (family == Family::kHuffman) {
    extents.stream_bytes = grid.num_chunks() * kMaxMeanChunkBytes + codec::kStreamTailBytes;
  }
  if (family == Family::kRadix) {  // padding is never an escape
    extents.num_verbatim_rows = std::min(grid.num_elems(), codec::kMaxEscapes);
  }
  return extents;
}

Result<Extents> blob_extents(std::span<const std::byte> blob) {
  UNWEIGHT_TRY_ASSIGN(const packed::PackedHeader header, packed::parse_header(blob, blob.size()));
  return kernels::extents_of(header);
}

std::uint64_t packed_tensor_bytes(const Extents& extents) {
  const Section last = place_sections(extents).back();
  return packed::align_up(last.offset + last.bytes);
}

PackedTensor place_packed_tensor(const Extents& extents, std::byte* memory) {
  const auto sections = place_sections(extents);
  const auto at = [&](SectionId id) -> std::byte* {
    const Section& section = sections[static_cast<std::size_t>(id)];
    return section.bytes == 0 ? nullptr : memory + section.offset;
  };
  PackedTensor tensor;
  tensor.extents = extents;
  tensor.record = memory;
  tensor.chunk_streams = at(SectionId::kChunkStreams);
  tensor.verbatim_index = at(SectionId::kVerbatimIndex);
  tensor.verbatim_positions = at(SectionId::kVerbatimPositions);
  tensor.verbatim_rows = at(SectionId::kVerbatimRows);
  tensor.sign_mantissa = at(SectionId::kSignMantissa);
  tensor.codes = at(SectionId::kCodes);
  tensor.stream = at(SectionId::kStream);
  return tensor;
}

std::uint64_t encode_workspace_bytes(Family family, std::uint64_t rows, std::uint64_t cols) {
  const layout::TileGrid grid{rows, cols};
  if (family == Family::kRadix) {
    return packed::align_up(grid.num_tiles() * sizeof(std::uint16_t));
  }
  if (family != Family::kHuffman) return 0;
  return packed::align_up(grid.num_tiles() * layout::kTileCodeSectionBytes) +
         packed::align_up(grid.num_chunks() * sizeof(std::uint32_t));
}

}  // namespace unweight::gpu
