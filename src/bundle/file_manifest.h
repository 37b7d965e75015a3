// SPDX-License-Identifier: BSD-3-Clause
//
// The manifest inside a bundle of a file: what the original was, tensor by tensor.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "unweight/result.h"

namespace unweight::bundle {

struct ManifestTensor {
  std::string name;
  bool packed = false;
  std::string packed_name;  ///< name of the blob in the bundle; empty for carried tensors
  std::uint64_t xxh3 = 0;   ///< of the original tensor's bytes
};

struct FileManifest {
  std::string tool_version;
  std::uint64_t original_bytes = 0;        ///< whole file
  std::uint64_t original_header_xxh3 = 0;  ///< of the JSON bytes
  std::vector<ManifestTensor> tensors;     ///< in data order of the original
};

Result<std::string> serialize_file_manifest(const FileManifest& manifest);
/// Errors: kInvalidFormat, kChecksumMismatch, kUnsupported (newer version).
Result<FileManifest> parse_file_manifest(std::string_view json);

}  // namespace unweight::bundle
