// SPDX-License-Identifier: BSD-3-Clause
#include "safetensors/json_events.h"

#include <algorithm>
#include <exception>
#include <new>
#include <nlohmann/json.hpp>
#include <utility>

namespace unweight::safetensors {
namespace {

/// The part of the JSON library's message that says why, without the echo of the input.
std::string_view reason_of(std::string_view message) {
  // "[json.exception...] parse error at line 1, column 2: syntax error ... - why; last read: '...'"
  if (const auto echo = message.find("; last read"); echo != std::string_view::npos)
    message = message.substr(0, echo);
  if (const auto tag = message.find("] "); tag != std::string_view::npos)
    message = message.substr(tag + 2);
  if (const auto place = message.find(": "); place != std::string_view::npos)
    message = message.substr(place + 2);
  return message;
}

/// Passes the library's events on, refuses depth, and keeps the first error.
class Adapter {
 public:
  using Json = nlohmann::json;

  explicit Adapter(JsonEvents& events) : events_(events) {}
  Result<void>& result() { return result_; }

  bool null() { return pass(events_.other("null")); }
  bool boolean(bool) { return pass(events_.other("a boolean")); }
  bool number_integer(Json::number_integer_t) { return pass(events_.other("a negative number")); }
  bool number_unsigned(Json::number_unsigned_t value) {
    return pass(events_.unsigned_integer(value));
  }
  bool number_float(Json::number_float_t, const std::string&) {
    return pass(events_.other("a number with a fraction or exponent or beyond 64 bits"));
  }
  bool string(std::string& value) { return pass(events_.string(std::move(value))); }
  bool binary(Json::binary_t&) { return pass(events_.other("binary data")); }
  bool key(std::string& name) { return pass(events_.key(std::move(name))); }
  bool start_object(std::size_t) { return deeper() && pass(events_.start_object()); }
  bool start_array(std::size_t) { return deeper() && pass(events_.start_array()); }
  bool end_object() {
    --depth_;
    return pass(events_.end_object());
  }
  bool end_array() {
    --depth_;
    return pass(events_.end_array());
  }
  bool parse_error(std::size_t position, const std::string&, const Json::exception& error) {
    return pass(Error{ErrorCode::kInvalidFormat, "invalid JSON at byte " +
                                                     std::to_string(position) + ": " +
                                                     std::string(reason_of(error.what()))});
  }

 private:
  bool pass(Result<void>&& result) {
    const bool ok = result.ok();
    if (!ok) result_ = std::move(result);
    return ok;
  }
  bool deeper() {
    if (++depth_ <= kMaxJsonDepth) return true;
    return pass(Error{ErrorCode::kInvalidFormat, "JSON nested too deeply"});
  }

  JsonEvents& events_;
  std::size_t depth_ = 0;
  Result<void> result_;
};

/// Length of the well-formed UTF-8 sequence of a printable character at the front, or 0.
std::size_t printable_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  // Overlong forms, surrogates, beyond U+10FFFF, and the C1 control characters.
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
      (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F) ||
      (first == 0xC2 && byte(1) < 0xA0))
    return 0;
  return length;
}

}  // namespace

Result<void> parse_json_events(std::string_view json, JsonEvents& events) {
  if (json.empty() || json.front() != '{')
    return Error{ErrorCode::kInvalidFormat, "JSON must begin with '{'"};
  // The library takes a zero byte for the end of its input and would not see what follows.
  if (const auto zero = json.find('\0'); zero != std::string_view::npos)
    return Error{ErrorCode::kInvalidFormat,
                 "invalid JSON at byte " + std::to_string(zero + 1) + ": zero byte"};
  try {
    Adapter adapter(events);
    const bool complete =
        nlohmann::json::sax_parse(json.data(), json.data() + json.size(), &adapter);
    if (!complete && adapter.result().ok())
      return Error{ErrorCode::kInternal, "the JSON parser stopped without a reason"};
    return std::move(adapter.result());
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "out of memory"};
  } catch (const std::exception& e) {
    return Error{ErrorCode::kInternal, e.what()};
  }
}

std::string for_message(std::string_view text) {
  constexpr std::size_t kMaxBytes = 160;
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  while (!text.empty() && out.size() < kMaxBytes) {
    const std::size_t length = printable_length(text);
    if (length != 0) {
      out += text.substr(0, length);
    } else {
      const auto byte = static_cast<unsigned char>(text.front());
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out + (text.empty() ? "\"" : "...\"");
}

const std::string* find_duplicate(std::vector<const std::string*> names) {
  std::sort(names.begin(), names.end(), [](auto* a, auto* b) { return *a < *b; });
  const auto twice =
      std::adjacent_find(names.begin(), names.end(), [](auto* a, auto* b) { return *a == *b; });
  return twice == names.end() ? nullptr : *twice;
}

}  // namespace unweight::safetensors
