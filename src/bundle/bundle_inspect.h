// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <filesystem>
#include <string>

#include "bundle/job_context.h"
#include "unweight/bundle.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// Adds one weight file, original or bundle, to the report.
Result<void> inspect_file(JobContext& job, const std::filesystem::path& path,
                          const std::string& name, const InspectOptions& options,
                          InspectReport& report);

}  // namespace unweight::bundle
