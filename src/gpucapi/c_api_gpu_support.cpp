// SPDX-License-Identifier: BSD-3-Clause
#include "gpucapi/c_api_gpu_support.h"

#include "base/try.h"
#include "layout/tile_order.h"

namespace unweight::capi {

static_assert(UW_GPU_RECORD_BYTES == gpu::kRecordBytes);
static_assert(UW_GPU_STREAM_MISMATCH == gpu::kStatusStreamMismatch);
static_assert(UW_GPU_BAD_INDEX == gpu::kStatusBadIndex);

Result<Family> packed_family_from_c(uw_family family) {
  UNWEIGHT_TRY_ASSIGN(const std::optional<Family> known, family_from_c(family));
  if (known == Family::kPalette || known == Family::kHuffman) return *known;
  return Error{ErrorCode::kInvalidArgument, "family must be palette or huffman"};
}

Result<void> check_dimensions(std::uint64_t rows, std::uint64_t cols) {
  if (layout::TileGrid{rows, cols}.representable()) return {};
  return Error{ErrorCode::kInvalidArgument, "matrix has more than 2^35 weights, padding included"};
}

Result<gpu::Extents> extents_from_c(const uw_gpu_extents* extents) {
  if (extents == nullptr) return Error{ErrorCode::kInvalidArgument, "extents must not be NULL"};
  UNWEIGHT_TRY_ASSIGN(const uw_gpu_extents c, read_options(extents));
  UNWEIGHT_TRY_ASSIGN(const Family family, packed_family_from_c(c.family));
  UNWEIGHT_TRY(check_dimensions(c.rows, c.cols));
  const layout::TileGrid grid{c.rows, c.cols};
  // Bounds that keep sums of section sizes far from overflow; an encoder never comes near them.
  if (c.num_verbatim_rows > grid.padded_elems() / layout::kRowElems ||
      c.stream_bytes > (std::uint64_t{1} << 48)) {
    return Error{ErrorCode::kInvalidArgument, "extents are larger than any tensor's"};
  }
  return gpu::Extents{
      family, c.rows, c.cols, c.num_verbatim_rows, c.stream_bytes, c.max_chunk_stream_bytes};
}

uw_gpu_extents extents_to_c(const gpu::Extents& extents) {
  auto c = uw_gpu_extents_init();
  c.rows = extents.rows;
  c.cols = extents.cols;
  c.num_verbatim_rows = extents.num_verbatim_rows;
  c.stream_bytes = extents.stream_bytes;
  c.max_chunk_stream_bytes = extents.max_chunk_stream_bytes;
  c.family = family_to_c(extents.family);
  return c;
}

Result<gpu::PackedTensor> tensor_from_c(const uw_gpu_tensor* tensor) {
  if (tensor == nullptr) return Error{ErrorCode::kInvalidArgument, "tensor must not be NULL"};
  UNWEIGHT_TRY_ASSIGN(const uw_gpu_tensor c, read_options(tensor));
  auto extents = uw_gpu_extents_init();
  extents.rows = c.rows;
  extents.cols = c.cols;
  extents.num_verbatim_rows = c.num_verbatim_rows;
  extents.stream_bytes = c.stream_bytes;
  extents.max_chunk_stream_bytes = c.max_chunk_stream_bytes;
  extents.family = c.family;
  gpu::PackedTensor result;
  UNWEIGHT_TRY_ASSIGN(result.extents, extents_from_c(&extents));
  result.record = static_cast<std::byte*>(c.record);
  result.chunk_streams = static_cast<std::byte*>(c.chunk_streams);
  result.verbatim_index = static_cast<std::byte*>(c.verbatim_index);
  result.verbatim_positions = static_cast<std::byte*>(c.verbatim_positions);
  result.verbatim_rows = static_cast<std::byte*>(c.verbatim_rows);
  result.sign_mantissa = static_cast<std::byte*>(c.sign_mantissa);
  result.codes = static_cast<std::byte*>(c.codes);
  result.stream = static_cast<std::byte*>(c.stream);
  return result;
}

uw_gpu_tensor tensor_to_c(const gpu::PackedTensor& tensor) {
  auto c = uw_gpu_tensor_init();
  c.rows = tensor.extents.rows;
  c.cols = tensor.extents.cols;
  c.num_verbatim_rows = tensor.extents.num_verbatim_rows;
  c.stream_bytes = tensor.extents.stream_bytes;
  c.max_chunk_stream_bytes = tensor.extents.max_chunk_stream_bytes;
  c.family = family_to_c(tensor.extents.family);
  c.record = tensor.record;
  c.chunk_streams = tensor.chunk_streams;
  c.verbatim_index = tensor.verbatim_index;
  c.verbatim_positions = tensor.verbatim_positions;
  c.verbatim_rows = tensor.verbatim_rows;
  c.sign_mantissa = tensor.sign_mantissa;
  c.codes = tensor.codes;
  c.stream = tensor.stream;
  return c;
}

}  // namespace unweight::capi
