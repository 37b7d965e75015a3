// SPDX-License-Identifier: BSD-3-Clause
//
// One bundle file -> the original file, byte for byte.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "bundle/job_context.h"
#include "unweight/bundle.h"
#include "unweight/result.h"

namespace unweight::bundle {

struct RestoredFile {
  std::uint64_t restored_bytes = 0;
  std::uint64_t stored_bytes = 0;
};

/// A dry run opens and validates the bundle, but decodes and writes nothing.
Result<RestoredFile> restore_file(JobContext& job, const std::filesystem::path& bundle_path,
                                  const std::filesystem::path& destination, const std::string& name,
                                  const DecompressOptions& options);

}  // namespace unweight::bundle
