// SPDX-License-Identifier: BSD-3-Clause
//
// include/unweight/codec.h: checks arguments, then hands over to the rooms that do the work.
#include <bit>
#include <limits>

#include "base/cpu_features.h"
#include "base/thread_pool.h"
#include "base/try.h"
#include "packed/in_memory_codec.h"
#include "packed/matrix_view_checks.h"
#include "packed/packed_reader.h"
#include "unweight/codec.h"

namespace unweight {
namespace {

std::uint64_t product(std::span<const std::uint64_t> dims) noexcept {
  std::uint64_t result = 1;
  bool overflow = false;
  for (const std::uint64_t dim : dims) {
    if (dim == 0) return 0;
    overflow = overflow || result > std::numeric_limits<std::uint64_t>::max() / dim;
    if (!overflow) result *= dim;
  }
  // Saturated: no matrix of that size is representable, so the next check refuses it.
  return overflow ? std::numeric_limits<std::uint64_t>::max() : result;
}

Result<std::vector<std::byte>> encode_checked(MatrixView weights, const EncodeOptions& options) {
  const layout::TileGrid grid{weights.rows, weights.cols};
  ThreadPool pool(packed::useful_threads(options.num_threads, grid.num_chunks()));
  packed::TensorAnalyzer analyzer(grid, pool.num_threads());
  UNWEIGHT_TRY_ASSIGN(const TensorAnalysis analysis, packed::run_analysis(weights, pool, analyzer));
  const Family family = options.family.value_or(analysis.smallest);
  if (family == Family::kRaw) {
    return Error{ErrorCode::kInvalidArgument,
                 "packing does not shrink this tensor: keep it as it is, or name a family"};
  }
  if (!packed::can_hold(analysis, family)) {
    return Error{ErrorCode::kInvalidArgument,
                 "the radix family cannot count so many escapes: name another family"};
  }
  return packed::encode_in_memory(
      weights, analyzer.plan(family), packed::num_verbatim(analysis, family),
      packed::estimated_bytes(analysis, family), options.self_check, pool);
}

}  // namespace

const char* family_name(Family family) noexcept {
  switch (family) {
    case Family::kRaw:
      return "raw";
    case Family::kPalette:
      return "palette";
    case Family::kHuffman:
      return "huffman";
    case Family::kRadix:
      return "radix";
  }
  return "unknown";
}

MatrixDims matrix_dims(std::span<const std::uint64_t> shape) noexcept {
  constexpr std::uint64_t kMinCols = 64;  // one tile: narrower matrices are mostly padding
  if (shape.size() == 2) return {shape[0], shape[1]};
  if (shape.size() < 2) {
    const std::uint64_t elems = shape.empty() ? 1 : shape[0];
    if (elems % kMinCols == 0) return {elems / kMinCols, kMinCols};
    return {1, elems};
  }
  if (shape.back() >= kMinCols) return {product(shape.first(shape.size() - 1)), shape.back()};
  return {shape[0], product(shape.subspan(1))};
}

double PackedTensorInfo::bits_per_weight() const noexcept {
  const double elems = static_cast<double>(rows) * static_cast<double>(cols);
  return elems == 0 ? 0 : 8.0 * static_cast<double>(packed_bytes) / elems;
}

Result<TensorAnalysis> analyze(MatrixView weights, unsigned num_threads) {
  return packed::without_exceptions([&]() -> Result<TensorAnalysis> {
    UNWEIGHT_TRY(
        packed::check_matrix(weights.data, weights.rows, weights.cols, weights.row_stride_elems));
    const layout::TileGrid grid{weights.rows, weights.cols};
    ThreadPool pool(packed::useful_threads(num_threads, grid.num_chunks()));
    packed::TensorAnalyzer analyzer(grid, pool.num_threads());
    return packed::run_analysis(weights, pool, analyzer);
  });
}

Result<std::vector<std::byte>> encode(MatrixView weights, const EncodeOptions& options) {
  return packed::without_exceptions([&]() -> Result<std::vector<std::byte>> {
    UNWEIGHT_TRY(
        packed::check_matrix(weights.data, weights.rows, weights.cols, weights.row_stride_elems));
    return encode_checked(weights, options);
  });
}

Result<PackedTensorInfo> packed_tensor_info(std::span<const std::byte> blob) {
  return packed::without_exceptions([&]() -> Result<PackedTensorInfo> {
    UNWEIGHT_TRY_ASSIGN(const packed::PackedHeader header, packed::parse_header(blob, blob.size()));
    PackedTensorInfo info;
    info.family = static_cast<Family>(header.family);
    info.format_version = header.format_version;
    info.rows = header.rows;
    info.cols = header.cols;
    info.packed_bytes = header.packed_bytes;
    info.palette = header.palette;
    info.palette_is_run = header.palette_is_run != 0;
    info.max_code_length = header.max_code_length;
    info.num_verbatim_rows = header.num_verbatim_rows;
    info.original_xxh3 = header.original_xxh3;
    return info;
  });
}

Result<void> decode(std::span<const std::byte> blob, MutableMatrixView out,
                    const DecodeOptions& options) {
  return packed::without_exceptions([&]() -> Result<void> {
    UNWEIGHT_TRY(packed::check_matrix(out.data, out.rows, out.cols, out.row_stride_elems));
    if (std::bit_cast<std::uintptr_t>(blob.data()) % alignof(std::uint64_t) != 0) {
      const std::vector<std::byte> aligned(blob.begin(), blob.end());
      return packed::decode_in_memory(aligned, out, options);
    }
    return packed::decode_in_memory(blob, out, options);
  });
}

const char* codec_isa() noexcept {
  return isa_name(active_isa());
}

}  // namespace unweight
