// SPDX-License-Identifier: BSD-3-Clause
//
// What the parts of the C API share: errors to C, structs that grow, no exception across the
// border.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "unweight/bundle.h"
#include "unweight/c_api.h"
#include "unweight/codec.h"
#include "unweight/result.h"

namespace unweight::capi {

[[nodiscard]] uw_status status_of(ErrorCode code) noexcept;
/// Fills *error (may be null) and returns the status.
uw_status fail(uw_error* error, uw_status status, std::string_view message) noexcept;
inline uw_status fail(uw_error* error, const Error& cause) noexcept {
  return fail(error, status_of(cause.code), cause.message);
}

[[nodiscard]] uw_family family_to_c(Family family) noexcept;
/// Empty for UW_FAMILY_AUTO; kInvalidArgument for unknown values.
[[nodiscard]] Result<std::optional<Family>> family_from_c(uw_family family);

[[nodiscard]] ProgressFn progress_from_c(uw_progress_fn function, void* user);
[[nodiscard]] Result<std::vector<std::string>> patterns_from_c(const char* const* patterns,
                                                               std::uint64_t count);

/// A copy of the caller's options in this library's size. Fields that the caller's header did not
/// have are zero; fields that this library does not have must be.
template <typename Options>
[[nodiscard]] Result<Options> read_options(const Options* from_caller) {
  static_assert(std::is_trivially_copyable_v<Options>);
  Options options{};
  if (from_caller == nullptr) return options;
  std::uint64_t size = 0;
  std::memcpy(&size, from_caller, sizeof size);
  if (size < sizeof size || size > 65536) {
    return Error{ErrorCode::kInvalidArgument, "struct_size of an options struct is not set"};
  }
  // Bytes, because a newer caller's struct is longer than the type here.
  const auto* bytes = reinterpret_cast<const unsigned char*>(from_caller);
  for (std::uint64_t i = sizeof options; i < size; ++i) {
    if (bytes[i] != 0) {
      return Error{ErrorCode::kUnsupported, "an option is newer than this version of the library"};
    }
  }
  std::memcpy(&options, bytes, std::min<std::uint64_t>(size, sizeof options));
  return options;
}

/// Checks the caller's report struct (null is fine) before any work is done.
template <typename Report>
[[nodiscard]] Result<void> check_report(const Report* report) {
  if (report == nullptr) return {};
  if (report->struct_size < sizeof report->struct_size || report->struct_size > 65536) {
    return Error{ErrorCode::kInvalidArgument, "struct_size of a report struct is not set"};
  }
  return {};
}

/// Copies as much of `filled` as the caller's header knows; struct_size stays the caller's.
template <typename Report>
void write_report(Report* report, Report filled) noexcept {
  static_assert(std::is_trivially_copyable_v<Report>);
  if (report == nullptr) return;
  filled.struct_size = report->struct_size;
  std::memcpy(report, &filled, std::min<std::uint64_t>(filled.struct_size, sizeof filled));
}

/// Runs `body` (returning uw_status); exceptions become statuses.
template <typename Body>
uw_status guarded(uw_error* error, const Body& body) noexcept {
  try {
    fail(error, UW_OK, {});
    return body();
  } catch (const std::bad_alloc&) {
    return fail(error, UW_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& exception) {
    return fail(error, UW_INTERNAL, exception.what());
  } catch (...) {
    return fail(error, UW_INTERNAL, "unknown exception");
  }
}

}  // namespace unweight::capi
