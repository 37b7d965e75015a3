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

struct VerifyArguments {
  std::string bundle, device = kAutoDevice;
  std::optional<std::string> original;
};

constexpr const char* kVerifyExamples =
    "Exit status: 0 all is well, 1 a difference or damage was found, 2 it could not be checked.\n\n"
    "Examples:\n"
    "  unweight verify model.uw.safetensors\n"
    "  unweight verify ./Llama-3.1-8B-uw ./Llama-3.1-8B\n"
    "  unweight -t model.uw.safetensors\n";

void note_result(const CommonOptions& common, const std::string& bundle,
                 const VerifyReport& report) {
  for (const std::string& text : report.problems) problem(terminal_text(text));
  if (!report.ok()) {
    problem(fmt::format("{}: {} problem{} found", terminal_text(bundle), report.problems.size(),
                        report.problems.size() == 1 ? "" : "s"));
    return;
  }
  const double rate =
      report.seconds > 0 ? static_cast<double>(report.original_bytes) / report.seconds : 0;
  note(common, fmt::format("{}: ok, {} ({} tensors, {} packed, {}, {}, {})", terminal_text(bundle),
                           report.compared_with_original ? "every byte equals the original"
                                                         : "checksums hold and everything decodes",
                           report.num_tensors, report.num_packed,
                           human_bytes(static_cast<double>(report.original_bytes)),
                           human_duration(report.seconds), human_rate(rate)));
}

}  // namespace

int run_verify(const CommonOptions& common, const std::string& bundle,
               const std::optional<std::string>& original, const std::string& wanted_device) {
  auto device = choose_device(wanted_device, Task::kVerify, bundle, common.num_threads);
  if (!device) return report_error(common, device.error());
  VerifyOptions options;
  options.engine = std::move(device->engine);
  options.num_threads = common.num_threads;
  ProgressBar bar("verify", common.show_progress());
  options.progress = [&bar](const Progress& progress) { return bar.update(progress); };
  std::optional<std::filesystem::path> original_path;
  if (original) original_path = *original;
  const auto report = verify(bundle, original_path, options);
  bar.finish();
  if (!report) {
    const int code = report_error(common, report.error());
    const bool damaged = report.error().code == ErrorCode::kChecksumMismatch;
    return code == kExitError && damaged ? static_cast<int>(kExitMismatch) : code;
  }
  if (common.verbose) note(common, "device: " + device->name);
  note_result(common, bundle, *report);
  if (common.json) {
    if (const int code = write_json(verify_json(*report, bundle, device->name)); code != kExitOk)
      return code;
  }
  return report->ok() ? kExitOk : kExitMismatch;
}

void add_verify_command(CLI::App& app, CommonOptions& common, Run& run) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* command = app.add_subcommand(
      "verify", "Check a bundle's checksums, decode it, compare it with the original");
  command->alias("test");
  command->add_option("BUNDLE", arguments->bundle, "Bundle to check")->type_name("")->required();
  command->add_option("ORIGINAL", arguments->original, "What it was made from: compare every byte")
      ->type_name("");
  add_device_option(*command, arguments->device);
  add_common_options(*command, common);
  command->footer(kVerifyExamples);
  command->callback([&common, &run, arguments] {
    run = [&common, arguments] {
      return run_verify(common, arguments->bundle, arguments->original, arguments->device);
    };
  });
}

}  // namespace unweight::cli
