// SPDX-License-Identifier: BSD-3-Clause
#include "packed/packed_refused_cases.h"

#include <functional>
#include <utility>

#include "packed/packed_test_data.h"

namespace unweight::packed {
namespace {

using Blob = std::vector<std::byte>;

// One tile, coded and verbatim rows.
Blob base(Family family) {
  TestMatrix m = halving_matrix(16, 64, 77);
  m.weights[5] = 0x7f80;
  m.weights[700] = 0x0001;
  m.weights[701] = 0x4f00;
  for (std::size_t i = 0; i < 17; ++i) {  // so many exponents that some are outside any palette
    m.weights[i * 8] = codec::join_weight(static_cast<std::uint8_t>(10 * i), 0);
  }
  return encode(m.view(), {.family = family, .num_threads = 1}).value();
}

class CaseList {
 public:
  std::vector<RefusedCase> take() { return std::move(cases_); }

  // A header field is wrong, and the header's checksum right.
  void header(std::string name, std::string message, const std::function<void(PackedHeader&)>& edit,
              Family family = Family::kHuffman, ErrorCode code = ErrorCode::kInvalidFormat) {
    Blob blob = base(family);
    PackedHeader h = read_header(blob);
    edit(h);
    write_header(blob, h);
    cases_.push_back({std::move(name), std::move(blob), code, std::move(message)});
  }

  // A section's content is wrong, and every checksum right.
  template <typename T>
  void section(std::string name, std::string message, SectionId id,
               const std::function<void(T*)>& edit) {
    Blob blob = base(Family::kHuffman);
    const SectionEntry entry = read_header(blob).sections[static_cast<std::size_t>(id)];
    std::vector<T> content(entry.bytes / sizeof(T));
    std::memcpy(content.data(), blob.data() + entry.offset, entry.bytes);
    edit(content.data());
    std::memcpy(blob.data() + entry.offset, content.data(), entry.bytes);
    fix_checksums(blob);
    cases_.push_back(
        {std::move(name), std::move(blob), ErrorCode::kInvalidFormat, std::move(message)});
  }

  // Anything else.
  void blob(std::string name, std::string message, ErrorCode code,
            const std::function<void(Blob&)>& edit) {
    Blob blob = base(Family::kHuffman);
    edit(blob);
    cases_.push_back({std::move(name), std::move(blob), code, std::move(message)});
  }

 private:
  std::vector<RefusedCase> cases_;
};

SectionEntry& entry(PackedHeader& h, SectionId id) {
  return h.sections[static_cast<std::size_t>(id)];
}

void identity_cases(CaseList& list) {
  list.header("magic", "magic is not", [](PackedHeader& h) { h.magic[0] = 'u'; });
  list.header(
      "newer_version", "format version 2 is newer", [](PackedHeader& h) { h.format_version = 2; },
      Family::kHuffman, ErrorCode::kUnsupported);
  list.header("version_0", "version 0", [](PackedHeader& h) { h.format_version = 0; });
  list.header("family_raw", "family 0", [](PackedHeader& h) { h.family = 0; });
  list.header("family_3", "family 3", [](PackedHeader& h) { h.family = 3; });
  list.header("dtype", "dtype 2", [](PackedHeader& h) { h.dtype = 2; });
  list.header("num_sections", "6 sections", [](PackedHeader& h) { h.num_sections = 6; });
  list.header("reserved_word", "reserved", [](PackedHeader& h) { h.reserved0 = 1; });
  list.header("reserved_bytes", "reserved", [](PackedHeader& h) { h.reserved1[231] = 1; });
  list.blob("header_checksum", "packed tensor header: XXH3", ErrorCode::kChecksumMismatch,
            [](Blob& b) { b[200] ^= std::byte{1}; });
}

void dimension_cases(CaseList& list) {
  list.header("too_many_weights", "more than 2^37", [](PackedHeader& h) {
    h.rows = std::uint64_t{1} << 20;
    h.cols = std::uint64_t{1} << 20;
  });
  list.header("rows_overflow", "more than 2^37",
              [](PackedHeader& h) { h.rows = ~std::uint64_t{0}; });
  list.header("rows_past_sections", "section sign_mantissa", [](PackedHeader& h) { h.rows = 17; });
  list.header("no_rows", "verbatim tiles of 0 tiles", [](PackedHeader& h) { h.rows = 0; });
}

void palette_cases(CaseList& list) {
  list.header("palette_order", "does not ascend strictly at entry 3",
              [](PackedHeader& h) { h.palette[3] = h.palette[2]; });
  list.header("palette_is_run", "palette_is_run is 1",
              [](PackedHeader& h) { h.palette_is_run = 1; });
  list.header("padding_code", "padding_code 16", [](PackedHeader& h) { h.padding_code = 16; });
  list.header("code_too_long", "code length 9", [](PackedHeader& h) { h.code_lengths[0] = 9; });
  list.header("max_code_length", "max_code_length is 1",
              [](PackedHeader& h) { h.max_code_length = 1; });
  list.header("code_incomplete", "not a complete prefix code", [](PackedHeader& h) {
    h.code_lengths = {8};
    h.max_code_length = 8;
  });
  list.header("code_oversubscribed", "not a complete prefix code", [](PackedHeader& h) {
    h.code_lengths = {1, 1, 1};
    h.max_code_length = 1;
  });
  list.header("padding_without_code", "has no code", [](PackedHeader& h) {
    h.code_lengths = {1, 1};
    h.max_code_length = 1;
    h.padding_code = 2;
  });
  list.header(
      "palette_with_code", "palette family with code lengths",
      [](PackedHeader& h) { h.max_code_length = 8; }, Family::kPalette);
}

void layout_cases(CaseList& list) {
  list.header("verbatim_tiles_count", "2 verbatim tiles of 1 tiles",
              [](PackedHeader& h) { h.num_verbatim_tiles = 2; });
  list.header("verbatim_rows_count", "33 verbatim rows cannot",
              [](PackedHeader& h) { h.num_verbatim_rows = 33; });
  list.header("verbatim_rows_too_few", "0 verbatim rows cannot",
              [](PackedHeader& h) { h.num_verbatim_rows = 0; });
  list.header("section_offset", "section sign_mantissa is 1024 bytes at",
              [](PackedHeader& h) { entry(h, SectionId::kSignMantissa).offset += kAlignment; });
  list.header("section_offset_huge", "section stream is", [](PackedHeader& h) {
    entry(h, SectionId::kStream).offset = ~std::uint64_t{0} - 255;
  });
  list.header("section_bytes", "section verbatim_index is 16 bytes",
              [](PackedHeader& h) { entry(h, SectionId::kVerbatimIndex).bytes += 8; });
  list.header("stream_odd", "section stream has",
              [](PackedHeader& h) { entry(h, SectionId::kStream).bytes -= 1; });
  list.header("stream_without_tail", "section stream has 62 bytes",
              [](PackedHeader& h) { entry(h, SectionId::kStream).bytes = 62; });
  list.header("stream_huge", "section stream has",
              [](PackedHeader& h) { entry(h, SectionId::kStream).bytes = ~std::uint64_t{1}; });
  list.header(
      "palette_with_stream", "palette family with a stream",
      [](PackedHeader& h) { entry(h, SectionId::kStream).bytes = 64; }, Family::kPalette);
  list.header("packed_bytes", "the sections end at",
              [](PackedHeader& h) { h.packed_bytes += kAlignment; });
  list.blob("truncated_header", "511 bytes, a header has 512", ErrorCode::kInvalidFormat,
            [](Blob& b) { b.resize(511); });
  list.blob("truncated", "but the blob has", ErrorCode::kInvalidFormat,
            [](Blob& b) { b.resize(b.size() - 1); });
  list.blob("trailing_bytes", "but the blob has", ErrorCode::kInvalidFormat,
            [](Blob& b) { b.resize(b.size() + kAlignment); });
  list.blob("gap", "section verbatim_index: gap", ErrorCode::kInvalidFormat, [](Blob& b) {
    PackedHeader h = read_header(b);
    b[entry(h, SectionId::kVerbatimIndex).offset + 100] = std::byte{1};
  });
  list.blob("section_checksum", "section sign_mantissa: XXH3", ErrorCode::kChecksumMismatch,
            [](Blob& b) {
              PackedHeader h = read_header(b);
              b[entry(h, SectionId::kSignMantissa).offset + 3] ^= std::byte{0x10};
            });
}

void index_cases(CaseList& list) {
  using codec::VerbatimIndexEntry;
  using codec::VerbatimTile;
  list.section<std::uint64_t>("chunk_offset_first", "chunk 0 starts at word 1",
                              SectionId::kChunkOffsets, [](auto* o) { o[0] = 1; });
  list.section<std::uint64_t>("chunk_offset_huge", "it can have at most 576",
                              SectionId::kChunkOffsets, [](auto* o) { o[1] = 577; });
  list.section<std::uint64_t>("chunk_offset_last", "section chunk_offsets: last offset is",
                              SectionId::kChunkOffsets, [](auto* o) { o[1] -= 1; });
  list.section<VerbatimIndexEntry>("tile_mask", "names tiles past its 1", SectionId::kVerbatimIndex,
                                   [](auto* e) { e[0].tile_mask = 3; });
  list.section<VerbatimIndexEntry>("first_verbatim_tile", "first verbatim tile is 1, must be 0",
                                   SectionId::kVerbatimIndex,
                                   [](auto* e) { e[0].first_verbatim_tile = 1; });
  list.section<VerbatimIndexEntry>("verbatim_tile_total", "names 0 verbatim tiles, the header 1",
                                   SectionId::kVerbatimIndex, [](auto* e) { e[0].tile_mask = 0; });
  list.section<VerbatimTile>("lane_mask_0", "lane mask is 0", SectionId::kVerbatimTiles,
                             [](auto* t) { t[0].lane_mask = 0; });
  list.section<VerbatimTile>("first_verbatim_row", "first verbatim row is 7, must be 0",
                             SectionId::kVerbatimTiles,
                             [](auto* t) { t[0].first_verbatim_row = 7; });
  list.section<VerbatimTile>("verbatim_row_total", "verbatim rows, the header",
                             SectionId::kVerbatimTiles, [](auto* t) { t[0].lane_mask = ~0u; });
  list.blob("stream_tail", "tail words are not zero", ErrorCode::kInvalidFormat, [](Blob& b) {
    PackedHeader h = read_header(b);
    const SectionEntry stream = entry(h, SectionId::kStream);
    b[stream.offset + stream.bytes - 1] = std::byte{1};
    fix_checksums(b);
  });
  // Other codes, which take fewer words than the chunk has.
  list.section<std::uint16_t>("stream_words", "does not have the", SectionId::kStream,
                              [](auto* w) { std::fill_n(w, 64, std::uint16_t{0}); });
}

}  // namespace

std::vector<RefusedCase> refused_cases() {
  CaseList list;
  identity_cases(list);
  dimension_cases(list);
  palette_cases(list);
  layout_cases(list);
  index_cases(list);
  return list.take();
}

}  // namespace unweight::packed
