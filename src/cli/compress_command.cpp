// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <map>
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

struct CompressArguments {
  std::string source, destination, family = "auto", device = kAutoDevice;
  bool no_resume = false;
  bool no_self_check = false;
  CompressOptions options;
};

constexpr const char* kCompressExamples =
    "Examples:\n"
    "  unweight compress model.safetensors model.uw.safetensors\n"
    "  unweight compress ./Llama-3.1-8B ./Llama-3.1-8B-uw\n"
    "  unweight compress --dry-run --exclude '*embed*' ./model ./model-uw\n";

void note_tensors(const CommonOptions& common, const CompressReport& report) {
  for (const TensorReport& tensor : report.tensors) {
    note(common,
         fmt::format("{}: {} -> {} {}{}", terminal_text(tensor.name),
                     human_bytes(static_cast<double>(tensor.original_bytes)),
                     human_bytes(static_cast<double>(tensor.stored_bytes)),
                     family_name(tensor.family),
                     tensor.reason.empty() ? "" : " (" + terminal_text(tensor.reason) + ")"));
  }
}

void note_summary(const CommonOptions& common, const CompressArguments& arguments,
                  const CompressReport& report) {
  std::uint64_t num_packed = 0, num_weights = 0, weight_bytes = 0;
  for (const TensorReport& tensor : report.tensors) {
    if (tensor.family != Family::kRaw) ++num_packed;
    if (tensor.dtype != "BF16") continue;
    num_weights += tensor.num_elems;
    weight_bytes += tensor.stored_bytes;
  }
  if (report.num_files_resumed > 0) {
    note(common, fmt::format("{} of {} files were finished by an earlier run",
                             report.num_files_resumed, report.num_files));
  }
  const double rate =
      report.seconds > 0 ? static_cast<double>(report.original_bytes) / report.seconds : 0;
  note(common,
       fmt::format("{}{}: {} -> {} ({}, {} bits/weight), {} of {} tensors packed, {}, {}",
                   arguments.options.dry_run ? "dry run, nothing written: " : "",
                   terminal_text(arguments.source),
                   human_bytes(static_cast<double>(report.original_bytes)),
                   human_bytes(static_cast<double>(report.stored_bytes)),
                   human_ratio(compression_ratio(report.original_bytes, report.stored_bytes)),
                   human_number(bits_per_weight(weight_bytes, num_weights), 2), num_packed,
                   report.tensors.size(), human_duration(report.seconds), human_rate(rate)));
}

int run_compress(const CommonOptions& common, CompressArguments& arguments) {
  static const std::map<std::string, std::optional<Family>> kFamilies = {
      {"auto", std::nullopt},
      {"raw", Family::kRaw},
      {"palette", Family::kPalette},
      {"huffman", Family::kHuffman},
      {"radix", Family::kRadix}};
  CompressOptions& options = arguments.options;
  options.family = kFamilies.at(arguments.family);
  options.num_threads = common.num_threads;
  options.resume = !arguments.no_resume;
  options.self_check = !arguments.no_self_check;

  auto device =
      choose_device(arguments.device, Task::kCompress, arguments.source, common.num_threads);
  if (!device) return report_error(common, device.error());
  options.engine = std::move(device->engine);
  ProgressBar bar(options.dry_run ? "analyze" : "compress", common.show_progress());
  options.progress = [&bar](const Progress& progress) { return bar.update(progress); };
  const auto report = compress(arguments.source, arguments.destination, options);
  bar.finish();
  if (!report) return report_error(common, report.error());

  for (const std::string& warning : report->warnings) warn(terminal_text(warning));
  if (common.verbose) {
    note_tensors(common, *report);
    note(common, "device: " + device->name);
  }
  note_summary(common, arguments, *report);
  if (!common.json) return kExitOk;
  return write_json(compress_json(*report, arguments.source, arguments.destination, options.dry_run,
                                  device->name));
}

}  // namespace

void add_compress_command(CLI::App& app, CommonOptions& common, Run& run) {
  auto arguments = std::make_shared<CompressArguments>();
  CLI::App* command =
      app.add_subcommand("compress", "Compress a .safetensors file or a model directory");
  command->add_option("SRC", arguments->source, "File or directory; never modified")
      ->type_name("")
      ->required();
  command->add_option("DST", arguments->destination, "Bundle to write")->type_name("")->required();
  command
      ->add_option("--family", arguments->family,
                   "auto (default: huffman or palette, the smallest for each tensor), huffman, "
                   "palette, radix or raw")
      ->check(CLI::IsMember({"auto", "raw", "palette", "huffman", "radix"}))
      ->type_name("NAME");
  add_filter_options(*command, arguments->options.filter);
  add_device_option(*command, arguments->device);
  command->add_flag("-f,--force", arguments->options.overwrite, "Replace an existing DST");
  command->add_flag("--dry-run", arguments->options.dry_run,
                    "Analyse and report sizes, write nothing");
  command->add_flag("--no-resume", arguments->no_resume,
                    "Start again where an earlier run left a directory unfinished");
  command->add_flag("--no-self-check", arguments->no_self_check,
                    "Do not decode and compare every chunk while compressing");
  add_common_options(*command, common);
  command->footer(kCompressExamples);
  command->callback([&common, &run, arguments] {
    run = [&common, arguments] { return run_compress(common, *arguments); };
  });
}

}  // namespace unweight::cli
