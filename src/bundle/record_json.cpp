// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/record_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/try.h"

namespace unweight::bundle {
namespace {

constexpr std::string_view kSealBegin = ",\"checksum\":\"";
constexpr std::string_view kSealEnd = "\"}\n";
constexpr std::size_t kSealDigits = 16;
constexpr std::size_t kMaxFields = 16;

Error bad_json(const std::string& what) {
  return {ErrorCode::kInvalidFormat, "manifest: " + what};
}

std::uint64_t hash_text(std::string_view text) {
  return xxh3(std::as_bytes(std::span(text.data(), text.size())));
}

/// Accepts the one shape, event by event; the first deviation ends the parse.
class RecordHandler final : public nlohmann::json_sax<nlohmann::json> {
 public:
  RecordHandler(std::string_view list_key,
                const std::function<Result<void>(const JsonRecord&)>& each)
      : list_key_(list_key), each_(each) {}

  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("a boolean"); }
  bool number_integer(number_integer_t) override { return refuse("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return refuse("a fraction"); }
  bool binary(binary_t&) override { return refuse("binary data"); }
  bool number_unsigned(number_unsigned_t value) override { return scalar(value); }
  bool string(string_t& value) override { return scalar(std::move(value)); }

  bool start_object(std::size_t) override {
    if (level_ == Level::kOutside) return enter(Level::kTop);
    if (level_ == Level::kList) {
      record_.clear();
      return enter(Level::kRecord);
    }
    return refuse("a nested object");
  }
  bool end_object() override {
    if (level_ == Level::kTop) return enter(Level::kDone);
    level_ = Level::kList;
    if (auto result = each_(record_); !result) return fail(result.error());
    return true;
  }
  bool start_array(std::size_t) override {
    if (level_ != Level::kTop || key_ != list_key_ || list_seen_) return refuse("a list");
    list_seen_ = true;
    return enter(Level::kList);
  }
  bool end_array() override { return enter(Level::kTop); }
  bool key(string_t& name) override {
    key_ = std::move(name);
    return true;
  }
  bool parse_error(std::size_t at, const std::string&,
                   const nlohmann::detail::exception&) override {
    return fail(bad_json(fmt::format("invalid JSON at byte {}", at)));
  }

  Result<JsonRecord> take_result() {
    if (failed_) return std::move(error_);
    if (level_ != Level::kDone || !list_seen_) return bad_json("incomplete");
    return std::move(top_);
  }

 private:
  enum class Level { kOutside, kTop, kList, kRecord, kDone };

  bool enter(Level level) {
    level_ = level;
    return true;
  }
  bool fail(Error error) {
    failed_ = true;
    error_ = std::move(error);
    return false;
  }
  bool refuse(const char* what) { return fail(bad_json(fmt::format("unexpected {}", what))); }
  bool scalar(JsonRecord::Value value) {
    if (level_ != Level::kTop && level_ != Level::kRecord) return refuse("a value");
    JsonRecord& record = level_ == Level::kTop ? top_ : record_;
    if (record.size() == kMaxFields) return refuse("number of fields");
    if (!record.add(key_, std::move(value))) return refuse("duplicate key");
    return true;
  }

  std::string_view list_key_;
  const std::function<Result<void>(const JsonRecord&)>& each_;
  Level level_ = Level::kOutside;
  bool list_seen_ = false;
  bool failed_ = false;
  Error error_;
  std::string key_;
  JsonRecord top_, record_;
};

Result<void> check_seal(std::string_view json) {
  const std::size_t seal_bytes = kSealBegin.size() + kSealDigits + kSealEnd.size();
  if (json.size() < seal_bytes) return bad_json("too short");
  const std::string_view seal = json.substr(json.size() - seal_bytes);
  if (!seal.starts_with(kSealBegin) || !seal.ends_with(kSealEnd))
    return bad_json("no checksum at its end");
  UNWEIGHT_TRY_ASSIGN(const std::uint64_t stored,
                      parse_hex64(seal.substr(kSealBegin.size(), kSealDigits)));
  if (stored != hash_text(json.substr(0, json.size() - kSealDigits - kSealEnd.size())))
    return Error{ErrorCode::kChecksumMismatch, "manifest: checksum mismatch"};
  return {};
}

}  // namespace

std::string hex64(std::uint64_t value) {
  return fmt::format("{:016x}", value);
}

Result<std::uint64_t> parse_hex64(std::string_view digits) {
  std::uint64_t value = 0;
  if (digits.size() != kSealDigits) return bad_json("a hash has 16 hexadecimal digits");
  for (const char c : digits) {
    const bool decimal = c >= '0' && c <= '9';
    if (!decimal && (c < 'a' || c > 'f')) return bad_json("a hash has 16 hexadecimal digits");
    value = value << 4 | static_cast<std::uint64_t>(decimal ? c - '0' : c - 'a' + 10);
  }
  return value;
}

Result<std::string> json_string(std::string_view text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    return Error{
        ErrorCode::kUnsupported,
        "name is not valid UTF-8: " +
            nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)};
  }
}

bool JsonRecord::add(std::string key, Value value) {
  if (has(key)) return false;
  fields_.emplace_back(std::move(key), std::move(value));
  return true;
}

const JsonRecord::Value* JsonRecord::find(std::string_view key) const noexcept {
  for (const auto& [name, value] : fields_)
    if (name == key) return &value;
  return nullptr;
}

Result<std::string> JsonRecord::text(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr || !std::holds_alternative<std::string>(*value))
    return bad_json(fmt::format("\"{}\" is missing or no string", key));
  return std::get<std::string>(*value);
}

Result<std::uint64_t> JsonRecord::number(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr || !std::holds_alternative<std::uint64_t>(*value))
    return bad_json(fmt::format("\"{}\" is missing or no unsigned number", key));
  return std::get<std::uint64_t>(*value);
}

Result<std::uint64_t> JsonRecord::hash(std::string_view key) const {
  UNWEIGHT_TRY_ASSIGN(const std::string digits, text(key));
  return parse_hex64(digits);
}

std::string seal_json(std::string open_object) {
  open_object += kSealBegin;
  open_object += hex64(hash_text(open_object));
  open_object += kSealEnd;
  return open_object;
}

Result<JsonRecord> parse_sealed_json(std::string_view json, std::string_view list_key,
                                     const std::function<Result<void>(const JsonRecord&)>& each) {
  UNWEIGHT_TRY(check_seal(json));
  RecordHandler handler(list_key, each);
  nlohmann::json::sax_parse(json.begin(), json.end(), &handler);
  return handler.take_result();
}

}  // namespace unweight::bundle
