// SPDX-License-Identifier: BSD-3-Clause
//
// Where output goes: messages to stderr, data to stdout, in JSON mode exactly one object on stdout.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "cli/exit_codes.h"
#include "unweight/result.h"

namespace unweight::cli {

/// Options that every subcommand takes.
struct CommonOptions {
  unsigned num_threads = 0;  ///< 0: all cores
  bool quiet = false;
  bool verbose = false;
  bool json = false;
  bool no_progress = false;
  [[nodiscard]] bool show_progress() const noexcept { return !quiet && !no_progress; }
};

/// A line on stderr: "unweight: message". note() is silent under --quiet, warn() and problem() are
/// not. The text must be clean (terminal_text) where it carries names from files.
void note(const CommonOptions& options, std::string_view message);
void warn(std::string_view message);
void problem(std::string_view message);

/// Data for stdout. kExitOk, or kExitError (disk full) or kExitBrokenPipe (quietly).
[[nodiscard]] int write_stdout(std::string_view data);
/// One JSON object as one line on stdout; invalid UTF-8 in it becomes U+FFFD.
[[nodiscard]] int write_json(const nlohmann::ordered_json& object);

/// Reports an error the way `options` asks for and returns the exit code that belongs to it:
/// kExitInterrupted for a cancelled call, else kExitError.
[[nodiscard]] int report_error(const CommonOptions& options, const Error& error);
/// The same for wrong usage, which is no library error (code "usage").
[[nodiscard]] int report_usage_error(bool json, std::string_view message);

}  // namespace unweight::cli
