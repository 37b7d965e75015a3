// SPDX-License-Identifier: BSD-3-Clause
//
// Input: u32 data size, then the JSON of a header (and, from the same bytes, of a shard index).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "safetensors/safetensors.h"

namespace {

namespace st = unweight::safetensors;

void require(bool property) {
  if (!property) std::abort();
}

/// What parse_header promises of a header that it takes.
void check_accepted(const st::Header& header, std::string_view json, std::uint64_t data_bytes) {
  require(header.json == json && header.data_begin == 8 + json.size());
  std::uint64_t covered = 0;
  for (const auto& tensor : header.tensors) {
    require(tensor.begin == covered && tensor.end >= tensor.begin && tensor.end <= data_bytes);
    const std::uint64_t bits = st::dtype_bits(tensor.dtype);
    require(bits == 0 || tensor.num_elems() * bits == tensor.bytes() * 8);
    require(header.find(tensor.name) == &tensor);
    covered = tensor.end;
  }
  require(covered == data_bytes);
}

/// What is written from it means the same.
void check_round_trip(const st::Header& header, std::uint64_t data_bytes) {
  const std::string bytes = st::serialize_header(header.tensors, header.metadata, 256);
  require(bytes.size() % 256 == 0);
  const auto again = st::parse_header(std::string_view(bytes).substr(8), data_bytes);
  require(again.ok());
  require(again->metadata == header.metadata && again->tensors.size() == header.tensors.size());
  for (std::size_t i = 0; i < header.tensors.size(); ++i) {
    const auto& a = header.tensors[i];
    const auto& b = again->tensors[i];
    require(a.name == b.name && a.dtype == b.dtype && a.shape == b.shape && a.begin == b.begin &&
            a.end == b.end);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const bool looks = st::looks_like_safetensors(std::as_bytes(std::span(input)), size);
  require(!looks || size > 8);
  std::uint32_t data_bytes = 0;
  if (size < sizeof(data_bytes)) return 0;
  std::memcpy(&data_bytes, data, sizeof(data_bytes));
  const std::string_view json = std::string_view(input).substr(sizeof(data_bytes));

  const auto header = st::parse_header(json, data_bytes);
  if (header) {
    check_accepted(*header, json, data_bytes);
    check_round_trip(*header, data_bytes);
  } else {
    require(header.error().code == unweight::ErrorCode::kInvalidFormat);
    require(!header.error().message.empty() && header.error().message.size() < 1000);
  }
  const auto index = st::parse_shard_index(json);
  if (index) {
    for (const auto& [tensor, file] : index->weight_map)
      require(!file.empty() && file.front() != '/');
  } else {
    require(index.error().code == unweight::ErrorCode::kInvalidFormat);
  }
  return 0;
}
