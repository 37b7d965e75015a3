// SPDX-License-Identifier: BSD-3-Clause
//
// What --json prints. docs/cli.md lists every key; keys are only ever added.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "unweight/bundle.h"

namespace unweight::cli {

/// `device`: what the work was done on, "cpu" or "cuda:0".
[[nodiscard]] nlohmann::ordered_json compress_json(const CompressReport& report,
                                                   const std::filesystem::path& source,
                                                   const std::filesystem::path& destination,
                                                   bool dry_run, const std::string& device);
[[nodiscard]] nlohmann::ordered_json decompress_json(const DecompressReport& report,
                                                     const std::filesystem::path& bundle,
                                                     const std::filesystem::path& destination,
                                                     bool dry_run, const std::string& device);
[[nodiscard]] nlohmann::ordered_json verify_json(const VerifyReport& report,
                                                 const std::filesystem::path& bundle,
                                                 const std::string& device);
/// Without statistics nothing is known about what an original would shrink to: those values are
/// null.
[[nodiscard]] nlohmann::ordered_json inspect_json(const InspectReport& report, bool statistics);

}  // namespace unweight::cli
