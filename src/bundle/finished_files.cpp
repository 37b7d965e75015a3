// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/finished_files.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "base/try.h"
#include "bundle/bundle_format.h"
#include "bundle/byte_copy.h"
#include "bundle/record_json.h"

namespace unweight::bundle {
namespace {

constexpr std::string_view kFinishedKey = "files";
constexpr std::uint64_t kMaxStateBytes = 1 << 20;

std::filesystem::path state_path(const PartialDirectory& partial, std::size_t file_number) {
  return partial.state() / fmt::format("{:06}.json", file_number);
}

/// The part of a record that must be the same for a file to be kept.
Result<std::string> identity_json(const SourceState& source) {
  UNWEIGHT_TRY_ASSIGN(const std::string path, json_string(source.path));
  return fmt::format(
      "{{\"tool_version\":\"{}\",\"files\":[{{\"path\":{},\"source_bytes\":{},"
      "\"source_mtime_ns\":\"{}\",\"options_xxh3\":\"{}\"",
      kToolVersion, path, source.bytes, source.mtime_ns, hex64(source.options_xxh3));
}

Result<StoredFile> read_record(const std::string& json, const SourceState& source) {
  UNWEIGHT_TRY_ASSIGN(const std::string identity, identity_json(source));
  if (!json.starts_with(identity)) return Error{ErrorCode::kNotFound, "of another source"};
  StoredFile stored;
  UNWEIGHT_TRY(parse_sealed_json(json, kFinishedKey, [&](const JsonRecord& record) -> Result<void> {
    UNWEIGHT_TRY_ASSIGN(stored.bytes, record.number("stored_bytes"));
    UNWEIGHT_TRY_ASSIGN(stored.xxh3, record.hash("stored_xxh3"));
    return {};
  }));
  return stored;
}

}  // namespace

std::uint64_t options_fingerprint(const CompressOptions& options) {
  // Lengths in front of the patterns: no two lists give the same text.
  std::string text = options.family ? family_name(*options.family) : "smallest";
  for (const auto* patterns : {&options.filter.include, &options.filter.exclude}) {
    text += fmt::format(";{}", patterns->size());
    for (const std::string& pattern : *patterns)
      text += fmt::format(",{}:{}", pattern.size(), pattern);
  }
  return xxh3(std::as_bytes(std::span(text)));
}

Result<void> record_finished(const PartialDirectory& partial, std::size_t file_number,
                             const SourceState& source, const StoredFile& stored) {
  UNWEIGHT_TRY_ASSIGN(std::string json, identity_json(source));
  json += fmt::format(",\"stored_bytes\":{},\"stored_xxh3\":\"{}\"}}]", stored.bytes,
                      hex64(stored.xxh3));
  json = seal_json(std::move(json));
  return write_small_file(state_path(partial, file_number), std::as_bytes(std::span(json)), true);
}

Result<std::optional<StoredFile>> find_finished(JobContext& job, const PartialDirectory& partial,
                                                std::size_t file_number,
                                                const SourceState& source) {
  const std::optional<StoredFile> none;
  const auto json = read_small_file(state_path(partial, file_number), kMaxStateBytes);
  if (!json) return none;
  const auto stored = read_record(*json, source);
  if (!stored) return none;
  const auto file = InputFile::open(partial.bundle() / source.path);
  if (!file || file->bytes() != stored->bytes) return none;
  const auto hash = hash_file(job, *file);
  if (!hash && hash.error().code == ErrorCode::kCancelled) return hash.error();
  if (!hash || *hash != stored->xxh3) return none;
  return std::optional<StoredFile>(*stored);
}

}  // namespace unweight::bundle
