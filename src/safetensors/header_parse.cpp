// SPDX-License-Identifier: BSD-3-Clause
#include <array>
#include <new>
#include <span>
#include <string>
#include <utility>

#include "base/try.h"
#include "safetensors/header_layout.h"
#include "safetensors/json_events.h"
#include "safetensors/safetensors.h"

namespace unweight::safetensors {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kMaxRank = 64;  // of tensor libraries; keeps "1,1,1,..." from costing memory

/// Where in the header the next event belongs. The grammar of JSON guarantees the rest: inside an
/// object only keys or its end come, after a key exactly one value.
///
///   { "__metadata__": { "key": "value" },
///     "name": { "dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12] } }
enum class Place : std::uint8_t {
  kRoot,           // nothing read yet
  kNames,          // in the outer object
  kMetadata,       // after "__metadata__":
  kMetadataKeys,   // in its object
  kMetadataValue,  // after one of its keys
  kTensor,         // after "name":
  kFields,         // in its object
  kDtype,          // after "dtype":
  kShape,          // after "shape":
  kDims,           // in its array
  kOffsets,        // after "data_offsets":
  kOffsetPair,     // in its array
  kDone,           // after the outer object
};

class HeaderEvents final : public JsonEvents {
 public:
  explicit HeaderEvents(Header& header) : header_(header) {}

  Result<void> start_object() override {
    switch (place_) {
      case Place::kRoot:
        place_ = Place::kNames;
        return {};
      case Place::kMetadata:
        place_ = Place::kMetadataKeys;
        return {};
      case Place::kTensor:
        place_ = Place::kFields;
        return {};
      default:
        return unexpected("an object");
    }
  }

  Result<void> end_object() override {
    if (place_ == Place::kNames) {
      place_ = Place::kDone;
      return {};
    }
    if (place_ == Place::kFields) {
      if (!has_dtype_) return refuse("field \"dtype\" is missing");
      if (!has_shape_) return refuse("field \"shape\" is missing");
      if (!has_offsets_) return refuse("field \"data_offsets\" is missing");
    }
    place_ = Place::kNames;
    return {};
  }

  Result<void> key(std::string&& name) override {
    switch (place_) {
      case Place::kNames:
        return begin_value_of(std::move(name));
      case Place::kMetadataKeys: {
        const auto [entry, is_new] = header_.metadata.try_emplace(std::move(name));
        if (!is_new) return refuse("duplicate key " + for_message(entry->first));
        metadata_value_ = &entry->second;
        place_ = Place::kMetadataValue;
        return {};
      }
      default:
        return begin_field(name);
    }
  }

  Result<void> start_array() override {
    if (place_ == Place::kShape) {
      place_ = Place::kDims;
    } else if (place_ == Place::kOffsets) {
      place_ = Place::kOffsetPair;
      num_offsets_ = 0;
    } else {
      return unexpected("an array");
    }
    return {};
  }

  Result<void> end_array() override {
    if (place_ == Place::kOffsetPair && num_offsets_ != 2)
      return refuse("data_offsets must be two numbers");
    place_ = Place::kFields;
    return {};
  }

  Result<void> string(std::string&& value) override {
    if (place_ == Place::kDtype) {
      tensor().dtype = std::move(value);
      place_ = Place::kFields;
    } else if (place_ == Place::kMetadataValue) {
      *metadata_value_ = std::move(value);
      place_ = Place::kMetadataKeys;
    } else {
      return unexpected("a string");
    }
    return {};
  }

  Result<void> unsigned_integer(std::uint64_t value) override {
    if (place_ == Place::kDims) {
      if (tensor().shape.size() == kMaxRank)
        return refuse("shape has more than " + std::to_string(kMaxRank) + " dimensions");
      tensor().shape.push_back(value);
    } else if (place_ == Place::kOffsetPair) {
      if (num_offsets_ == 2) return refuse("data_offsets must be two numbers");
      (num_offsets_ == 0 ? tensor().begin : tensor().end) = value;
      ++num_offsets_;
    } else {
      return unexpected("a number");
    }
    return {};
  }

  Result<void> other(const char* what) override { return unexpected(what); }

 private:
  TensorEntry& tensor() { return header_.tensors.back(); }

  Result<void> begin_value_of(std::string&& name) {
    if (name == "__metadata__") {
      place_ = Place::kMetadata;
      if (header_.has_metadata) return refuse("appears twice");
      header_.has_metadata = true;
      return {};
    }
    header_.tensors.emplace_back().name = std::move(name);
    has_dtype_ = has_shape_ = has_offsets_ = false;
    place_ = Place::kTensor;
    return {};
  }

  Result<void> begin_field(const std::string& name) {
    bool* seen = nullptr;
    if (name == "dtype") {
      seen = &has_dtype_;
      place_ = Place::kDtype;
    } else if (name == "shape") {
      seen = &has_shape_;
      place_ = Place::kShape;
    } else if (name == "data_offsets") {
      seen = &has_offsets_;
      place_ = Place::kOffsets;
    } else {
      return refuse("unknown field " + for_message(name));
    }
    if (std::exchange(*seen, true)) return refuse("duplicate field " + for_message(name));
    return {};
  }

  bool in_metadata() const {
    return place_ == Place::kMetadata || place_ == Place::kMetadataKeys ||
           place_ == Place::kMetadataValue;
  }

  Error refuse(const std::string& reason) const {
    const std::string where =
        in_metadata() ? "__metadata__" : "tensor " + for_message(header_.tensors.back().name);
    return {ErrorCode::kInvalidFormat, where + ": " + reason};
  }

  Error unexpected(const char* found) const {
    const char* expected = "an object";
    if (place_ == Place::kMetadataValue) expected = "a string as value";
    if (place_ == Place::kDtype) expected = "a string as dtype";
    if (place_ == Place::kShape) expected = "an array as shape";
    if (place_ == Place::kDims) expected = "an unsigned integer in shape";
    if (place_ == Place::kOffsets) expected = "an array as data_offsets";
    if (place_ == Place::kOffsetPair) expected = "an unsigned integer in data_offsets";
    return refuse(std::string("expected ") + expected + ", found " + found);
  }

  Header& header_;
  Place place_ = Place::kRoot;
  std::string* metadata_value_ = nullptr;
  unsigned num_offsets_ = 0;
  bool has_dtype_ = false, has_shape_ = false, has_offsets_ = false;
};

Result<Header> parse_owned(std::string json, std::uint64_t data_bytes) {
  Header header;
  header.json = std::move(json);
  header.data_begin = kLengthBytes + header.json.size();
  HeaderEvents events(header);
  UNWEIGHT_TRY(parse_json_events(header.json, events));
  UNWEIGHT_TRY(order_and_check(header.tensors, data_bytes));
  return header;
}

std::uint64_t length_field(std::span<const std::byte> bytes) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  return length;
}

Result<Header> read_header_of(const InputFile& file) {
  std::array<std::byte, kLengthBytes> prefix{};
  if (file.bytes() < prefix.size())
    return Error{ErrorCode::kInvalidFormat, "too short for a safetensors file"};
  UNWEIGHT_TRY(file.read_at(0, prefix));
  const std::uint64_t length = length_field(prefix);
  const std::uint64_t rest = file.bytes() - prefix.size();
  if (length > kMaxHeaderBytes)
    return Error{ErrorCode::kInvalidFormat, "header of " + std::to_string(length) +
                                                " bytes is larger than the " +
                                                std::to_string(kMaxHeaderBytes) + " allowed"};
  if (length > rest)
    return Error{ErrorCode::kInvalidFormat,
                 "header of " + std::to_string(length) + " bytes reaches past the end of the file"};
  std::string json(length, '\0');
  UNWEIGHT_TRY(file.read_at(kLengthBytes, std::as_writable_bytes(std::span(json))));
  return parse_owned(std::move(json), rest - length);
}

}  // namespace

const TensorEntry* Header::find(std::string_view name) const noexcept {
  for (const auto& tensor : tensors)
    if (tensor.name == name) return &tensor;
  return nullptr;
}

Result<Header> parse_header(std::string_view json, std::uint64_t data_bytes) {
  if (json.size() > kMaxHeaderBytes)
    return Error{ErrorCode::kInvalidFormat, "header of " + std::to_string(json.size()) +
                                                " bytes is larger than the " +
                                                std::to_string(kMaxHeaderBytes) + " allowed"};
  try {
    return parse_owned(std::string(json), data_bytes);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "out of memory"};
  }
}

Result<Header> read_header(const InputFile& file) {
  try {
    auto header = read_header_of(file);
    if (header) return header;
    return std::move(header).error().with_context(file.path().string());
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "out of memory"};
  }
}

bool looks_like_safetensors(std::span<const std::byte> first_bytes,
                            std::uint64_t file_bytes) noexcept {
  if (first_bytes.size() <= kLengthBytes || file_bytes <= kLengthBytes) return false;
  const std::uint64_t length = length_field(first_bytes);
  return length >= 2 && length <= kMaxHeaderBytes && length <= file_bytes - kLengthBytes &&
         first_bytes[kLengthBytes] == std::byte{'{'};
}

}  // namespace unweight::safetensors
