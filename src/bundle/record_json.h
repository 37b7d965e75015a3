// SPDX-License-Identifier: BSD-3-Clause
//
// The one shape of JSON that manifests have: an object of strings and unsigned numbers and one list
// of such objects, sealed by a checksum at its very end:
//
//   {"format":"...",...,"<list>":[{...},...],"checksum":"HHHHHHHHHHHHHHHH"}\n
//
// H.. is the XXH3-64, as 16 lower-case hexadecimal digits, of all bytes before them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "unweight/result.h"

namespace unweight::bundle {

[[nodiscard]] std::string hex64(std::uint64_t value);
/// Exactly 16 lower-case hexadecimal digits.
Result<std::uint64_t> parse_hex64(std::string_view digits);
/// A JSON string literal, quotes included. kUnsupported if `text` is not valid UTF-8.
Result<std::string> json_string(std::string_view text);

/// One flat object.
class JsonRecord {
 public:
  using Value = std::variant<std::string, std::uint64_t>;

  void clear() { fields_.clear(); }
  /// False if the key is there already.
  bool add(std::string key, Value value);
  [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
  [[nodiscard]] bool has(std::string_view key) const noexcept { return find(key) != nullptr; }
  /// Errors name the key.
  [[nodiscard]] Result<std::string> text(std::string_view key) const;
  [[nodiscard]] Result<std::uint64_t> number(std::string_view key) const;
  [[nodiscard]] Result<std::uint64_t> hash(std::string_view key) const;

 private:
  [[nodiscard]] const Value* find(std::string_view key) const noexcept;
  std::vector<std::pair<std::string, Value>> fields_;
};

/// Appends the checksum member and the closing brace; `open_object` ends after the list's ']'.
[[nodiscard]] std::string seal_json(std::string open_object);

/// Checks the seal and parses, calling `each` for every record of the list, and returns the outer
/// object without the list and the checksum. Anything else in the text is kInvalidFormat; a broken
/// seal is kChecksumMismatch. Memory does not depend on what a hostile text nests.
Result<JsonRecord> parse_sealed_json(std::string_view json, std::string_view list_key,
                                     const std::function<Result<void>(const JsonRecord&)>& each);

}  // namespace unweight::bundle
