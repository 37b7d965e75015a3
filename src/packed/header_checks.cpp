// SPDX-License-Identifier: BSD-3-Clause
//
// parse_header(): everything the first 512 bytes of a packed tensor can be wrong in.
#include "packed/header_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/hash.h"
#include "base/try.h"
#include "codec/families_format.h"
#include "codec/radix_format.h"
#include "layout/tile_order.h"
#include "packed/encode_plan.h"
#include "packed/packed_reader.h"

namespace unweight::packed {
namespace {

Error invalid(std::string what) {
  return {ErrorCode::kInvalidFormat, "packed tensor header: " + std::move(what)};
}

layout::TileGrid grid_of(const PackedHeader& h) {
  return {h.rows, h.cols};
}

// Magic, version and checksum, in this order: a newer version may place everything else
// differently.
Result<void> check_identity(const PackedHeader& h) {
  if (h.magic != kMagic) return invalid("magic is not \"UNWEIGHT\"");
  if (h.format_version > kFormatVersion) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("packed tensor header: format version {} is newer than {}, the newest "
                             "this build reads",
                             h.format_version, kFormatVersion)};
  }
  if (h.format_version == 0) return invalid("format version 0 does not exist");
  if (const std::uint64_t computed = header_checksum(h); computed != h.header_xxh3) {
    return Error{ErrorCode::kChecksumMismatch,
                 fmt::format("packed tensor header: XXH3 is {:016x}, stored {:016x}", computed,
                             h.header_xxh3)};
  }
  return {};
}

Family family_of(const PackedHeader& h) {
  return static_cast<Family>(h.family);
}

Result<void> check_scalars(const PackedHeader& h) {
  if (family_of(h) != Family::kPalette && family_of(h) != Family::kHuffman &&
      family_of(h) != Family::kRadix) {
    return invalid(
        fmt::format("family {} is none of 1 (palette), 2 (huffman), 3 (radix)", h.family));
  }
  if (h.dtype != kDtypeBf16) return invalid(fmt::format("dtype {} is not 1 (BF16)", h.dtype));
  if (h.num_sections != kNumSections) {
    return invalid(fmt::format("{} sections instead of {}", h.num_sections, kNumSections));
  }
  const auto is_zero = [](std::uint8_t byte) { return byte == 0; };
  if (h.reserved0 != 0 || !std::all_of(h.reserved1.begin(), h.reserved1.end(), is_zero)) {
    return invalid("reserved bytes are not zero");
  }
  if (!grid_of(h).representable()) {
    return invalid(
        fmt::format("{} x {} is more than 2^35 weights, padding included", h.rows, h.cols));
  }
  return {};
}

Result<void> check_palette(const PackedHeader& h) {
  bool is_run = true;
  for (std::size_t i = 1; i < h.palette.size(); ++i) {
    if (h.palette[i] <= h.palette[i - 1]) {
      return invalid(fmt::format("palette does not ascend strictly at entry {} ({} after {})", i,
                                 h.palette[i], h.palette[i - 1]));
    }
    is_run = is_run && h.palette[i] == h.palette[i - 1] + 1;
  }
  if (h.palette_is_run != (is_run ? 1 : 0)) {
    return invalid(fmt::format("palette_is_run is {}, but the palette is {}", h.palette_is_run,
                               is_run ? "a run" : "not a run"));
  }
  const bool radix = family_of(h) == Family::kRadix;
  if (radix && !is_run) return invalid("radix family with a palette that is not a run");
  const std::uint32_t num_codes = radix ? codec::kRadix : codec::kPaletteSize;
  if (h.padding_code >= num_codes) {
    return invalid(fmt::format("padding_code {} is not below {}", h.padding_code, num_codes));
  }
  return {};
}

// Huffman fields of the other families are all zero.
Result<void> check_no_code(const PackedHeader& h) {
  const auto is_zero = [](std::uint8_t byte) { return byte == 0; };
  if (h.max_code_length == 0 && h.single_symbol == 0 &&
      std::all_of(h.code_lengths.begin(), h.code_lengths.end(), is_zero)) {
    return {};
  }
  return invalid(fmt::format("{} family with code lengths", family_name(family_of(h))));
}

Result<void> check_code(const PackedHeader& h) {
  if (family_of(h) != Family::kHuffman) return check_no_code(h);
  const codec::CodeLengths lengths = code_lengths(h);
  const std::uint8_t longest = *std::max_element(lengths.begin(), lengths.end());
  if (longest > codec::kMaxCodeLength) {
    return invalid(fmt::format("code length {} is above {}", longest, codec::kMaxCodeLength));
  }
  if (h.max_code_length != longest) {
    return invalid(fmt::format("max_code_length is {}, the longest code has {} bits",
                               h.max_code_length, longest));
  }
  codec::HuffmanCode code;
  if (!codec::build_canonical_code(lengths, h.single_symbol, code)) {
    return invalid("code lengths are not a complete prefix code (Kraft sum is not 1)");
  }
  if (longest != 0 && h.single_symbol != 0) {
    return invalid(fmt::format("single_symbol is {}, but there are codes", h.single_symbol));
  }
  return {};
}

Result<void> check_counts(const PackedHeader& h) {
  if (family_of(h) == Family::kRadix) {
    const std::uint64_t most = std::min(grid_of(h).padded_elems(), codec::kMaxEscapes);
    if (h.num_verbatim_rows <= most) return {};
    return invalid(fmt::format("{} escapes; at most {} are allowed", h.num_verbatim_rows, most));
  }
  const std::uint64_t rows = grid_of(h).padded_elems() / layout::kRowElems;
  if (h.num_verbatim_rows > rows) {
    return invalid(fmt::format("{} verbatim rows of {} rows", h.num_verbatim_rows, rows));
  }
  return {};
}

Result<void> check_stream_bytes(const PackedHeader& h, std::uint64_t bytes) {
  if (family_of(h) != Family::kHuffman) {
    if (bytes == 0 && h.max_chunk_stream_bytes == 0) return {};
    return invalid(fmt::format("{} family with a stream", family_name(family_of(h))));
  }
  const std::uint64_t least = codec::kStreamTailBytes;
  const std::uint64_t most = grid_of(h).num_chunks() * codec::kMaxChunkStreamBytes + least;
  if (bytes < least || bytes > most) {
    return invalid(fmt::format("section stream has {} bytes; {} x {} weights need {} to {}", bytes,
                               h.rows, h.cols, least, most));
  }
  if (h.max_chunk_stream_bytes > codec::kMaxChunkStreamBytes ||
      h.max_chunk_stream_bytes > bytes - least) {
    return invalid(fmt::format("max_chunk_stream_bytes is {}, the stream has {} bytes",
                               h.max_chunk_stream_bytes, bytes - least));
  }
  return {};
}

// Section table against the one layout that the header's own numbers allow.
Result<void> check_sections(const PackedHeader& h, std::uint64_t blob_bytes) {
  auto expected = section_layout(family_of(h), grid_of(h), h.num_verbatim_rows);
  const std::size_t stream = static_cast<std::size_t>(SectionId::kStream);
  UNWEIGHT_TRY(check_stream_bytes(h, h.sections[stream].bytes));
  expected[stream].bytes = h.sections[stream].bytes;
  for (std::size_t i = 0; i < kNumSections; ++i) {
    if (h.sections[i].offset != expected[i].offset || h.sections[i].bytes != expected[i].bytes) {
      return invalid(fmt::format("section {} is {} bytes at {}, must be {} bytes at {}",
                                 section_name(static_cast<SectionId>(i)), h.sections[i].bytes,
                                 h.sections[i].offset, expected[i].bytes, expected[i].offset));
    }
  }
  const std::uint64_t bytes = packed_size(expected, expected[stream].bytes);
  if (h.packed_bytes != bytes) {
    return invalid(
        fmt::format("packed_bytes is {}, the sections end at {}", h.packed_bytes, bytes));
  }
  if (h.packed_bytes != blob_bytes) {
    return invalid(
        fmt::format("packed_bytes is {}, but the blob has {} bytes", h.packed_bytes, blob_bytes));
  }
  return {};
}

}  // namespace

const char* section_name(SectionId id) noexcept {
  static constexpr std::array<const char*, kNumSections> kNames = {
      "chunk_streams", "verbatim_index", "verbatim_positions", "verbatim_rows", "sign_mantissa",
      "codes",         "stream"};
  return kNames[static_cast<std::size_t>(id)];
}

codec::CodeLengths code_lengths(const PackedHeader& header) noexcept {
  codec::CodeLengths lengths;
  for (std::size_t pair = 0; pair < lengths.size(); ++pair) {
    lengths[pair] = header.code_lengths[pair / 2] >> pair % 2 * 4 & 0xf;
  }
  return lengths;
}

std::uint64_t header_checksum(const PackedHeader& header) noexcept {
  return xxh3(std::as_bytes(std::span(&header, 1)).first(offsetof(PackedHeader, header_xxh3)));
}

Result<PackedHeader> parse_header(std::span<const std::byte> first_bytes,
                                  std::uint64_t blob_bytes) {
  PackedHeader header;
  if (first_bytes.size() < sizeof(header)) {
    return invalid(fmt::format("{} bytes, a header has {}", first_bytes.size(), sizeof(header)));
  }
  std::memcpy(&header, first_bytes.data(), sizeof(header));
  UNWEIGHT_TRY(check_identity(header));
  UNWEIGHT_TRY(check_scalars(header));
  UNWEIGHT_TRY(check_palette(header));
  UNWEIGHT_TRY(check_code(header));
  UNWEIGHT_TRY(check_counts(header));
  UNWEIGHT_TRY(check_sections(header, blob_bytes));
  return header;
}

}  // namespace unweight::packed
