// SPDX-License-Identifier: BSD-3-Clause
//
// One bundle directory -> the original model directory.
#pragma once

#include <filesystem>

#include "bundle/job_context.h"
#include "unweight/bundle.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// Paths have been checked: `destination` may be created or replaced.
Result<DecompressReport> restore_directory(JobContext& job, const std::filesystem::path& root,
                                           const std::filesystem::path& destination,
                                           const DecompressOptions& options);

}  // namespace unweight::bundle
