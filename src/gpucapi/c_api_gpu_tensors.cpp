// SPDX-License-Identifier: BSD-3-Clause
//
// c_api_gpu.h's half for tensors in device memory, over gpu.h.
#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/try.h"
#include "gpucapi/c_api_gpu_support.h"

namespace unweight::capi {
namespace {

std::span<const std::byte> blob_of(const void* packed, std::uint64_t packed_bytes) {
  return {static_cast<const std::byte*>(packed), static_cast<std::size_t>(packed_bytes)};
}

Result<gpu::DecodeOptions> decode_options_from_c(const uw_gpu_decode_options* options) {
  UNWEIGHT_TRY_ASSIGN(const uw_gpu_decode_options c, read_options(options));
  return gpu::DecodeOptions{.launch = {.max_sms = c.max_sms}, .status = c.status};
}

/// The three decoders into tile order differ in one call.
template <typename Decode>
uw_status decode_tiles(const uw_gpu_tensor* tensor, void* out, void* stream,
                       const uw_gpu_decode_options* options, uw_error* error,
                       const Decode& decode) {
  return guarded(error, [&]() -> uw_status {
    const auto source = tensor_from_c(tensor);
    if (!source) return fail(error, source.error());
    const auto wanted = decode_options_from_c(options);
    if (!wanted) return fail(error, wanted.error());
    return finish(error,
                  decode(*source, static_cast<std::byte*>(out), stream_from_c(stream), *wanted));
  });
}

}  // namespace
}  // namespace unweight::capi

using namespace unweight;
using namespace unweight::capi;

extern "C" {

uint64_t uw_gpu_num_devices(void) {
  uint64_t count = 0;
  const uw_status status = guarded(nullptr, [&]() -> uw_status {
    count = gpu::devices().size();
    return UW_OK;
  });
  return status == UW_OK ? count : 0;
}

uw_status uw_gpu_get_device(uint64_t i, uw_gpu_device* device, uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (device == nullptr) return fail(error, UW_INVALID_ARGUMENT, "device must not be NULL");
    if (const auto usable = check_report(device); !usable) return fail(error, usable.error());
    const auto devices = gpu::devices();
    if (i >= devices.size()) {
      return fail(error, UW_UNSUPPORTED, "no such device that there is code for (Hopper)");
    }
    auto filled = uw_gpu_device_init();
    const std::string& name = devices[i].name;
    std::memcpy(filled.name, name.data(), std::min(name.size(), sizeof filled.name - 1));
    filled.memory_bytes = devices[i].memory_bytes;
    filled.ordinal = devices[i].ordinal;
    filled.num_sms = devices[i].num_sms;
    write_report(device, filled);
    return UW_OK;
  });
}

uw_status uw_gpu_worst_case_extents(uw_family family, uint64_t rows, uint64_t cols,
                                    uw_gpu_extents* extents, uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (extents == nullptr) return fail(error, UW_INVALID_ARGUMENT, "extents must not be NULL");
    if (const auto usable = check_report(extents); !usable) return fail(error, usable.error());
    const auto known = packed_family_from_c(family);
    if (!known) return fail(error, known.error());
    if (const auto fine = check_dimensions(rows, cols); !fine) return fail(error, fine.error());
    write_report(extents, extents_to_c(gpu::worst_case_extents(*known, rows, cols)));
    return UW_OK;
  });
}

uw_status uw_gpu_blob_extents(const void* packed, uint64_t packed_bytes, uw_gpu_extents* extents,
                              uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (packed == nullptr || extents == nullptr) {
      return fail(error, UW_INVALID_ARGUMENT, "packed and extents must not be NULL");
    }
    if (const auto usable = check_report(extents); !usable) return fail(error, usable.error());
    const auto result = gpu::blob_extents(blob_of(packed, packed_bytes));
    if (!result) return fail(error, result.error());
    write_report(extents, extents_to_c(*result));
    return UW_OK;
  });
}

uw_status uw_gpu_tensor_bytes(const uw_gpu_extents* extents, uint64_t* bytes, uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (bytes == nullptr) return fail(error, UW_INVALID_ARGUMENT, "bytes must not be NULL");
    const auto known = extents_from_c(extents);
    if (!known) return fail(error, known.error());
    *bytes = gpu::packed_tensor_bytes(*known);
    return UW_OK;
  });
}

uw_status uw_gpu_place_tensor(const uw_gpu_extents* extents, void* memory, uw_gpu_tensor* tensor,
                              uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (memory == nullptr || tensor == nullptr) {
      return fail(error, UW_INVALID_ARGUMENT, "memory and tensor must not be NULL");
    }
    if (const auto usable = check_report(tensor); !usable) return fail(error, usable.error());
    const auto known = extents_from_c(extents);
    if (!known) return fail(error, known.error());
    write_report(tensor,
                 tensor_to_c(gpu::place_packed_tensor(*known, static_cast<std::byte*>(memory))));
    return UW_OK;
  });
}

uw_status uw_gpu_encode_workspace_bytes(uw_family family, uint64_t rows, uint64_t cols,
                                        uint64_t* bytes, uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (bytes == nullptr) return fail(error, UW_INVALID_ARGUMENT, "bytes must not be NULL");
    const auto known = packed_family_from_c(family);
    if (!known) return fail(error, known.error());
    if (const auto fine = check_dimensions(rows, cols); !fine) return fail(error, fine.error());
    *bytes = gpu::encode_workspace_bytes(*known, rows, cols);
    return UW_OK;
  });
}

uw_status uw_gpu_encode(const uint16_t* weights, uint64_t rows, uint64_t cols,
                        uint64_t row_stride_elems, const uw_gpu_tensor* tensor, void* workspace,
                        uint64_t workspace_bytes, void* stream,
                        const uw_gpu_encode_options* options, uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    const auto target = tensor_from_c(tensor);
    if (!target) return fail(error, target.error());
    const auto wanted = read_options(options);
    if (!wanted) return fail(error, wanted.error());
    return finish(error, gpu::encode({weights, rows, cols, row_stride_elems}, *target,
                                     static_cast<std::byte*>(workspace), workspace_bytes,
                                     stream_from_c(stream), {.max_sms = wanted->max_sms}));
  });
}

uw_status uw_gpu_get_encode_outcome(const uw_gpu_tensor* tensor, void* stream,
                                    uw_gpu_encode_outcome* outcome, uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (outcome == nullptr) return fail(error, UW_INVALID_ARGUMENT, "outcome must not be NULL");
    if (const auto usable = check_report(outcome); !usable) return fail(error, usable.error());
    const auto encoded = tensor_from_c(tensor);
    if (!encoded) return fail(error, encoded.error());
    const auto result = gpu::encode_outcome(*encoded, stream_from_c(stream));
    if (!result) return fail(error, result.error());
    auto filled = uw_gpu_encode_outcome_init();
    filled.num_verbatim_rows = result->num_verbatim_rows;
    filled.stream_bytes = result->stream_bytes;
    filled.max_chunk_stream_bytes = result->max_chunk_stream_bytes;
    filled.fits = result->fits ? 1 : 0;
    write_report(outcome, filled);
    return UW_OK;
  });
}

uw_status uw_gpu_decode(const uw_gpu_tensor* tensor, uint16_t* weights, uint64_t rows,
                        uint64_t cols, uint64_t row_stride_elems, void* stream,
                        const uw_gpu_decode_options* options, uw_error* error) {
  return decode_tiles(
      tensor, weights, stream, options, error,
      [&](const gpu::PackedTensor& source, std::byte*, gpu::Stream s,
          const gpu::DecodeOptions& wanted) {
        return gpu::decode(source, {weights, rows, cols, row_stride_elems}, s, wanted);
      });
}

uw_status uw_gpu_decode_to_tiles(const uw_gpu_tensor* tensor, void* tiles, void* stream,
                                 const uw_gpu_decode_options* options, uw_error* error) {
  return decode_tiles(tensor, tiles, stream, options, error, gpu::decode_to_tiles);
}

uw_status uw_gpu_decode_exponents(const uw_gpu_tensor* tensor, void* exponents, void* stream,
                                  const uw_gpu_decode_options* options, uw_error* error) {
  return decode_tiles(tensor, exponents, stream, options, error, gpu::decode_exponents);
}

uw_status uw_gpu_transcode_to_codes(const uw_gpu_tensor* tensor, void* codes, void* stream,
                                    const uw_gpu_decode_options* options, uw_error* error) {
  return decode_tiles(tensor, codes, stream, options, error, gpu::transcode_to_codes);
}

uw_status uw_gpu_upload(const void* packed, uint64_t packed_bytes, const uw_gpu_tensor* tensor,
                        void* stream, uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (packed == nullptr) return fail(error, UW_INVALID_ARGUMENT, "packed must not be NULL");
    const auto target = tensor_from_c(tensor);
    if (!target) return fail(error, target.error());
    return finish(error,
                  gpu::upload(blob_of(packed, packed_bytes), *target, stream_from_c(stream)));
  });
}

uw_status uw_gpu_encode_blob(const uint16_t* weights, uint64_t rows, uint64_t cols,
                             uint64_t row_stride_elems, uw_family family, void* stream,
                             uw_buffer* packed, uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (packed == nullptr) return fail(error, UW_INVALID_ARGUMENT, "packed must not be NULL");
    *packed = uw_buffer{};
    const auto known = packed_family_from_c(family);
    if (!known) return fail(error, known.error());
    auto blob =
        gpu::encode_blob({weights, rows, cols, row_stride_elems}, *known, stream_from_c(stream));
    if (!blob) return fail(error, blob.error());
    auto owner = std::make_unique<std::vector<std::byte>>(std::move(blob).value());
    packed->data = reinterpret_cast<const uint8_t*>(owner->data());
    packed->bytes = owner->size();
    packed->owner = owner.release();
    return UW_OK;
  });
}

}  // extern "C"
