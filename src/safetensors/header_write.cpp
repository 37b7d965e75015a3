// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cstddef>
#include <string>

#include "safetensors/safetensors.h"

namespace unweight::safetensors {
namespace {

void append_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20) {
      out += {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_tensor(std::string& out, const TensorEntry& tensor) {
  append_string(out, tensor.name);
  out += ":{\"dtype\":";
  append_string(out, tensor.dtype);
  out += ",\"shape\":[";
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    if (i != 0) out += ',';
    out += std::to_string(tensor.shape[i]);
  }
  out += "],\"data_offsets\":[" + std::to_string(tensor.begin) + "," + std::to_string(tensor.end) +
         "]}";
}

}  // namespace

std::string serialize_header(const std::vector<TensorEntry>& tensors,
                             const std::map<std::string, std::string>& metadata,
                             std::uint64_t alignment, std::uint64_t min_bytes) {
  std::string out(8, '\0');
  const char* separator = "{";
  if (!metadata.empty()) {
    out += "{\"__metadata__\":";
    for (const auto& [key, value] : metadata) {
      out += separator;
      append_string(out, key);
      out += ':';
      append_string(out, value);
      separator = ",";
    }
    out += '}';
  }
  for (const auto& tensor : tensors) {
    out += separator;
    append_tensor(out, tensor);
    separator = ",";
  }
  out += out.size() == 8 ? "{}" : "}";

  const std::uint64_t unit = std::max<std::uint64_t>(alignment, 1);
  const std::uint64_t bytes = std::max<std::uint64_t>(out.size(), min_bytes);
  out.resize((bytes + unit - 1) / unit * unit, ' ');
  for (std::size_t i = 0; i < 8; ++i)
    out[i] = static_cast<char>((out.size() - 8) >> (8 * i) & 0xFF);
  return out;
}

}  // namespace unweight::safetensors
