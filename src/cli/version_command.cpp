// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "unweight/version.h"

namespace unweight::cli {

std::string version_line() {
  return fmt::format("unweight {} ({})", UNWEIGHT_VERSION_STRING, codec_isa());
}

void add_version_command(CLI::App& app, CommonOptions& common, Run& run) {
  CLI::App* command =
      app.add_subcommand("version", "Show the version and the instruction set in use");
  add_common_options(*command, common);
  command->callback([&common, &run] {
    run = [&common] {
      if (!common.json) return write_stdout(version_line() + "\n");
      return write_json({{"ok", true},
                         {"command", "version"},
                         {"version", UNWEIGHT_VERSION_STRING},
                         {"isa", codec_isa()}});
    };
  });
}

}  // namespace unweight::cli
