// SPDX-License-Identifier: BSD-3-Clause
#include "capi/c_api_support.h"

namespace unweight::capi {

static_assert(sizeof(uw_error) == 512);
static_assert(UW_INVALID_ARGUMENT == static_cast<int>(ErrorCode::kInvalidArgument) + 1);
static_assert(UW_INTERNAL == static_cast<int>(ErrorCode::kInternal) + 1);

uw_status status_of(ErrorCode code) noexcept {
  return static_cast<uw_status>(code) + 1;
}

uw_status fail(uw_error* error, uw_status status, std::string_view message) noexcept {
  if (error == nullptr) return status;
  std::size_t bytes = std::min(message.size(), sizeof error->message - 1);
  // Do not cut a UTF-8 character: continuation bytes are 10xxxxxx.
  while (bytes < message.size() && bytes > 0 &&
         (static_cast<unsigned char>(message[bytes]) & 0xc0) == 0x80) {
    --bytes;
  }
  error->status = status;
  std::memset(error->message, 0, sizeof error->message);
  if (bytes > 0) std::memcpy(error->message, message.data(), bytes);
  return status;
}

uw_family family_to_c(Family family) noexcept {
  switch (family) {
    case Family::kPalette:
      return UW_FAMILY_PALETTE;
    case Family::kHuffman:
      return UW_FAMILY_HUFFMAN;
    case Family::kRadix:
      return UW_FAMILY_RADIX;
    case Family::kRaw:
      break;
  }
  return UW_FAMILY_RAW;
}

Result<std::optional<Family>> family_from_c(uw_family family) {
  switch (family) {
    case UW_FAMILY_AUTO:
      return std::optional<Family>();
    case UW_FAMILY_RAW:
      return std::optional(Family::kRaw);
    case UW_FAMILY_PALETTE:
      return std::optional(Family::kPalette);
    case UW_FAMILY_HUFFMAN:
      return std::optional(Family::kHuffman);
    case UW_FAMILY_RADIX:
      return std::optional(Family::kRadix);
    default:
      return Error{ErrorCode::kInvalidArgument, "unknown family"};
  }
}

ProgressFn progress_from_c(uw_progress_fn function, void* user) {
  if (function == nullptr) return {};
  return [function, user](const Progress& progress) {
    const uw_progress c = {progress.done_bytes, progress.total_bytes, progress.item.c_str()};
    return function(&c, user) == 0;
  };
}

Result<std::vector<std::string>> patterns_from_c(const char* const* patterns, std::uint64_t count) {
  std::vector<std::string> result;
  if (patterns == nullptr && count != 0) {
    return Error{ErrorCode::kInvalidArgument, "a list of patterns is NULL"};
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    if (patterns[i] == nullptr) return Error{ErrorCode::kInvalidArgument, "a pattern is NULL"};
    result.emplace_back(patterns[i]);
  }
  return result;
}

}  // namespace unweight::capi

extern "C" {

const char* uw_status_name(uw_status status) {
  if (status == UW_OK) return "ok";
  if (status == UW_MISMATCH) return "mismatch";
  if (status < UW_OK || status > UW_MISMATCH) return "unknown";
  return unweight::error_code_name(static_cast<unweight::ErrorCode>(status - 1));
}

const char* uw_version(void) {
  return UNWEIGHT_VERSION_STRING;
}
const char* uw_isa(void) {
  return unweight::codec_isa();
}

}  // extern "C"
