// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/directory_manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/file.h"
#include "base/try.h"
#include "bundle/bundle_format.h"
#include "bundle/record_json.h"

namespace unweight::bundle {
namespace {

constexpr std::string_view kFilesKey = "files";
constexpr std::size_t kTopFields = 4;  // the checksum too
constexpr std::array<std::string_view, 3> kRoleNames = {"copied", "weights", "rewritten"};
constexpr std::array<std::size_t, 3> kRoleFields = {4, 5, 6};

Error bad_manifest(const std::string& what) {
  return {ErrorCode::kInvalidFormat, std::string(kDirectoryManifest) + ": " + what};
}

/// No root, no empty part, no "." or "..", no NUL: a path that stays below the directory.
bool is_plain_relative(std::string_view path) {
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    if (part.find('\0') != std::string_view::npos) return false;
    if (end == path.size()) return true;
    begin = end + 1;
  }
}

Result<DirectoryEntry> read_entry(const JsonRecord& record) {
  DirectoryEntry entry;
  UNWEIGHT_TRY_ASSIGN(entry.path, record.text("path"));
  if (!is_plain_relative(entry.path))
    return bad_manifest("\"" + entry.path + "\" is no plain path");
  if (is_reserved_path(entry.path))
    return bad_manifest("\"" + entry.path + "\" is a reserved path");
  UNWEIGHT_TRY_ASSIGN(const std::string role, record.text("role"));
  const auto found = std::find(kRoleNames.begin(), kRoleNames.end(), role);
  if (found == kRoleNames.end()) return bad_manifest("unknown role of " + entry.path);
  const auto role_index = static_cast<std::size_t>(found - kRoleNames.begin());
  entry.role = static_cast<FileRole>(role_index);
  UNWEIGHT_TRY_ASSIGN(entry.stored_bytes, record.number("stored_bytes"));
  UNWEIGHT_TRY_ASSIGN(entry.stored_xxh3, record.hash("stored_xxh3"));
  entry.original_bytes = entry.stored_bytes;
  entry.original_xxh3 = entry.stored_xxh3;
  if (entry.role != FileRole::kCopied) {
    UNWEIGHT_TRY_ASSIGN(entry.original_bytes, record.number("original_bytes"));
  }
  if (entry.role == FileRole::kRewritten) {
    UNWEIGHT_TRY_ASSIGN(entry.original_xxh3, record.hash("original_xxh3"));
  }
  if (record.size() != kRoleFields[role_index])
    return bad_manifest("unknown field at " + entry.path);
  return entry;
}

/// No path twice, and none that is a folder of another.
Result<void> check_paths(const std::vector<DirectoryEntry>& files) {
  std::set<std::string_view> paths;
  for (const DirectoryEntry& entry : files)
    if (!paths.insert(entry.path).second) return bad_manifest(entry.path + " is listed twice");
  for (const std::string_view path : paths) {
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos;
         slash = path.find('/', slash + 1)) {
      if (paths.contains(path.substr(0, slash)))
        return bad_manifest(std::string(path) + " lies below a file");
    }
  }
  return {};
}

}  // namespace

Result<std::string> serialize_directory_manifest(const DirectoryManifest& manifest) {
  UNWEIGHT_TRY_ASSIGN(const std::string version, json_string(manifest.tool_version));
  std::string json =
      fmt::format("{{\"format\":\"{}\",\"format_version\":{},\"tool_version\":{},\"{}\":[",
                  kDirectoryFormat, kFormatVersion, version, kFilesKey);
  const char* separator = "\n";
  for (const DirectoryEntry& entry : manifest.files) {
    UNWEIGHT_TRY_ASSIGN(const std::string path, json_string(entry.path));
    json +=
        fmt::format("{}{{\"path\":{},\"role\":\"{}\",\"stored_bytes\":{},\"stored_xxh3\":\"{}\"",
                    separator, path, kRoleNames[static_cast<std::size_t>(entry.role)],
                    entry.stored_bytes, hex64(entry.stored_xxh3));
    if (entry.role != FileRole::kCopied)
      json += fmt::format(",\"original_bytes\":{}", entry.original_bytes);
    if (entry.role == FileRole::kRewritten)
      json += fmt::format(",\"original_xxh3\":\"{}\"", hex64(entry.original_xxh3));
    json += "}";
    separator = ",\n";
  }
  return seal_json(std::move(json) + "]");
}

Result<DirectoryManifest> parse_directory_manifest(std::string_view json) {
  DirectoryManifest manifest;
  UNWEIGHT_TRY_ASSIGN(const JsonRecord top,
                      parse_sealed_json(json, kFilesKey, [&](const JsonRecord& r) -> Result<void> {
                        UNWEIGHT_TRY_ASSIGN(DirectoryEntry entry, read_entry(r));
                        manifest.files.push_back(std::move(entry));
                        return {};
                      }));
  UNWEIGHT_TRY_ASSIGN(const std::string format, top.text("format"));
  UNWEIGHT_TRY_ASSIGN(const std::uint64_t version, top.number("format_version"));
  if (format != kDirectoryFormat)
    return bad_manifest("format is not " + std::string(kDirectoryFormat));
  if (version != kFormatVersion)
    return Error{ErrorCode::kUnsupported,
                 fmt::format("bundle format version {} (this is {})", version, kFormatVersion)};
  UNWEIGHT_TRY_ASSIGN(manifest.tool_version, top.text("tool_version"));
  if (top.size() != kTopFields) return bad_manifest("unknown field");
  UNWEIGHT_TRY(check_paths(manifest.files));
  return manifest;
}

Result<DirectoryManifest> read_directory_manifest(const std::filesystem::path& root) {
  UNWEIGHT_TRY_ASSIGN(const std::string json,
                      read_small_file(root / kDirectoryManifest, kMaxManifestBytes));
  return parse_directory_manifest(json);
}

bool is_bundle_directory(const std::filesystem::path& root) {
  std::error_code ignored;
  return std::filesystem::exists(root / kDirectoryManifest, ignored);
}

bool is_reserved_path(std::string_view path) {
  return path == kDirectoryManifest || path == kOriginalsFolder ||
         path.starts_with(std::string(kOriginalsFolder) + "/");
}

}  // namespace unweight::bundle
