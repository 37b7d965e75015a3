// SPDX-License-Identifier: BSD-3-Clause
//
// Looks for damage in a bundle directory, and for differences from the original directory.
#pragma once

#include <filesystem>
#include <optional>

#include "bundle/job_context.h"
#include "unweight/bundle.h"
#include "unweight/result.h"

namespace unweight::bundle {

Result<void> verify_directory(JobContext& job, const std::filesystem::path& root,
                              const std::optional<std::filesystem::path>& original,
                              VerifyReport& report);

}  // namespace unweight::bundle
