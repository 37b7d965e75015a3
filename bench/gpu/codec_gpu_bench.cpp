// SPDX-License-Identifier: BSD-3-Clause
//
// Speed of the GPU codec (unweight/gpu.h) on synthetic weights, beside what the memory of the
// device gives in the same run.
//
//   codec_gpu_bench [--results FOLDER] [--only REGEX] [--quick]
//
// Every output is verified on the GPU before it is timed. A time is that of one launch among many
// in a CUDA graph, over copies that four times the L2 cache does not hold: median of 50 replays
// after
// 20. REGEX is searched in "op/weights/NxK/sms". --quick: two matrices, fewer replays. With FOLDER,
// the results go to FOLDER/<date>-<gpu>-codec.json. Exit code 77: no device, nothing ran.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "codec_cases.h"

namespace {

using namespace unweight::bench;

struct Arguments {
  std::string results;
  std::string only;
  bool quick = false;
};

std::optional<Arguments> parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--quick") {
      arguments.quick = true;
      continue;
    }
    std::string* text = name == "--results" ? &arguments.results
                        : name == "--only"  ? &arguments.only
                                            : nullptr;
    if (text == nullptr || ++i == argc) return std::nullopt;
    *text = argv[i];
  }
  return arguments;
}

struct Case {
  std::uint64_t rows = 0, cols = 0;
  Weights weights = Weights::kNormal;
  std::vector<std::uint32_t> sm_limits;
};

std::vector<Case> cases(bool quick) {
  std::vector<Case> all{{14336, 4096, Weights::kNormal, {16, 32, 64}},
                        {4096, 4096, Weights::kNormal, {}}};
  if (quick) return all;
  all.push_back({1024, 4096, Weights::kNormal, {}});
  all.push_back({28672, 4096, Weights::kNormal, {16, 32, 64}});
  all.push_back({4096, 14336, Weights::kNormal, {}});
  for (const Weights weights : {Weights::kStudentT, Weights::kRowScaled, Weights::kOutlierColumns,
                                Weights::kOnePercentZero})
    all.push_back({14336, 4096, weights, {}});
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<Arguments> arguments = parse(argc, argv);
  if (!arguments) {
    fmt::print(stderr, "usage: codec_gpu_bench [--results FOLDER] [--only REGEX] [--quick]\n");
    return 2;
  }
  const std::optional<Machine> machine = find_machine();
  if (!machine) {
    fmt::print("codec_gpu_bench: no Hopper GPU on this machine, nothing was timed\n");
    return kNotRun;
  }
  const auto start = std::chrono::steady_clock::now();
  CodecSettings settings{*machine, measure_ceilings(*machine), {}, {}};
  if (arguments->quick) settings.sampling = {5, 15};
  const std::regex only(arguments->only);
  settings.wanted = [&](const std::string& name) { return std::regex_search(name, only); };
  fmt::print("{} ({} SMs, driver {}, CUDA {}): read {:.2f} TB/s by {}, copy {:.2f} TB/s by {}\n",
             machine->gpu, machine->num_sms, machine->driver, machine->cuda,
             settings.ceilings.read_tb_s, settings.ceilings.read_kernel,
             settings.ceilings.copy_tb_s, settings.ceilings.copy_kernel);

  std::vector<Row> rows;
  for (const Case& c : cases(arguments->quick)) {
    run_codec_case(settings, c.weights, c.rows, c.cols, c.sm_limits, &rows);
    std::fflush(stdout);
  }
  if (!arguments->results.empty()) {
    const std::string path = write_results(
        arguments->results, "codec",
        "GPU codec; us: one launch in a CUDA graph over copies that no cache holds, median of "
        "replays; bits_per_weight: device memory, record and alignment included",
        *machine, settings.ceilings, rows);
    fmt::print("written to {}\n", path);
  }
  fmt::print("{}", format_table(rows, {"op", "N", "K", "weights", "sms", "bits_per_weight", "us",
                                       "us_min", "us_max", "bf16_gb_s", "x_copy_ceiling"}));
  fmt::print("{:.1f} s in all\n",
             std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return 0;
}
