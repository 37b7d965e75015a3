// SPDX-License-Identifier: BSD-3-Clause
//
// JSON as a stream of events, without a tree in memory: a 100 MB header costs no more than what its
// reader keeps of it, and no input makes anything recurse.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "unweight/result.h"

namespace unweight::safetensors {

/// What a reader gets, in document order. An Error returned from any of them ends the parse.
class JsonEvents {
 public:
  virtual ~JsonEvents() = default;
  virtual Result<void> start_object() = 0;
  virtual Result<void> key(std::string&& name) = 0;
  virtual Result<void> end_object() = 0;
  virtual Result<void> start_array() = 0;
  virtual Result<void> end_array() = 0;
  virtual Result<void> string(std::string&& value) = 0;
  virtual Result<void> unsigned_integer(std::uint64_t value) = 0;
  /// Any other scalar; what is "null", "a boolean", "a negative number", "a fraction or ...".
  virtual Result<void> other(const char* what) = 0;
};

inline constexpr std::size_t kMaxJsonDepth = 64;

/// Feeds one JSON object to events. It must begin at the first byte; white space may follow it.
/// kInvalidFormat for anything that is not JSON in UTF-8, or nested deeper than kMaxJsonDepth;
/// kOutOfMemory when an allocation fails here or in events. Duplicate keys are the reader's
/// business.
Result<void> parse_json_events(std::string_view json, JsonEvents& events);

/// Text from a file in quotation marks, fit for an error message: shortened, and with everything
/// but printable ASCII and well-formed UTF-8 written as \xNN.
[[nodiscard]] std::string for_message(std::string_view text);

/// One that occurs twice among names, or null.
[[nodiscard]] const std::string* find_duplicate(std::vector<const std::string*> names);

}  // namespace unweight::safetensors
