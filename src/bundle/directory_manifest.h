// SPDX-License-Identifier: BSD-3-Clause
//
// unweight.json: every file of a bundle of a directory, what it is and how its bytes are checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "unweight/result.h"

namespace unweight::bundle {

enum class FileRole : std::uint8_t {
  kCopied,     ///< byte for byte
  kWeights,    ///< a bundle of a file
  kRewritten,  ///< changed to describe the bundle; the original is in unweight_original/
};

struct DirectoryEntry {
  std::string path;  ///< relative to the directory, '/' between parts
  FileRole role = FileRole::kCopied;
  std::uint64_t stored_bytes = 0;
  std::uint64_t stored_xxh3 = 0;
  std::uint64_t original_bytes = 0;
  std::uint64_t original_xxh3 = 0;  ///< not of weights: their own manifest has it, by tensor
};

struct DirectoryManifest {
  std::string tool_version;
  std::vector<DirectoryEntry> files;
};

Result<std::string> serialize_directory_manifest(const DirectoryManifest& manifest);
/// Paths of the result are plain relative ones, each there once, none of them one of our own names.
Result<DirectoryManifest> parse_directory_manifest(std::string_view json);
/// unweight.json of a bundle directory.
Result<DirectoryManifest> read_directory_manifest(const std::filesystem::path& root);

[[nodiscard]] bool is_bundle_directory(const std::filesystem::path& root);
/// Whether the bundle keeps this relative path for itself.
[[nodiscard]] bool is_reserved_path(std::string_view path);

}  // namespace unweight::bundle
