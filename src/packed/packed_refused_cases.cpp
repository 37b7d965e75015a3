// SPDX-License-Identifier: BSD-3-Clause
#include "packed/packed_refused_cases.h"

#include <algorithm>
#include <functional>
#include <span>
#include <utility>

#include "codec/radix_format.h"
#include "packed/packed_test_data.h"

namespace unweight::packed {
namespace {

using Blob = std::vector<std::byte>;

// No weights: all that a header says of itself can be wrong in it.
TestMatrix empty() {
  return {0, 5, {}};
}

// One tile, with verbatim rows.
TestMatrix one_tile() {
  TestMatrix m = halving_matrix(16, 64, 77);
  m.weights[5] = 0x7f80;
  m.weights[700] = 0x0001;
  m.weights[701] = 0x4f00;
  for (std::size_t i = 0; i < 17; ++i) {  // so many exponents that some are outside any palette
    m.weights[i * 8] = codec::join_weight(static_cast<std::uint8_t>(10 * i), 0);
  }
  return m;
}

Blob encoded(const TestMatrix& m, Family family) {
  return encode(m.view(), {.family = family, .num_threads = 1}).value();
}

SectionEntry& entry(PackedHeader& h, SectionId id) {
  return h.sections[static_cast<std::size_t>(id)];
}

SectionEntry entry_of(const Blob& blob, SectionId id) {
  return read_header(blob).sections[static_cast<std::size_t>(id)];
}

class CaseList {
 public:
  std::vector<RefusedCase> take() { return std::move(cases_); }

  using HeaderEdit = std::function<void(PackedHeader&)>;

  // A header field is wrong, and the header's checksum right.
  void header(std::string name, std::string message, const HeaderEdit& edit,
              Family family = Family::kHuffman, ErrorCode code = ErrorCode::kInvalidFormat) {
    add_header(std::move(name), std::move(message), edit, encoded(empty(), family), code);
  }
  // The same where a tensor with weights is needed.
  void tile_header(std::string name, std::string message, const HeaderEdit& edit,
                   Family family = Family::kHuffman) {
    add_header(std::move(name), std::move(message), edit, encoded(one_tile(), family),
               ErrorCode::kInvalidFormat);
  }

  // A section's content is wrong, and every checksum right.
  template <typename T>
  void section(std::string name, std::string message, SectionId id,
               const std::function<void(std::span<T>)>& edit, Family family = Family::kHuffman) {
    Blob blob = encoded(one_tile(), family);
    const SectionEntry at = entry_of(blob, id);
    std::vector<T> content(at.bytes / sizeof(T));
    std::memcpy(content.data(), blob.data() + at.offset, at.bytes);
    edit(content);
    std::memcpy(blob.data() + at.offset, content.data(), at.bytes);
    fix_checksums(blob);
    cases_.push_back(
        {std::move(name), std::move(blob), ErrorCode::kInvalidFormat, std::move(message)});
  }

  // Anything else.
  void blob(std::string name, std::string message, ErrorCode code, const TestMatrix& matrix,
            const std::function<void(Blob&)>& edit) {
    Blob blob = encoded(matrix, Family::kHuffman);
    edit(blob);
    cases_.push_back({std::move(name), std::move(blob), code, std::move(message)});
  }

 private:
  void add_header(std::string name, std::string message, const HeaderEdit& edit, Blob blob,
                  ErrorCode code) {
    PackedHeader h = read_header(blob);
    edit(h);
    write_header(blob, h);
    cases_.push_back({std::move(name), std::move(blob), code, std::move(message)});
  }

  std::vector<RefusedCase> cases_;
};

void identity_cases(CaseList& list) {
  list.header("magic", "magic is not", [](PackedHeader& h) { h.magic[0] = 'u'; });
  list.header(
      "newer_version", "format version 2 is newer", [](PackedHeader& h) { h.format_version = 2; },
      Family::kHuffman, ErrorCode::kUnsupported);
  list.header("version_0", "version 0", [](PackedHeader& h) { h.format_version = 0; });
  list.header("family_raw", "family 0", [](PackedHeader& h) { h.family = 0; });
  list.header("family_4", "family 4", [](PackedHeader& h) { h.family = 4; });
  list.header("dtype", "dtype 2", [](PackedHeader& h) { h.dtype = 2; });
  list.header("num_sections", "6 sections", [](PackedHeader& h) { h.num_sections = 6; });
  list.header("reserved_word", "reserved", [](PackedHeader& h) { h.reserved0 = 1; });
  list.header("reserved_bytes", "reserved", [](PackedHeader& h) { h.reserved1[119] = 1; });
  list.blob("header_checksum", "packed tensor header: XXH3", ErrorCode::kChecksumMismatch, empty(),
            [](Blob& b) { b[200] ^= std::byte{1}; });
}

void dimension_cases(CaseList& list) {
  list.header("too_many_weights", "more than 2^35", [](PackedHeader& h) {
    h.rows = std::uint64_t{1} << 18;
    h.cols = std::uint64_t{1} << 18;
  });
  list.header("rows_overflow", "more than 2^35",
              [](PackedHeader& h) { h.rows = ~std::uint64_t{0}; });
  list.header("rows_without_sections", "section chunk_streams is 0 bytes",
              [](PackedHeader& h) { h.rows = 1; });
  list.tile_header("rows_past_sections", "section sign_mantissa",
                   [](PackedHeader& h) { h.rows = 17; });
  list.tile_header("no_rows", "verbatim rows of 0 rows", [](PackedHeader& h) { h.rows = 0; });
}

void palette_cases(CaseList& list) {
  list.header("palette_order", "does not ascend strictly at entry 3",
              [](PackedHeader& h) { h.palette[3] = h.palette[2]; });
  list.header("palette_is_run", "palette_is_run is 0, but the palette is a run",
              [](PackedHeader& h) { h.palette_is_run = 0; });
  list.header("palette_is_not_run", "palette_is_run is 1, but the palette is not a run",
              [](PackedHeader& h) { h.palette[15] = 200; });
  list.header("padding_code", "padding_code 16", [](PackedHeader& h) { h.padding_code = 16; });
}

void code_cases(CaseList& list) {
  list.header("code_too_long", "code length 14",
              [](PackedHeader& h) { h.code_lengths[127] = 0xe0; });
  list.header("max_code_length", "max_code_length is 1",
              [](PackedHeader& h) { h.max_code_length = 1; });
  list.header("code_incomplete", "not a complete prefix code", [](PackedHeader& h) {
    h.code_lengths = {0x0d};
    h.max_code_length = 13;
  });
  list.header("code_oversubscribed", "not a complete prefix code", [](PackedHeader& h) {
    h.code_lengths = {0x11, 0x01};
    h.max_code_length = 1;
  });
  list.header("single_symbol_with_codes", "single_symbol is 5", [](PackedHeader& h) {
    h.code_lengths = {0x11};
    h.max_code_length = 1;
    h.single_symbol = 5;
  });
  const char* const message = "palette family with code lengths";
  list.header(
      "palette_with_code_lengths", message, [](PackedHeader& h) { h.code_lengths[127] = 0x10; },
      Family::kPalette);
  list.header(
      "palette_with_max_code_length", message, [](PackedHeader& h) { h.max_code_length = 8; },
      Family::kPalette);
  list.header(
      "palette_with_single_symbol", message, [](PackedHeader& h) { h.single_symbol = 1; },
      Family::kPalette);
}

void layout_cases(CaseList& list) {
  list.tile_header("verbatim_rows_count", "129 verbatim rows of 128 rows",
                   [](PackedHeader& h) { h.num_verbatim_rows = 129; });
  list.header("section_offset", "section sign_mantissa is 0 bytes at",
              [](PackedHeader& h) { entry(h, SectionId::kSignMantissa).offset += kAlignment; });
  list.header("section_offset_huge", "section stream is", [](PackedHeader& h) {
    entry(h, SectionId::kStream).offset = ~std::uint64_t{0} - 255;
  });
  list.header("section_bytes", "section verbatim_index is 8 bytes",
              [](PackedHeader& h) { entry(h, SectionId::kVerbatimIndex).bytes += 8; });
  list.header("stream_without_tail", "section stream has 63 bytes",
              [](PackedHeader& h) { entry(h, SectionId::kStream).bytes = 63; });
  list.header("stream_huge", "section stream has",
              [](PackedHeader& h) { entry(h, SectionId::kStream).bytes = ~std::uint64_t{0}; });
  list.tile_header("stream_too_long", "need 64 to 26813",
                   [](PackedHeader& h) { entry(h, SectionId::kStream).bytes = 26814; });
  list.header("longest_chunk_past_stream", "max_chunk_stream_bytes is 1, the stream has 0",
              [](PackedHeader& h) { h.max_chunk_stream_bytes = 1; });
  list.header(
      "palette_with_longest_chunk", "palette family with a stream",
      [](PackedHeader& h) { h.max_chunk_stream_bytes = 1; }, Family::kPalette);
  list.header(
      "palette_with_stream", "palette family with a stream",
      [](PackedHeader& h) { entry(h, SectionId::kStream).bytes = 64; }, Family::kPalette);
  list.header("packed_bytes", "the sections end at",
              [](PackedHeader& h) { h.packed_bytes += kAlignment; });
  list.blob("truncated_header", "511 bytes, a header has 512", ErrorCode::kInvalidFormat, empty(),
            [](Blob& b) { b.resize(511); });
  list.blob("truncated", "but the blob has", ErrorCode::kInvalidFormat, empty(),
            [](Blob& b) { b.resize(b.size() - 1); });
  list.blob("trailing_bytes", "but the blob has", ErrorCode::kInvalidFormat, empty(),
            [](Blob& b) { b.resize(b.size() + kAlignment); });
  list.blob("gap", "section stream: gap", ErrorCode::kInvalidFormat, empty(),
            [](Blob& b) { b.back() = std::byte{1}; });
  list.blob("section_checksum", "section stream: XXH3", ErrorCode::kChecksumMismatch, empty(),
            [](Blob& b) { b[entry_of(b, SectionId::kStream).offset] = std::byte{1}; });
}

void stream_cases(CaseList& list) {
  using codec::ChunkStreamEntry;
  using codec::pack_stream_entry;
  constexpr SectionId kId = SectionId::kChunkStreams;
  list.section<ChunkStreamEntry>("stream_offset", "chunk 0 begins at byte 1, must begin at 0", kId,
                                 [](auto e) { ++e[0].packed; });
  list.section<ChunkStreamEntry>("length_shift", "length shift 6", kId, [](auto e) {
    e[0].packed = pack_stream_entry(0, e[0].min_lane_bits(), 6);
  });
  list.section<ChunkStreamEntry>("lane_bits", "chunk 0: lane 31 has", kId,
                                 [](auto e) { e[0].lane_delta[31] = 255; });
  list.section<ChunkStreamEntry>(
      "stream_bytes", "section chunk_streams: chunks have", kId,
      [](auto e) { e[0].packed = pack_stream_entry(0, e[0].min_lane_bits() - 1, 0); });
  list.tile_header("longest_chunk", "section chunk_streams: longest chunk has",
                   [](PackedHeader& h) { --h.max_chunk_stream_bytes; });
  list.blob("stream_tail", "tail is not zero", ErrorCode::kInvalidFormat, empty(), [](Blob& b) {
    b[entry_of(b, SectionId::kStream).offset + codec::kStreamTailBytes - 1] = std::byte{1};
    fix_checksums(b);
  });
  // The shortest code again and again; then the longest.
  const auto fill_stream = [&](const char* name, std::uint8_t byte) {
    list.section<std::uint8_t>(
        name, "do not end where their strings do", SectionId::kStream, [byte](auto bytes) {
          std::fill(bytes.begin(), bytes.end() - codec::kStreamTailBytes, byte);
        });
  };
  fill_stream("codes_too_short", 0);
  fill_stream("codes_too_long", 0xff);
}

void verbatim_cases(CaseList& list) {
  using codec::VerbatimIndexEntry;
  using codec::VerbatimPosition;
  list.section<VerbatimIndexEntry>("tile_mask_extra", "tile mask is 00000003, its rows lie in",
                                   SectionId::kVerbatimIndex, [](auto e) { e[0].tile_mask = 3; });
  list.section<VerbatimIndexEntry>("tile_mask_missing", "tile mask is 00000000, its rows lie in",
                                   SectionId::kVerbatimIndex, [](auto e) { e[0].tile_mask = 0; });
  list.section<VerbatimIndexEntry>("first_verbatim_row", "first verbatim row of chunk 0 is 1",
                                   SectionId::kVerbatimIndex,
                                   [](auto e) { e[0].first_verbatim_row = 1; });
  list.section<VerbatimPosition>("position_order", "is out of order", SectionId::kVerbatimPositions,
                                 [](auto p) { std::swap(p[0], p[1]); });
  list.section<VerbatimPosition>("position_twice", "is out of order", SectionId::kVerbatimPositions,
                                 [](auto p) { p[1] = p[0]; });
  list.section<VerbatimPosition>("position_past_tiles", "is past its 1 tiles",
                                 SectionId::kVerbatimPositions,
                                 [](auto p) { p.back() = codec::pack_verbatim_position(1, 0, 0); });
  list.section<VerbatimPosition>(
      "position_top_bits", "is past its 1 tiles", SectionId::kVerbatimPositions,
      [](auto p) { p.back() = static_cast<VerbatimPosition>(p.back() | 0x1000); });
}

void radix_header_cases(CaseList& list) {
  const auto header = [&](const char* name, const char* message, const CaseList::HeaderEdit& edit) {
    list.header(name, message, edit, Family::kRadix);
  };
  header("radix_palette_no_run", "radix family with a palette that is not a run",
         [](PackedHeader& h) {
           h.palette[15] = 200;
           h.palette_is_run = 0;
         });
  header("radix_padding_code", "padding_code 11 is not below 11",
         [](PackedHeader& h) { h.padding_code = 11; });
  header("radix_with_code_lengths", "radix family with code lengths",
         [](PackedHeader& h) { h.code_lengths[0] = 0x11; });
  header("radix_with_longest_chunk", "radix family with a stream",
         [](PackedHeader& h) { h.max_chunk_stream_bytes = 1; });
  header("radix_with_stream", "radix family with a stream",
         [](PackedHeader& h) { entry(h, SectionId::kStream).bytes = 64; });
  list.tile_header(
      "escapes_count", "1025 escapes; at most 1024",
      [](PackedHeader& h) { h.num_verbatim_rows = 1025; }, Family::kRadix);
  header("escapes_beyond_32_bits", "4294967296 escapes; at most 4294967295", [](PackedHeader& h) {
    h.rows = std::uint64_t{1} << 17;
    h.cols = std::uint64_t{1} << 16;
    h.num_verbatim_rows = std::uint64_t{1} << 32;
  });
  list.tile_header(
      "radix_codes_bytes", "section codes is 512 bytes",
      [](PackedHeader& h) { entry(h, SectionId::kCodes).bytes = 512; }, Family::kRadix);
}

void escape_cases(CaseList& list) {
  using codec::EscapePosition;
  using codec::VerbatimIndexEntry;
  const auto index = [&](const char* name, const char* message, auto edit) {
    list.section<VerbatimIndexEntry>(name, message, SectionId::kVerbatimIndex, edit,
                                     Family::kRadix);
  };
  const auto positions = [&](const char* name, const char* message, auto edit) {
    list.section<EscapePosition>(name, message, SectionId::kVerbatimPositions, edit,
                                 Family::kRadix);
  };
  index("escape_mask_extra", "tile mask is 00000003, its rows lie in",
        [](auto e) { e[0].tile_mask = 3; });
  index("escape_mask_missing", "tile mask is 00000000, its rows lie in",
        [](auto e) { e[0].tile_mask = 0; });
  index("first_escape", "first verbatim row of chunk 0 is 1",
        [](auto e) { e[0].first_verbatim_row = 1; });
  positions("escape_order", "is out of order", [](auto p) { std::swap(p[0], p[1]); });
  positions("escape_twice", "is out of order", [](auto p) { p[1] = p[0]; });
  positions("escape_past_tiles", "is past its 1 tiles", [](auto p) {
    p.back() = codec::pack_escape_position(1, {0, 0});
  });
  positions("escape_parity", "is of a chunk of other parity",
            [](auto p) { p.back() = static_cast<EscapePosition>(p.back() | 0x8000); });
}

}  // namespace

std::vector<RefusedCase> refused_cases() {
  CaseList list;
  identity_cases(list);
  dimension_cases(list);
  palette_cases(list);
  code_cases(list);
  layout_cases(list);
  stream_cases(list);
  verbatim_cases(list);
  radix_header_cases(list);
  escape_cases(list);
  return list.take();
}

Result<void> decode_refused(std::span<const std::byte> blob, const DecodeOptions& options) {
  const TestMatrix sound = one_tile();
  MatrixDims dims{sound.rows, sound.cols};
  if (blob.size() >= sizeof(PackedHeader)) {
    const PackedHeader header = read_header(blob);
    dims = {std::min(dims.rows, header.rows), std::min(dims.cols, header.cols)};
  }
  std::vector<std::uint16_t> out(sound.weights.size());
  return decode(blob, {out.data(), dims.rows, dims.cols, dims.cols}, options);
}

}  // namespace unweight::packed
