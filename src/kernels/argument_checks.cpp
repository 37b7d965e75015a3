// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/argument_checks.h"

#include <fmt/format.h>

#include "base/try.h"
#include "codec/families_format.h"
#include "codec/radix_format.h"
#include "layout/tile_order.h"

namespace unweight::kernels {
namespace {

Error invalid(std::string what) {
  return {ErrorCode::kInvalidArgument, std::move(what)};
}

Result<void> check_section(const char* name, const void* section, bool has_bytes) {
  if (!has_bytes) return {};
  if (section == nullptr) return invalid(fmt::format("packed tensor: section {} is null", name));
  if (is_aligned(section, kSectionAlignment)) return {};
  return invalid(
      fmt::format("packed tensor: section {} is not {}-byte aligned", name, kSectionAlignment));
}

}  // namespace

Result<void> check_family(Family family) {
  switch (family) {
    case Family::kPalette:
    case Family::kHuffman:
    case Family::kRadix:
      return {};
    case Family::kRaw:
      break;
  }
  return invalid("packed tensor: family is none of palette, huffman and radix");
}

Result<void> check_tensor(const gpu::PackedTensor& tensor) {
  const gpu::Extents& e = tensor.extents;
  UNWEIGHT_TRY(check_family(e.family));
  const layout::TileGrid grid{e.rows, e.cols};
  if (!grid.representable()) {
    return invalid(
        fmt::format("{} x {} is more than 2^35 weights, padding included", e.rows, e.cols));
  }
  const bool huffman = e.family == Family::kHuffman, tiles = grid.num_tiles() != 0;
  if (huffman && e.stream_bytes < codec::kStreamTailBytes) {
    return invalid(fmt::format("packed tensor: a stream of {} bytes, its tail alone has {}",
                               e.stream_bytes, codec::kStreamTailBytes));
  }
  if (e.max_chunk_stream_bytes > codec::kMaxChunkStreamBytes) {
    return invalid(
        fmt::format("packed tensor: a chunk's stream of {} bytes, at most {} are possible",
                    e.max_chunk_stream_bytes, codec::kMaxChunkStreamBytes));
  }
  if (e.family == Family::kRadix && e.num_verbatim_rows > codec::kMaxEscapes) {
    return invalid(fmt::format("packed tensor: {} escapes, at most {} can be counted",
                               e.num_verbatim_rows, codec::kMaxEscapes));
  }
  UNWEIGHT_TRY(check_section("record", tensor.record, true));
  UNWEIGHT_TRY(check_section("chunk_streams", tensor.chunk_streams, huffman && tiles));
  UNWEIGHT_TRY(check_section("verbatim_index", tensor.verbatim_index, tiles));
  UNWEIGHT_TRY(
      check_section("verbatim_positions", tensor.verbatim_positions, e.num_verbatim_rows != 0));
  UNWEIGHT_TRY(check_section("verbatim_rows", tensor.verbatim_rows, e.num_verbatim_rows != 0));
  UNWEIGHT_TRY(check_section("sign_mantissa", tensor.sign_mantissa, tiles));
  UNWEIGHT_TRY(check_section("codes", tensor.codes, !huffman && tiles));
  return check_section("stream", tensor.stream, huffman);
}

Result<void> check_matrix(const void* data, std::uint64_t rows, std::uint64_t cols,
                          std::uint64_t row_stride_elems, const gpu::Extents& extents) {
  if (rows != extents.rows || cols != extents.cols) {
    return invalid(fmt::format("matrix is {} x {}, the packed tensor {} x {}", rows, cols,
                               extents.rows, extents.cols));
  }
  if (rows == 0 || cols == 0) return {};
  if (data == nullptr) return invalid("matrix is null");
  if (!is_aligned(data, sizeof(std::uint16_t))) return invalid("matrix is not 2-byte aligned");
  if (row_stride_elems < cols) {
    return invalid(
        fmt::format("row stride {} is less than the {} columns", row_stride_elems, cols));
  }
  // So that no address computed from it overflows.
  if (row_stride_elems > (std::uint64_t{1} << 48) / rows) {
    return invalid(fmt::format("row stride {} is too large for {} rows", row_stride_elems, rows));
  }
  return {};
}

Result<void> check_output(const void* out, const gpu::Extents& extents) {
  if (extents.rows == 0 || extents.cols == 0) return {};
  if (out == nullptr) return invalid("output is null");
  if (!is_aligned(out, kSectionAlignment)) {
    return invalid(fmt::format("output is not {}-byte aligned", kSectionAlignment));
  }
  return {};
}

}  // namespace unweight::kernels
