// SPDX-License-Identifier: BSD-3-Clause
//
// Looks for damage in one bundle file, and for differences from the original.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "bundle/job_context.h"
#include "unweight/bundle.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// Adds to the report. Only what keeps the files from being read, and cancellation, are errors.
Result<void> verify_file(JobContext& job, const std::filesystem::path& bundle_path,
                         const std::optional<std::filesystem::path>& original_path,
                         const std::string& name, VerifyReport& report);

/// Whether an error tells of damaged content (a problem to report) or of a failure to look at it.
[[nodiscard]] bool is_damage(const Error& error) noexcept;

}  // namespace unweight::bundle
