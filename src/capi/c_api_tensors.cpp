// SPDX-License-Identifier: BSD-3-Clause
//
// The C API's half for tensors in memory, over codec.h.
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "capi/c_api_support.h"

namespace unweight::capi {
namespace {

std::span<const std::byte> blob_of(const void* packed, std::uint64_t packed_bytes) {
  return {static_cast<const std::byte*>(packed), static_cast<std::size_t>(packed_bytes)};
}

uw_tensor_analysis analysis_to_c(const TensorAnalysis& analysis) {
  auto c = uw_tensor_analysis_init();
  std::copy(analysis.exponent_count.begin(), analysis.exponent_count.end(), c.exponent_count);
  std::copy(analysis.palette.begin(), analysis.palette.end(), c.palette);
  c.huffman_code_bits = analysis.huffman_code_bits;
  c.exponent_entropy_bits = analysis.exponent_entropy_bits;
  c.palette_coverage = analysis.palette_coverage;
  c.num_verbatim_rows = analysis.num_verbatim_rows;
  c.palette_bytes = analysis.palette_bytes;
  c.huffman_bytes = analysis.huffman_bytes;
  c.num_escapes = analysis.num_escapes;
  c.radix_bytes = analysis.radix_bytes;
  c.smallest = family_to_c(analysis.smallest);
  c.palette_is_run = analysis.palette_is_run ? 1 : 0;
  return c;
}

}  // namespace
}  // namespace unweight::capi

using namespace unweight;
using namespace unweight::capi;

extern "C" {

void uw_buffer_free(uw_buffer* buffer) {
  if (buffer == nullptr) return;
  delete static_cast<std::vector<std::byte>*>(buffer->owner);
  *buffer = uw_buffer{};
}

uw_status uw_matrix_dims(const uint64_t* shape, uint64_t rank, uint64_t* rows, uint64_t* cols,
                         uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (rows == nullptr || cols == nullptr || (shape == nullptr && rank != 0)) {
      return fail(error, UW_INVALID_ARGUMENT, "shape, rows and cols must not be NULL");
    }
    const MatrixDims dims = matrix_dims({shape, static_cast<std::size_t>(rank)});
    *rows = dims.rows;
    *cols = dims.cols;
    return UW_OK;
  });
}

uw_status uw_analyze(const uint16_t* weights, uint64_t rows, uint64_t cols,
                     uint64_t row_stride_elems, uint32_t num_threads, uw_tensor_analysis* analysis,
                     uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (analysis == nullptr) return fail(error, UW_INVALID_ARGUMENT, "analysis must not be NULL");
    if (const auto usable = check_report(analysis); !usable) return fail(error, usable.error());
    const auto result = analyze({weights, rows, cols, row_stride_elems}, num_threads);
    if (!result) return fail(error, result.error());
    write_report(analysis, analysis_to_c(*result));
    return UW_OK;
  });
}

uw_status uw_encode(const uint16_t* weights, uint64_t rows, uint64_t cols,
                    uint64_t row_stride_elems, const uw_encode_options* options, uw_buffer* packed,
                    uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (packed == nullptr) return fail(error, UW_INVALID_ARGUMENT, "packed must not be NULL");
    *packed = uw_buffer{};
    const auto wanted = read_options(options);
    if (!wanted) return fail(error, wanted.error());
    const auto family = family_from_c(wanted->family);
    if (!family) return fail(error, family.error());
    auto blob =
        encode({weights, rows, cols, row_stride_elems}, {.family = *family,
                                                         .num_threads = wanted->num_threads,
                                                         .self_check = wanted->no_self_check == 0});
    if (!blob) return fail(error, blob.error());
    auto owner = std::make_unique<std::vector<std::byte>>(std::move(blob).value());
    packed->data = reinterpret_cast<const uint8_t*>(owner->data());
    packed->bytes = owner->size();
    packed->owner = owner.release();
    return UW_OK;
  });
}

uw_status uw_packed_info(const void* packed, uint64_t packed_bytes, uw_packed_tensor_info* info,
                         uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (packed == nullptr || info == nullptr) {
      return fail(error, UW_INVALID_ARGUMENT, "packed and info must not be NULL");
    }
    if (const auto usable = check_report(info); !usable) return fail(error, usable.error());
    const auto result = packed_tensor_info(blob_of(packed, packed_bytes));
    if (!result) return fail(error, result.error());
    auto filled = uw_packed_tensor_info_init();
    filled.rows = result->rows;
    filled.cols = result->cols;
    filled.packed_bytes = result->packed_bytes;
    filled.original_xxh3 = result->original_xxh3;
    filled.num_verbatim_rows = result->num_verbatim_rows;
    filled.bits_per_weight = result->bits_per_weight();
    filled.format_version = result->format_version;
    filled.family = family_to_c(result->family);
    write_report(info, filled);
    return UW_OK;
  });
}

uw_status uw_decode(const void* packed, uint64_t packed_bytes, uint16_t* weights, uint64_t rows,
                    uint64_t cols, uint64_t row_stride_elems, const uw_decode_options* options,
                    uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (packed == nullptr) return fail(error, UW_INVALID_ARGUMENT, "packed must not be NULL");
    const auto wanted = read_options(options);
    if (!wanted) return fail(error, wanted.error());
    const auto done = decode(
        blob_of(packed, packed_bytes), {weights, rows, cols, row_stride_elems},
        {.num_threads = wanted->num_threads, .verify_checksums = wanted->no_verify_checksums == 0});
    return done ? UW_OK : fail(error, done.error());
  });
}

}  // extern "C"
