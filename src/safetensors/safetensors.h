// SPDX-License-Identifier: BSD-3-Clause
//
// The safetensors container: u64 header length, JSON header, data. Strict: a header is taken only
// if it is what the format's description allows; every offset is checked before anything uses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "unweight/result.h"

namespace unweight::safetensors {

/// Largest header accepted; the reference implementation refuses more than 100 MB.
inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

struct TensorEntry {
  std::string name;
  std::string dtype;                 ///< as written: "BF16", "F32", "U8", ...
  std::vector<std::uint64_t> shape;  ///< product and byte size are known not to overflow
  std::uint64_t begin = 0;           ///< bytes, relative to the data section
  std::uint64_t end = 0;
  [[nodiscard]] std::uint64_t bytes() const noexcept { return end - begin; }
  [[nodiscard]] std::uint64_t num_elems() const noexcept;
};

struct Header {
  std::vector<TensorEntry> tensors;  ///< in data order (by begin; empty ones by header order)
  std::map<std::string, std::string> metadata;  ///< __metadata__, empty if absent
  bool has_metadata = false;
  std::string json;              ///< the header's exact bytes, padding included
  std::uint64_t data_begin = 0;  ///< file offset of the data: 8 + json.size()
  [[nodiscard]] const TensorEntry* find(std::string_view name) const noexcept;
};

/// Bits of one element; 0 for a dtype that this version does not know (its bytes are then only
/// checked against the offsets, not the shape).
[[nodiscard]] std::uint32_t dtype_bits(std::string_view dtype) noexcept;

/// Parses the JSON bytes of a header for a data section of data_bytes. Refuses: invalid JSON or
/// UTF-8, duplicate keys, wrong types, unknown fields, negative or fractional or huge numbers,
/// overflowing shapes (zeros aside, so [2^63, 2, 0] too), more than 64 dimensions, size != shape *
/// dtype, ranges out of bounds, overlapping or with holes, uncovered trailing bytes. The message
/// names the tensor and the reason. Memory: a small multiple of json.size().
Result<Header> parse_header(std::string_view json, std::uint64_t data_bytes);

/// Length field + JSON of an open file.
Result<Header> read_header(const InputFile& file);

/// True if the first bytes look like a safetensors file (plausible length, '{').
[[nodiscard]] bool looks_like_safetensors(std::span<const std::byte> first_bytes,
                                          std::uint64_t file_bytes) noexcept;

/// Serialises a header: length field + JSON, padded with spaces so that the data begins at a
/// multiple of `alignment` and the whole is at least min_bytes long (for headers written after the
/// data).
[[nodiscard]] std::string serialize_header(const std::vector<TensorEntry>& tensors,
                                           const std::map<std::string, std::string>& metadata,
                                           std::uint64_t alignment, std::uint64_t min_bytes = 0);

/// A Hugging Face model directory, or one file.
struct ModelFiles {
  std::filesystem::path root;                       ///< the directory; for a single file its parent
  std::vector<std::filesystem::path> weight_files;  ///< *.safetensors, relative to root, sorted
  std::vector<std::filesystem::path> other_files;   ///< regular files, relative, sorted, recursive
  std::vector<std::filesystem::path>
      index_files;  ///< *.safetensors.index.json (not in other_files)
  bool is_directory = false;
};
/// Follows symbolic links to files (hub caches are made of them), not to directories. Special files
/// (sockets, devices, dangling links) are errors. Skips nothing silently.
Result<ModelFiles> list_model_files(const std::filesystem::path& path);

/// model.safetensors.index.json: {"metadata": {...}, "weight_map": {tensor: file}}.
struct ShardIndex {
  std::vector<std::pair<std::string, std::string>> weight_map;  ///< in file order
};
/// Strict like parse_header, but metadata may hold anything; file names must be plain relative
/// names without "..".
Result<ShardIndex> parse_shard_index(std::string_view json);

}  // namespace unweight::safetensors
