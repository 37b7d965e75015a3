// SPDX-License-Identifier: BSD-3-Clause
#include "matmul_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bench_machine.h"
#include "matmul_config_text.h"

namespace unweight::bench {
namespace {

using gpu::WeightForm;

constexpr std::uint64_t kSampledTokens = 64;
constexpr std::uint64_t kFewestTokensForDecode = 256;
/// Enough to tell which plans of cuBLAS are the fastest.
constexpr TimeBudget kTrial{4'000, 500, 7};
constexpr std::size_t kTimedPlans = 2;

MatmulResult result_of(const MatmulShape& shape, std::uint64_t m, WeightForm form,
                       const std::vector<TimedPlan>& blas) {
  MatmulResult result;
  result.n = shape.n();
  result.k = shape.k();
  result.m = m;
  result.format = gpu::weight_form_name(form);
  result.bits_per_weight = shape.bits_per_weight(form);
  result.stored_bytes = shape.stored_bytes(form);
  if (!blas.empty()) result.baseline = BlasTime{blas.front().plan.name, blas.front().us};
  return result;
}

LaunchGraph::Enqueue enqueue_of(const MatmulShape& shape, std::uint64_t m, const BlasPlan& plan) {
  return [&shape, m, &plan](std::uint32_t copy, cudaStream_t stream) {
    plan.enqueue(shape.rows(copy), shape.x(m).data, shape.y(0, m).data, stream);
  };
}

void time_fused(const FusedMatmul& matmul, const std::vector<TimedPlan>& blas, MatmulRun* run) {
  for (const bool dependent : {false, true}) {
    if (!(dependent ? run->arguments->dependent : run->arguments->plain)) continue;
    MatmulResult result = result_of(*matmul.shape, matmul.m, matmul.form, blas);
    result.path = dependent ? kFusedDependent : kFusedPlain;
    result.config = config_text(matmul.config);
    result.timing = matmul.time(run->budget, dependent);
    run->results.push_back(std::move(result));
  }
}

void time_decode_then_blas(const MatmulShape& shape, std::uint64_t m,
                           const std::vector<TimedPlan>& blas, MatmulRun* run) {
  MatmulResult result = result_of(shape, m, WeightForm::kPalette, blas);
  result.path = kDecodeThenBlas;
  result.config = blas.front().plan.name;
  result.timing = time_within(run->budget, shape.num_copies(), shape.stream(),
                              [&](std::uint32_t copy, cudaStream_t stream) {
                                const gpu::PackedTensor tensor =
                                    shape.weights(WeightForm::kPalette, copy).packed;
                                require(gpu::decode(tensor, shape.decoded(), stream), "decode");
                                blas.front().plan.enqueue(shape.decoded().data, shape.x(m).data,
                                                          shape.y(0, m).data, stream);
                              });
  run->results.push_back(std::move(result));
}

}  // namespace

Result<void> FusedMatmul::try_run(std::uint32_t copy, std::uint32_t which, bool dependent,
                                  cudaStream_t stream) const {
  gpu::MatmulOptions options;
  options.dependent_launch = dependent;
  return gpu::matmul(shape->weights(form, copy), shape->x(m), shape->y(which, m), config, stream,
                     {}, options);
}

Timing FusedMatmul::time(const TimeBudget& budget, bool dependent) const {
  const std::string name = describe(*this);
  return time_within(budget, shape->num_copies(), shape->stream(),
                     [&](std::uint32_t copy, cudaStream_t stream) {
                       require(try_run(copy, 0, dependent, stream), name.c_str());
                     });
}

std::string describe(const FusedMatmul& matmul) {
  return fmt::format("{} x {}, M {}, {}, {}", matmul.shape->n(), matmul.shape->k(), matmul.m,
                     gpu::weight_form_name(matmul.form), config_text(matmul.config));
}

// ---- checks -------------------------------------------------------------------------------------

MatmulChecker::MatmulChecker(const MatmulShape& shape, std::uint64_t m, const BlasPlan* blas,
                             bool dependent)
    : shape_(shape),
      dependent_(dependent),
      sample_(sample_tokens(m, kSampledTokens)),
      reference_(take(gpu::DeviceBuffer::allocate(sizeof(float) * sample_.num_sampled * shape.n()),
                      "reference")) {
  const std::uint16_t* x = shape.x(m).data;
  reference_matmul(shape.original(), x, shape.n(), shape.k(), sample_, reference_.as<float>(),
                   shape.stream());
  if (blas == nullptr) return;
  blas_y_ = take(gpu::DeviceBuffer::allocate(2 * m * shape.n()), "y of cuBLAS");
  blas->enqueue(shape.original(), x, blas_y_.as<std::uint16_t>(), shape.stream());
}

std::string MatmulChecker::problem_of_y() const {
  const std::uint64_t n = shape_.n(), m = sample_.m;
  const auto verdict = [](const Deviation& d, const char* than) {
    if (d.is_fine()) return std::string();
    return fmt::format("other than {}: relative error {:.2e}, {} elements off, {} not finite", than,
                       d.relative, d.num_off, d.num_not_finite);
  };
  const std::uint16_t* y = shape_.y(0, m).data;
  std::string problem =
      verdict(deviation(y, n, sample_, reference_.as<float>(), shape_.stream()), "plain loops");
  if (problem.empty() && blas_y_.bytes() != 0)
    problem =
        verdict(deviation(y, n, sample_tokens(m, m), blas_y_.as<std::uint16_t>(), shape_.stream()),
                "cuBLAS");
  return problem;
}

std::string MatmulChecker::run_and_compare(const FusedMatmul& matmul, bool dependent,
                                           const char* what) const {
  shape_.poison_y(1, matmul.m);
  const Result<void> started = matmul.try_run(0, 1, dependent, shape_.stream());
  if (!started) return fmt::format("{}: {}", what, started.error().message);
  require(cudaStreamSynchronize(shape_.stream()), describe(matmul).c_str());
  const std::uint64_t different =
      count_differences(shape_.y(0, matmul.m).data, shape_.y(1, matmul.m).data,
                        matmul.m * shape_.n(), shape_.stream());
  return different == 0 ? "" : fmt::format("{}: {} elements differ", what, different);
}

std::string MatmulChecker::problem_of(const FusedMatmul& matmul) const {
  shape_.poison_y(0, matmul.m);
  const Result<void> started = matmul.try_run(0, 0, false, shape_.stream());
  if (!started) return started.error().message;
  require(cudaStreamSynchronize(shape_.stream()), describe(matmul).c_str());
  std::string problem = problem_of_y();
  if (problem.empty()) problem = run_and_compare(matmul, false, "a second run");
  if (problem.empty() && dependent_) problem = run_and_compare(matmul, true, "a dependent launch");
  FusedMatmul palette = matmul;
  palette.form = WeightForm::kPalette;
  if (problem.empty() && matmul.form != WeightForm::kPalette &&
      gpu::can_implement(palette.problem(), palette.config))
    problem = run_and_compare(palette, false, "the palette under the same config");
  return problem;
}

// ---- a case -------------------------------------------------------------------------------------

std::vector<TimedPlan> time_blas(const MatmulShape& shape, std::uint64_t m, BlasBaseline* blas,
                                 const TimeBudget& budget) {
  std::vector<TimedPlan> timed;
  if (blas == nullptr) return timed;
  const auto faster = [](const TimedPlan& a, const TimedPlan& b) { return a.us < b.us; };
  for (BlasPlan& plan : blas->plans(shape.n(), shape.k(), m)) {
    const double us =
        time_within(kTrial, shape.num_copies(), shape.stream(), enqueue_of(shape, m, plan)).us;
    timed.push_back({std::move(plan), us});
  }
  std::sort(timed.begin(), timed.end(), faster);
  timed.resize(std::min(timed.size(), kTimedPlans));
  for (TimedPlan& t : timed)
    t.us = time_within(budget, shape.num_copies(), shape.stream(), enqueue_of(shape, m, t.plan)).us;
  std::sort(timed.begin(), timed.end(), faster);
  return timed;
}

void run_matmul_case(const MatmulShape& shape, std::uint64_t m, MatmulRun* run) {
  const MatmulArguments& arguments = *run->arguments;
  const std::vector<TimedPlan> blas = time_blas(shape, m, run->blas, run->budget);
  std::optional<MatmulChecker> checker;
  if (arguments.check)
    checker.emplace(shape, m, blas.empty() ? nullptr : &blas.front().plan, arguments.dependent);

  for (const WeightForm form : arguments.forms) {
    FusedMatmul matmul{&shape, form, {}, m};
    const Result<gpu::MatmulConfig> config = !arguments.configs.empty()
                                                 ? Result<gpu::MatmulConfig>(arguments.configs[0])
                                                 : gpu::plan_matmul(matmul.problem());
    if (config) matmul.config = config.value();
    const Result<void> runs =
        config ? gpu::can_implement(matmul.problem(), matmul.config) : Result<void>(config.error());
    if (!runs) {
      fmt::print("{} x {}, M {}, {}: not run, {}\n", shape.n(), shape.k(), m,
                 gpu::weight_form_name(form), runs.error().message);
      continue;
    }
    const std::string problem = checker ? checker->problem_of(matmul) : "";
    if (!problem.empty()) {
      ++run->num_failed;
      fmt::print("FAILED {}: {}\n", describe(matmul), problem);
      continue;  // what is wrong has no speed
    }
    time_fused(matmul, blas, run);
  }
  if (!blas.empty() && m >= kFewestTokensForDecode && arguments.has(WeightForm::kPalette))
    time_decode_then_blas(shape, m, blas, run);
}

}  // namespace unweight::bench
