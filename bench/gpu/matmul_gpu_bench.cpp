// SPDX-License-Identifier: BSD-3-Clause
//
// Speed of matmuls from compressed weights (unweight/gpu_matmul.h), beside the best of cuBLAS and
// cuBLASLt on BF16 weights in the same run.
//
//   matmul_gpu_bench [--shapes NxK,...] [--m M,...] [--forms palette,radix,exponents,tiles]
//                    [--weights normal|student_t|...]
//                    [--quick] [--plain-only | --dependent-only] [--no-baseline]
//                    [--no-check] [--config TEXT]... [--results FOLDER]
//                    [--sweep [--kernel mma|wgmma] [--verbose]]
//
// Every result is checked before it is timed: against plain loops and cuBLAS, against a second run,
// and bit for bit between forms. A time is that of one launch among many back to back in a CUDA
// graph, over copies of the weights that four times the L2 cache does not hold: median of replays,
// about 60 ms of device time for each way to do it, in turns (bounded_timing.h). --config forces
// one (matmul_config_text.h); with --sweep, several are what is tried. With FOLDER, the results go
// to FOLDER/<date>-<gpu>-matmul.json.
// --sweep looks for the best configs instead; it writes FOLDER/sweep.json and prints lines for the
// table of tuned configs. Exit code 77: no device, nothing ran; 1: something was wrong.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "bench_machine.h"
#include "bench_results.h"
#include "blas_baseline.h"
#include "ceilings.h"
#include "gpu/device_memory.h"
#include "matmul_cases.h"
#include "matmul_options.h"
#include "matmul_rows.h"
#include "matmul_shape.h"
#include "matmul_sweep.h"

namespace {

using namespace unweight::bench;

constexpr std::uint64_t kMostTokensOfOddWeights = 128;

constexpr const char* kWhat =
    "Y = X W^T from compressed weights; us: one launch in a CUDA graph over copies that no cache "
    "holds, in turns, median of replays; baseline: the fastest of cublasGemmEx and 8 heuristics of "
    "cuBLASLt; speedup: baseline_us / us; bits_per_weight: device memory, record and alignment "
    "included";

std::unique_ptr<BlasBaseline> make_baseline(const MatmulArguments& arguments) {
  if (!arguments.baseline) return nullptr;
  std::unique_ptr<BlasBaseline> blas = BlasBaseline::create();
  if (blas == nullptr) {
    fmt::print(
        "**** NO BASELINE: built without cuBLAS, so nothing here is a speed-up over anything "
        "****\n");
  }
  return blas;
}

/// handle(shape, M) for everything that was asked for; the weights of one shape at a time.
template <typename Handle>
void for_each_case(const MatmulArguments& arguments, const Machine& machine, bool with_rows,
                   const Handle& handle) {
  const auto stream = take(unweight::gpu::OwnedStream::create(), "stream");
  for (const WeightShape& shape : arguments.shapes) {
    const auto start = std::chrono::steady_clock::now();
    const MatmulShape data(arguments, shape, with_rows, machine.l2_bytes, stream.get());
    for (const std::uint64_t m : arguments.tokens) {
      // What weights are like matters where decoding them does.
      if (!arguments.weights && shape.weights != Weights::kNormal && m > kMostTokensOfOddWeights)
        continue;
      handle(data, m);
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    fmt::print("{} x {}, {}: {:.1f} s\n", shape.n, shape.k, weights_name(shape.weights),
               seconds.count());
    std::fflush(stdout);
  }
}

std::uint32_t run_cases(const MatmulArguments& arguments, const Machine& machine,
                        const Ceilings& ceilings, BlasBaseline* blas) {
  MatmulRun run;
  run.arguments = &arguments;
  run.blas = blas;
  if (arguments.quick) run.budget.total_us = 15'000;
  for_each_case(
      arguments, machine, blas != nullptr,
      [&](const MatmulShape& shape, std::uint64_t m) { run_matmul_case(shape, m, &run); });
  if (!arguments.results.empty()) {
    fmt::print("written to {}\n", write_results(arguments.results, "matmul", kWhat, machine,
                                                ceilings, result_rows(run.results, ceilings)));
  }
  fmt::print("{}", matmul_summary(run.results));
  return run.num_failed;
}

std::uint32_t run_sweep(const MatmulArguments& arguments, const Machine& machine,
                        const Ceilings& ceilings, BlasBaseline* blas) {
  MatmulSweep sweep;
  sweep.arguments = &arguments;
  sweep.blas = blas;
  sweep.machine = &machine;
  const std::string path = arguments.results + "/sweep.json";
  for_each_case(
      arguments, machine, blas != nullptr, [&](const MatmulShape& shape, std::uint64_t m) {
        sweep_matmul_case(shape, m, &sweep);
        // After every case: what a run that is cut off has found is not lost.
        if (!arguments.results.empty())
          write_results_file(path, kWhat, machine, ceilings, result_rows(sweep.results, ceilings));
      });
  fmt::print("\n// {}, {}\n", machine.gpu,
             arguments.dependent ? "by dependent launches" : "by plain launches");
  for (const std::string& line : sweep.tuned_lines) fmt::print("{}\n", line);
  return sweep.num_failed;
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = parse_matmul_arguments(argc, argv);
  if (!arguments) {
    fmt::print(stderr, "{}", kMatmulUsage);
    return 2;
  }
  const auto machine = find_machine();
  if (!machine) {
    fmt::print("matmul_gpu_bench: no Hopper GPU on this machine, nothing was timed\n");
    return kNotRun;
  }
  const auto start = std::chrono::steady_clock::now();
  const Ceilings ceilings = measure_ceilings(*machine);
  fmt::print("{} ({} SMs, driver {}, CUDA {}): read {:.2f} TB/s by {}\n", machine->gpu,
             machine->num_sms, machine->driver, machine->cuda, ceilings.read_tb_s,
             ceilings.read_kernel);
  const std::unique_ptr<BlasBaseline> blas = make_baseline(*arguments);
  const std::uint32_t num_failed = arguments->sweep
                                       ? run_sweep(*arguments, *machine, ceilings, blas.get())
                                       : run_cases(*arguments, *machine, ceilings, blas.get());
  fmt::print("{:.1f} s in all\n",
             std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  if (num_failed != 0) fmt::print("{} FAILED\n", num_failed);
  return num_failed == 0 ? 0 : 1;
}
