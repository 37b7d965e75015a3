// SPDX-License-Identifier: BSD-3-Clause
//
// Errors as values: every call of unweight that can fail returns Result<T>. The library never
// throws on purpose, never prints, never exits and never aborts.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace unweight {

/// What went wrong, coarse enough to act on. The message says what and where.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,   ///< The caller passed something no input file can be blamed for.
  kInvalidFormat,     ///< A file or blob is not what it claims to be (hostile, truncated, corrupt).
  kChecksumMismatch,  ///< The structure is sound but the bytes are not the ones that were written.
  kUnsupported,       ///< Valid, but from a newer format version or outside what is implemented.
  kNotFound,          ///< A path does not exist.
  kAlreadyExists,     ///< The destination exists and overwriting was not asked for.
  kIo,                ///< The operating system refused: message carries errno's text and the path.
  kNoSpace,           ///< The disk (or quota) is full; nothing was left under the final name.
  kSourceChanged,     ///< The source changed or shrank while it was being read.
  kOutOfMemory,       ///< An allocation that the input justifies did not succeed.
  kCancelled,         ///< The progress callback asked to stop.
  kInternal,          ///< A bug: self-verification failed, or an invariant does not hold.
};

/// Stable lower-case name of a code ("invalid_format"), for --json and for logs.
[[nodiscard]] const char* error_code_name(ErrorCode code) noexcept;

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;

  /// The same error with "context: " in front of the message, added while it travels upwards.
  [[nodiscard]] Error with_context(const std::string& context) && {
    message = context + ": " + message;
    return std::move(*this);
  }
};

/// A T or an Error. Result<void> carries success or an Error.
///
/// Reading value() of a failed result is a programming error and throws std::bad_variant_access;
/// test with `if (!result)` first, or use UNWEIGHT_TRY inside the library.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  [[nodiscard]] T& value() & { return std::get<0>(state_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const& { return std::get<1>(state_); }
  [[nodiscard]] Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] const Error& error() const& { return std::get<1>(state_); }
  [[nodiscard]] Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<std::monostate, Error> state_;
};

}  // namespace unweight
