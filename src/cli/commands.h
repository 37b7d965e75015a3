// SPDX-License-Identifier: BSD-3-Clause
//
// Every subcommand adds itself to the command line and sets `run` when it was chosen.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>

#include "cli/console.h"
#include "unweight/bundle.h"

namespace unweight::cli {

/// What the parsed command line asks for; returns an exit code.
using Run = std::function<int()>;

void add_compress_command(CLI::App& app, CommonOptions& common, Run& run);
void add_decompress_command(CLI::App& app, CommonOptions& common, Run& run);
void add_verify_command(CLI::App& app, CommonOptions& common, Run& run);
void add_inspect_commands(CLI::App& app, CommonOptions& common, Run& run);
void add_version_command(CLI::App& app, CommonOptions& common, Run& run);

/// -T -q -v --json --no-progress; on the program itself and on every subcommand, so that they may
/// stand before or behind its name.
void add_common_options(CLI::App& app, CommonOptions& common);
/// --include and --exclude.
void add_filter_options(CLI::App& app, TensorFilter& filter);

/// `unweight -t FILE` and `unweight -l PATH`, the short forms of verify and list.
[[nodiscard]] int run_verify(const CommonOptions& common, const std::string& bundle,
                             const std::optional<std::string>& original,
                             const std::string& wanted_device);
[[nodiscard]] int run_list(const CommonOptions& common, const std::string& path);

/// "unweight 0.1.0 (avx512)".
[[nodiscard]] std::string version_line();

}  // namespace unweight::cli
