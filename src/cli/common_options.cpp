// SPDX-License-Identifier: BSD-3-Clause
#include "cli/commands.h"

namespace unweight::cli {
namespace {

// One pattern per option: "--include a --include b". Otherwise CLI11 takes the words that follow,
// SRC and DST, for patterns too, and splits "[ab]" as a list.
void add_pattern_option(CLI::App& app, const std::string& name, std::vector<std::string>& patterns,
                        const std::string& description) {
  app.add_option(name, patterns, description)
      ->type_name("PATTERN")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace

void add_common_options(CLI::App& app, CommonOptions& common) {
  app.add_option("-T,--threads", common.num_threads, "Number of threads; 0: all cores (default)")
      ->type_name("N");
  app.add_flag("-q,--quiet", common.quiet, "Print errors and warnings only; no progress");
  app.add_flag("-v,--verbose", common.verbose, "Say more, e.g. one line per tensor");
  app.add_flag("--json", common.json, "Print one JSON object on standard output, also on errors");
  app.add_flag("--no-progress", common.no_progress,
               "No progress line (there is none unless stderr is a terminal)");
}

void add_filter_options(CLI::App& app, TensorFilter& filter) {
  add_pattern_option(app, "--include", filter.include,
                     "Only tensors whose names match (* ? [a-z]); may be repeated");
  add_pattern_option(app, "--exclude", filter.exclude,
                     "No tensors whose names match; may be repeated, wins over --include");
}

}  // namespace unweight::cli
