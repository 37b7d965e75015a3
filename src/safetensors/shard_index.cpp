// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "base/try.h"
#include "safetensors/json_events.h"
#include "safetensors/safetensors.h"

namespace unweight::safetensors {
namespace {

/// A path below the index's directory that means the same everywhere: no root, no "." or "..", no
/// empty part, no backslash (a separator elsewhere), no control character.
bool is_plain_relative(std::string_view file) {
  const auto is_odd = [](char c) { return c == '\\' || static_cast<unsigned char>(c) < 0x20; };
  if (std::any_of(file.begin(), file.end(), is_odd)) return false;
  for (std::size_t at = 0;;) {
    const std::size_t slash = std::min(file.find('/', at), file.size());
    const std::string_view part = file.substr(at, slash - at);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == file.size()) return true;
    at = slash + 1;
  }
}

class IndexEvents final : public JsonEvents {
 public:
  explicit IndexEvents(ShardIndex& index) : index_(index) {}

  Result<void> start_object() override {
    if (depth_ > 1 && !in_metadata()) return unexpected("an object");
    ++depth_;
    return {};
  }

  Result<void> end_object() override {
    --depth_;
    if (depth_ == 0 && !has_weight_map_)
      return Error{ErrorCode::kInvalidFormat, "\"weight_map\" is missing"};
    return {};
  }

  Result<void> key(std::string&& name) override {
    if (depth_ > 1) {
      if (section_ == Section::kWeightMap) index_.weight_map.emplace_back().first = std::move(name);
      return {};
    }
    bool* seen = nullptr;
    if (name == "metadata") {
      seen = &has_metadata_;
      section_ = Section::kMetadata;
    } else if (name == "weight_map") {
      seen = &has_weight_map_;
      section_ = Section::kWeightMap;
    } else {
      return Error{ErrorCode::kInvalidFormat, "unknown field " + for_message(name)};
    }
    if (std::exchange(*seen, true))
      return Error{ErrorCode::kInvalidFormat, "duplicate field " + for_message(name)};
    return {};
  }

  Result<void> start_array() override {
    if (!in_metadata()) return unexpected("an array");
    ++depth_;
    return {};
  }
  Result<void> end_array() override {
    --depth_;
    return {};
  }

  Result<void> string(std::string&& value) override {
    if (in_metadata()) return {};
    if (depth_ == 1) return unexpected("a string");
    auto& [tensor, file] = index_.weight_map.back();
    file = std::move(value);
    if (!is_plain_relative(file))
      return Error{ErrorCode::kInvalidFormat, "tensor " + for_message(tensor) + ": file name " +
                                                  for_message(file) +
                                                  " is not a plain relative name"};
    return {};
  }

  Result<void> unsigned_integer(std::uint64_t) override { return other("a number"); }
  Result<void> other(const char* what) override {
    if (in_metadata()) return {};
    return unexpected(what);
  }

 private:
  enum class Section : std::uint8_t { kMetadata, kWeightMap };

  /// Metadata (total_size and whatever else a tool noted) may hold anything: nothing reads it.
  bool in_metadata() const { return section_ == Section::kMetadata && depth_ > 1; }

  Error unexpected(const char* found) const {
    if (section_ == Section::kMetadata)
      return {ErrorCode::kInvalidFormat,
              std::string("metadata: expected an object, found ") + found};
    if (index_.weight_map.empty())
      return {ErrorCode::kInvalidFormat,
              std::string("weight_map: expected an object, found ") + found};
    return {ErrorCode::kInvalidFormat, "tensor " + for_message(index_.weight_map.back().first) +
                                           ": expected a file name, found " + found};
  }

  ShardIndex& index_;
  std::size_t depth_ = 0;  // open objects and arrays
  Section section_ = Section::kMetadata;
  bool has_metadata_ = false, has_weight_map_ = false;
};

}  // namespace

Result<ShardIndex> parse_shard_index(std::string_view json) {
  try {
    ShardIndex index;
    IndexEvents events(index);
    UNWEIGHT_TRY(parse_json_events(json, events));
    std::vector<const std::string*> names;
    names.reserve(index.weight_map.size());
    for (const auto& [tensor, file] : index.weight_map) names.push_back(&tensor);
    if (const std::string* twice = find_duplicate(std::move(names)))
      return Error{ErrorCode::kInvalidFormat, "tensor " + for_message(*twice) + ": duplicate name"};
    return index;
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "out of memory"};
  }
}

}  // namespace unweight::safetensors
