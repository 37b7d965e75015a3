// SPDX-License-Identifier: BSD-3-Clause
#include "matmul_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <utility>

#include "bench_machine.h"
#include "matmul_config_text.h"

namespace unweight::bench {
namespace {

using gpu::WeightForm;

constexpr std::uint64_t kSampledTokens = 64;
constexpr std::uint64_t kFewestTokensForDecode = 256;
/// Enough to tell which plans of cuBLAS are the fastest.
constexpr TimeBudget kTrial{4'000, 500, 12};
constexpr std::size_t kTimedPlans = 2;

/// What is timed of a case, and what is known of it before.
struct CaseTimings {
  std::vector<Contestant> contestants;
  std::vector<MatmulResult> results;

  void add(MatmulResult result, const char* path, std::string config, Contestant contestant) {
    result.path = path;
    result.config = std::move(config);
    results.push_back(std::move(result));
    contestants.push_back(std::move(contestant));
  }
};

Contestant decode_then_blas(const MatmulShape& shape, std::uint64_t m, const BlasPlan& plan) {
  return {shape.num_copies(), [&shape, m, &plan](std::uint32_t copy, cudaStream_t stream) {
            const gpu::PackedTensor tensor = shape.weights(WeightForm::kPalette, copy).packed;
            require(gpu::decode(tensor, shape.decoded(), stream), "decode");
            plan.enqueue(shape.decoded().data, shape.x(m).data, shape.y(0, m).data, stream);
          }};
}

}  // namespace

Result<void> FusedMatmul::try_run(std::uint32_t copy, std::uint32_t which, bool dependent,
                                  cudaStream_t stream) const {
  gpu::MatmulOptions options;
  options.dependent_launch = dependent;
  options.workspace = shape->workspace().data();
  options.workspace_bytes = shape->workspace().bytes();
  return gpu::matmul(shape->weights(form, copy), shape->x(m), shape->y(which, m), config, stream,
                     {}, options);
}

Contestant FusedMatmul::contestant(bool dependent) const {
  return {shape->num_copies(),
          [this, dependent, name = describe(*this)](std::uint32_t copy, cudaStream_t stream) {
            require(try_run(copy, 0, dependent, stream), name.c_str());
          }};
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

MatmulResult result_of(const MatmulShape& shape, std::uint64_t m, WeightForm form) {
  MatmulResult result;
  result.n = shape.n();
  result.k = shape.k();
  result.m = m;
  result.weights = weights_name(shape.kind());
  result.format = gpu::weight_form_name(form);
  result.bits_per_weight = shape.bits_per_weight(form);
  result.stored_bytes = shape.stored_bytes(form);
  return result;
}

std::vector<BlasPlan> best_blas_plans(const MatmulShape& shape, std::uint64_t m,
                                      BlasBaseline* blas) {
  if (blas == nullptr) return {};
  const std::vector<BlasPlan> plans = blas->plans(shape.n(), shape.k(), m);
  std::vector<Contestant> contestants;
  for (const BlasPlan& plan : plans) contestants.push_back(contestant_of(shape, m, plan));
  const std::vector<Timing> timings = time_in_turns(kTrial, shape.stream(), contestants);
  std::vector<std::size_t> order(plans.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return timings[a].us < timings[b].us; });
  order.resize(std::min(order.size(), kTimedPlans));
  std::vector<BlasPlan> best;
  for (const std::size_t i : order) best.push_back(plans[i]);
  return best;
}

Contestant contestant_of(const MatmulShape& shape, std::uint64_t m, const BlasPlan& plan) {
  return {shape.num_copies(), [&shape, m, &plan](std::uint32_t copy, cudaStream_t stream) {
            plan.enqueue(shape.rows(copy), shape.x(m).data, shape.y(0, m).data, stream);
          }};
}

std::optional<BlasTime> baseline_of(const std::vector<BlasPlan>& plans,
                                    const std::vector<Timing>& timings) {
  std::optional<BlasTime> best;
  for (std::size_t i = 0; i < plans.size(); ++i)
    if (!best || timings[i].us < best->us) best = {plans[i].name, timings[i].us};
  return best;
}

void run_matmul_case(const MatmulShape& shape, std::uint64_t m, MatmulRun* run) {
  const MatmulArguments& arguments = *run->arguments;
  const std::vector<BlasPlan> blas = best_blas_plans(shape, m, run->blas);
  std::optional<MatmulChecker> checker;
  if (arguments.check)
    checker.emplace(shape, m, blas.empty() ? nullptr : &blas.front(), arguments.dependent);

  CaseTimings timings;
  for (const BlasPlan& plan : blas) timings.contestants.push_back(contestant_of(shape, m, plan));
  std::deque<FusedMatmul> matmuls;  // contestants refer to them
  for (const WeightForm form : arguments.forms) {
    FusedMatmul& matmul = matmuls.emplace_back(FusedMatmul{&shape, form, {}, m});
    const Result<gpu::MatmulConfig> config =
        !arguments.configs.empty()
            ? Result<gpu::MatmulConfig>(arguments.configs[0])
            : gpu::plan_matmul(matmul.problem(), {}, shape.workspace().bytes());
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
    for (const bool dependent : {false, true}) {
      if (!(dependent ? arguments.dependent : arguments.plain)) continue;
      timings.add(result_of(shape, m, form), dependent ? kFusedDependent : kFusedPlain,
                  config_text(matmul.config), matmul.contestant(dependent));
    }
  }
  if (!blas.empty() && m >= kFewestTokensForDecode && arguments.has(WeightForm::kPalette))
    timings.add(result_of(shape, m, WeightForm::kPalette), kDecodeThenBlas, blas.front().name,
                decode_then_blas(shape, m, blas.front()));

  const std::vector<Timing> timed = time_in_turns(run->budget, shape.stream(), timings.contestants);
  const std::optional<BlasTime> baseline = baseline_of(blas, timed);
  for (std::size_t i = 0; i < timings.results.size(); ++i) {
    MatmulResult& result = timings.results[i];
    result.timing = timed[blas.size() + i];
    result.baseline = baseline;
    run->results.push_back(std::move(result));
  }
}

}  // namespace unweight::bench
