// SPDX-License-Identifier: BSD-3-Clause
//
// unweight: lossless compression of BF16 weights. docs/cli.md is the manual.
#include <exception>
#include <new>
#include <sstream>
#include <string>
#include <string_view>

#include "cli/cancel_signal.h"
#include "cli/commands.h"
#include "cli/device_option.h"

namespace unweight::cli {
namespace {

constexpr const char* kFooter =
    "Exit status: 0 done, 1 verify found a difference, 2 any other error, 130 interrupted.\n"
    "'unweight COMMAND --help' explains a command.\n\n"
    "Examples:\n"
    "  unweight compress ./Llama-3.1-8B ./Llama-3.1-8B-uw\n"
    "  unweight verify ./Llama-3.1-8B-uw ./Llama-3.1-8B\n"
    "  unweight decompress ./Llama-3.1-8B-uw ./restored\n"
    "  unweight inspect --html report.html model.safetensors\n";

struct CommandLine {
  CLI::App app{"Lossless compression of BF16 weights: every bit comes back.", "unweight"};
  CommonOptions common;
  Run run;
  std::string test_path, list_path;

  CommandLine() {
    app.require_subcommand(0, 1);
    app.set_version_flag("-V,--version", version_line, "Show version and instruction set");
    app.add_option("-t,--test", test_path, "Short for: verify FILE")->type_name("FILE");
    app.add_option("-l,--list", list_path, "Short for: list PATH")->type_name("PATH");
    add_common_options(app, common);
    add_compress_command(app, common, run);
    add_decompress_command(app, common, run);
    add_verify_command(app, common, run);
    add_inspect_commands(app, common, run);
    add_version_command(app, common, run);
    app.footer(kFooter);
  }

  int execute() {
    const int num_actions =
        (run ? 1 : 0) + (test_path.empty() ? 0 : 1) + (list_path.empty() ? 0 : 1);
    if (num_actions > 1) {
      return report_usage_error(common.json, "-t, -l and a command exclude each other");
    }
    if (run) return run();
    if (!test_path.empty()) return run_verify(common, test_path, std::nullopt, kAutoDevice);
    if (!list_path.empty()) return run_list(common, list_path);
    return report_usage_error(common.json, "a command is required");
  }
};

// The command line may not have been understood, but whoever asks for JSON gets JSON.
bool asks_for_json(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--") return false;
    if (argument == "--json") return true;
  }
  return false;
}

int run_command_line(int argc, const char* const* argv) {
  CommandLine line;
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != static_cast<int>(CLI::ExitCodes::Success)) {
      return report_usage_error(asks_for_json(argc, argv), error.what());
    }
    std::ostringstream text;  // --help, --version
    line.app.exit(error, text, text);
    return write_stdout(text.str());
  }
  return line.execute();
}

}  // namespace
}  // namespace unweight::cli

int main(int argc, char** argv) {
  using namespace unweight::cli;
  install_signal_handlers();
  try {
    return run_command_line(argc, argv);
  } catch (const std::bad_alloc&) {
    problem("out of memory");
  } catch (const std::exception& error) {
    problem(error.what());
  }
  return kExitError;
}
