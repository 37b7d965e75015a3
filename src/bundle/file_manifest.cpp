// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/file_manifest.h"

#include <fmt/format.h>

#include "base/try.h"
#include "bundle/bundle_format.h"
#include "bundle/record_json.h"

namespace unweight::bundle {
namespace {

constexpr std::string_view kTensorsKey = "tensors";
constexpr std::size_t kCarriedFields = 3;
constexpr std::size_t kPackedFields = 4;
constexpr std::size_t kTopFields = 6;  // the checksum too

Error bad_manifest(const std::string& what) {
  return {ErrorCode::kInvalidFormat, "manifest: " + what};
}

Result<ManifestTensor> read_tensor(const JsonRecord& record) {
  ManifestTensor tensor;
  UNWEIGHT_TRY_ASSIGN(tensor.name, record.text("name"));
  UNWEIGHT_TRY_ASSIGN(tensor.xxh3, record.hash("xxh3"));
  UNWEIGHT_TRY_ASSIGN(const std::string stored, record.text("stored"));
  if (stored != "packed" && stored != "carried")
    return bad_manifest("\"stored\" of " + tensor.name + " is neither packed nor carried");
  tensor.packed = stored == "packed";
  if (tensor.packed) {
    UNWEIGHT_TRY_ASSIGN(tensor.packed_name, record.text("packed_name"));
  }
  if (record.size() != (tensor.packed ? kPackedFields : kCarriedFields))
    return bad_manifest("unknown field at " + tensor.name);
  return tensor;
}

}  // namespace

Result<std::string> serialize_file_manifest(const FileManifest& manifest) {
  UNWEIGHT_TRY_ASSIGN(const std::string version, json_string(manifest.tool_version));
  std::string json = fmt::format(
      "{{\"format\":\"{}\",\"format_version\":{},\"tool_version\":{},\"original_bytes\":{},"
      "\"original_header_xxh3\":\"{}\",\"{}\":[",
      kFileFormat, kFormatVersion, version, manifest.original_bytes,
      hex64(manifest.original_header_xxh3), kTensorsKey);
  const char* separator = "\n";
  for (const ManifestTensor& tensor : manifest.tensors) {
    UNWEIGHT_TRY_ASSIGN(const std::string name, json_string(tensor.name));
    json += fmt::format("{}{{\"name\":{},\"stored\":\"{}\"", separator, name,
                        tensor.packed ? "packed" : "carried");
    if (tensor.packed) {
      UNWEIGHT_TRY_ASSIGN(const std::string packed_name, json_string(tensor.packed_name));
      json += ",\"packed_name\":" + packed_name;
    }
    json += fmt::format(",\"xxh3\":\"{}\"}}", hex64(tensor.xxh3));
    separator = ",\n";
  }
  return seal_json(std::move(json) + "]");
}

Result<FileManifest> parse_file_manifest(std::string_view json) {
  FileManifest manifest;
  UNWEIGHT_TRY_ASSIGN(
      const JsonRecord top,
      parse_sealed_json(json, kTensorsKey, [&](const JsonRecord& r) -> Result<void> {
        UNWEIGHT_TRY_ASSIGN(ManifestTensor tensor, read_tensor(r));
        manifest.tensors.push_back(std::move(tensor));
        return {};
      }));
  UNWEIGHT_TRY_ASSIGN(const std::string format, top.text("format"));
  UNWEIGHT_TRY_ASSIGN(const std::uint64_t version, top.number("format_version"));
  if (format != kFileFormat) return bad_manifest("format is not " + std::string(kFileFormat));
  if (version != kFormatVersion)
    return Error{ErrorCode::kUnsupported,
                 fmt::format("bundle format version {} (this is {})", version, kFormatVersion)};
  UNWEIGHT_TRY_ASSIGN(manifest.tool_version, top.text("tool_version"));
  UNWEIGHT_TRY_ASSIGN(manifest.original_bytes, top.number("original_bytes"));
  UNWEIGHT_TRY_ASSIGN(manifest.original_header_xxh3, top.hash("original_header_xxh3"));
  if (top.size() != kTopFields) return bad_manifest("unknown field");
  return manifest;
}

}  // namespace unweight::bundle
