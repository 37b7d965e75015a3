// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/commands.h"
#include "cli/device_option.h"
#include "cli/human_units.h"
#include "cli/json_report.h"
#include "cli/progress_bar.h"
#include "cli/terminal_text.h"

namespace unweight::cli {
namespace {

struct DecompressArguments {
  std::string bundle, destination, device = kAutoDevice;
  DecompressOptions options;
};

constexpr const char* kDecompressExamples =
    "Examples:\n"
    "  unweight decompress model.uw.safetensors model.safetensors\n"
    "  unweight decompress ./Llama-3.1-8B-uw ./Llama-3.1-8B\n";

int run_decompress(const CommonOptions& common, DecompressArguments& arguments) {
  DecompressOptions& options = arguments.options;
  options.num_threads = common.num_threads;
  auto device =
      choose_device(arguments.device, Task::kDecompress, arguments.bundle, common.num_threads);
  if (!device) return report_error(common, device.error());
  options.engine = std::move(device->engine);
  ProgressBar bar(options.dry_run ? "check" : "decompress", common.show_progress());
  options.progress = [&bar](const Progress& progress) { return bar.update(progress); };
  const auto report = decompress(arguments.bundle, arguments.destination, options);
  bar.finish();
  if (!report) return report_error(common, report.error());

  if (common.verbose) note(common, "device: " + device->name);
  const double rate =
      report->seconds > 0 ? static_cast<double>(report->restored_bytes) / report->seconds : 0;
  note(common,
       fmt::format("{}{}: {} -> {}, {}, {}", options.dry_run ? "dry run, nothing written: " : "",
                   terminal_text(arguments.bundle),
                   human_bytes(static_cast<double>(report->stored_bytes)),
                   human_bytes(static_cast<double>(report->restored_bytes)),
                   human_duration(report->seconds), human_rate(rate)));
  if (!common.json) return kExitOk;
  return write_json(decompress_json(*report, arguments.bundle, arguments.destination,
                                    options.dry_run, device->name));
}

}  // namespace

void add_decompress_command(CLI::App& app, CommonOptions& common, Run& run) {
  auto arguments = std::make_shared<DecompressArguments>();
  CLI::App* command =
      app.add_subcommand("decompress", "Restore the original file or directory, every byte of it");
  command->add_option("SRC", arguments->bundle, "Bundle; never modified")
      ->type_name("")
      ->required();
  command->add_option("DST", arguments->destination, "File or directory to write")
      ->type_name("")
      ->required();
  add_device_option(*command, arguments->device);
  command->add_flag("-f,--force", arguments->options.overwrite, "Replace an existing DST");
  command->add_flag("--dry-run", arguments->options.dry_run, "Check and report, write nothing");
  add_common_options(*command, common);
  command->footer(kDecompressExamples);
  command->callback([&common, &run, arguments] {
    run = [&common, arguments] { return run_decompress(common, *arguments); };
  });
}

}  // namespace unweight::cli
