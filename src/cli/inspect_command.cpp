// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/html_report.h"
#include "cli/inspect_table.h"
#include "cli/json_report.h"
#include "cli/progress_bar.h"
#include "cli/terminal_text.h"

namespace unweight::cli {
namespace {

struct InspectArguments {
  std::string path, html, sort = "file";
  bool force = false;
  std::size_t limit = 0;
  InspectOptions options;
};

const std::map<std::string, TableSort>& sort_names() {
  static const std::map<std::string, TableSort> kNames = {
      {"file", TableSort::kFile},     {"name", TableSort::kName}, {"size", TableSort::kSize},
      {"stored", TableSort::kStored}, {"bits", TableSort::kBits}, {"entropy", TableSort::kEntropy}};
  return kNames;
}

constexpr const char* kInspectExamples =
    "Sizes of an original are what compress would make of it. b/w: stored bits per weight.\n\n"
    "Examples:\n"
    "  unweight inspect ./Llama-3.1-8B\n"
    "  unweight inspect --sort bits --limit 20 model.safetensors\n"
    "  unweight inspect --html report.html ./Llama-3.1-8B-uw\n"
    "  unweight inspect --json model.safetensors | jq .compression_ratio\n";

std::size_t stdout_columns() {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
    return size.ws_col;
  return 0;
}

// Before minutes of analysis, not after them; the write itself checks again.
Result<void> check_html_target(const InspectArguments& arguments) {
  std::error_code ignored;
  if (arguments.html.empty() || arguments.force) return {};
  if (!std::filesystem::exists(std::filesystem::symlink_status(arguments.html, ignored))) return {};
  return Error{ErrorCode::kAlreadyExists, arguments.html + " exists"};
}

int write_html(const CommonOptions& common, const InspectArguments& arguments,
               const InspectReport& report) {
  const std::string page = render_html_report(report, version_line());
  const auto written =
      write_small_file(arguments.html, std::as_bytes(std::span(page)), arguments.force);
  if (!written) return report_error(common, written.error());
  note(common, "report written to " + terminal_text(arguments.html));
  return kExitOk;
}

int run_inspect(const CommonOptions& common, InspectArguments& arguments) {
  if (const auto free = check_html_target(arguments); !free) {
    return report_error(common, free.error());
  }
  InspectOptions& options = arguments.options;
  options.num_threads = common.num_threads;
  ProgressBar bar("inspect", common.show_progress());
  options.progress = [&bar](const Progress& progress) { return bar.update(progress); };
  const auto report = inspect(arguments.path, options);
  bar.finish();
  if (!report) return report_error(common, report.error());

  if (!arguments.html.empty()) {
    if (const int code = write_html(common, arguments, *report); code != kExitOk) return code;
  }
  if (common.json) {
    auto json = inspect_json(*report, options.statistics);
    if (!arguments.html.empty()) json["html"] = arguments.html;
    return write_json(json);
  }
  std::string text;
  if (arguments.html.empty()) {
    text = render_inspect_table(*report, {.sort = sort_names().at(arguments.sort),
                                          .limit = arguments.limit,
                                          .statistics = options.statistics,
                                          .max_columns = stdout_columns()}) +
           "\n";
  }
  return write_stdout(text + render_inspect_totals(*report, options.statistics));
}

CLI::App* add_table_command(CLI::App& app, const std::string& name, const std::string& description,
                            CommonOptions& common, Run& run,
                            const std::shared_ptr<InspectArguments>& arguments) {
  CLI::App* command = app.add_subcommand(name, description);
  command->add_option("PATH", arguments->path, "File, directory or bundle")
      ->required()
      ->type_name("");
  std::vector<std::string> names;
  for (const auto& entry : sort_names()) names.push_back(entry.first);
  command
      ->add_option("--sort", arguments->sort,
                   "Order of the table: file (default), name, size, stored, bits or entropy")
      ->check(CLI::IsMember(names))
      ->type_name("KEY");
  command->add_option("--limit", arguments->limit, "Rows of the table; 0: all (default)")
      ->type_name("N");
  add_filter_options(*command, arguments->options.filter);
  add_common_options(*command, common);
  command->callback([&common, &run, arguments] {
    run = [&common, arguments] { return run_inspect(common, *arguments); };
  });
  return command;
}

}  // namespace

int run_list(const CommonOptions& common, const std::string& path) {
  InspectArguments arguments;
  arguments.path = path;
  arguments.options.statistics = false;
  return run_inspect(common, arguments);
}

void add_inspect_commands(CLI::App& app, CommonOptions& common, Run& run) {
  auto inspect_arguments = std::make_shared<InspectArguments>();
  CLI::App* inspect_app =
      add_table_command(app, "inspect", "Show tensors, exponent statistics and what they cost",
                        common, run, inspect_arguments);
  inspect_app
      ->add_option("--html", inspect_arguments->html,
                   "Write a self-contained report with charts instead of the table")
      ->type_name("FILE");
  inspect_app->add_flag("-f,--force", inspect_arguments->force, "Replace an existing FILE");
  inspect_app->footer(kInspectExamples);

  auto list_arguments = std::make_shared<InspectArguments>();
  list_arguments->options.statistics = false;
  add_table_command(app, "list", "Show tensors from the headers only; nothing is decoded", common,
                    run, list_arguments);
}

}  // namespace unweight::cli
