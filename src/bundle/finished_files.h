// SPDX-License-Identifier: BSD-3-Clause
//
// Which weight files of an unfinished directory are done: one small record each, written after the
// file itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/file.h"
#include "bundle/job_context.h"
#include "bundle/partial_directory.h"
#include "unweight/bundle.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// What the bytes of a finished file depend on.
struct SourceState {
  std::string path;  ///< relative
  std::uint64_t bytes = 0;
  std::int64_t mtime_ns = 0;
  std::uint64_t options_xxh3 = 0;
};

/// Everything in the options that changes what is written.
[[nodiscard]] std::uint64_t options_fingerprint(const CompressOptions& options);

struct StoredFile {
  std::uint64_t bytes = 0;
  std::uint64_t xxh3 = 0;
};

Result<void> record_finished(const PartialDirectory& partial, std::size_t file_number,
                             const SourceState& source, const StoredFile& stored);

/// The stored file if it was finished from this very source by this version and is still intact
/// (its bytes are hashed again). Damage of any kind means "not finished"; only cancellation is an
/// error.
Result<std::optional<StoredFile>> find_finished(JobContext& job, const PartialDirectory& partial,
                                                std::size_t file_number, const SourceState& source);

}  // namespace unweight::bundle
