// SPDX-License-Identifier: BSD-3-Clause
#include "matmul_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

#include "bench_machine.h"
#include "matmul_candidates.h"
#include "matmul_cases.h"
#include "matmul_config_text.h"

namespace unweight::bench {
namespace {

constexpr TimeBudget kGlance{600, 300, 3};       // enough to see that a config is far off
constexpr TimeBudget kLook{3'000, 400, 7};       // ranks what is left
constexpr TimeBudget kStare{40'000, 1'000, 40};  // the best few, and the baseline
constexpr double kFarOff = 1.25;                 // times the best so far
constexpr std::size_t kShown = 5;

struct Tried {
  gpu::MatmulConfig config;
  std::optional<Timing> plain, dependent;

  /// What configs are ranked by: the dependent launch, where it was asked for.
  [[nodiscard]] double us() const { return (dependent ? dependent : plain)->us; }
};

std::string us_text(const std::optional<Timing>& timing, const std::vector<TimedPlan>& blas) {
  if (!timing) return fmt::format("{:>18}", "-");
  if (blas.empty()) return fmt::format("{:>18.2f}", timing->us);
  return fmt::format("{:>9.2f} = {:.3f}x", timing->us, blas.front().us / timing->us);
}

class CaseSweep {
 public:
  CaseSweep(FusedMatmul matmul, const MatmulArguments& arguments,
            const std::vector<TimedPlan>& blas, const MatmulChecker* checker)
      : matmul_(matmul), arguments_(arguments), blas_(blas), checker_(checker) {}

  /// Nothing: it was wrong.
  bool run(const gpu::MatmulConfig& config) {
    matmul_.config = config;
    if (arguments_.verbose) {
      fmt::print("trying {}\n", describe(matmul_));
      std::fflush(stdout);  // so that the last line names a config that hangs
    }
    const std::string problem = problem_of_config();
    if (!problem.empty()) {
      fmt::print("FAILED {}: {}\n", describe(matmul_), problem);
      return false;
    }
    const Timing glance = matmul_.time(kGlance, arguments_.dependent);
    if (glance.us > kFarOff * best_us_) return true;
    tried_.push_back(timed(kLook));
    best_us_ = std::min(best_us_, tried_.back().us());
    return true;
  }

  /// The few best once more, longer; then all of them, the best first.
  const std::vector<Tried>& finish() {
    const auto faster = [](const Tried& a, const Tried& b) { return a.us() < b.us(); };
    std::sort(tried_.begin(), tried_.end(), faster);
    const std::size_t num_best = std::min(tried_.size(), kShown);
    for (std::size_t i = 0; i < num_best; ++i) {
      matmul_.config = tried_[i].config;
      tried_[i] = timed(kStare);
    }
    std::sort(tried_.begin(), tried_.begin() + static_cast<std::ptrdiff_t>(num_best), faster);
    return tried_;
  }

 private:
  std::string problem_of_config() {
    if (checker_ != nullptr) return checker_->problem_of(matmul_);
    const Result<void> started =
        matmul_.try_run(0, 0, arguments_.dependent, matmul_.shape->stream());
    return started ? "" : started.error().message;
  }

  Tried timed(const TimeBudget& budget) const {
    Tried tried{matmul_.config, {}, {}};
    if (arguments_.plain) tried.plain = matmul_.time(budget, false);
    if (arguments_.dependent) tried.dependent = matmul_.time(budget, true);
    return tried;
  }

  FusedMatmul matmul_;
  const MatmulArguments& arguments_;
  const std::vector<TimedPlan>& blas_;
  const MatmulChecker* checker_;
  std::vector<Tried> tried_;
  double best_us_ = 1e30;
};

void append_results(const FusedMatmul& matmul, const std::vector<Tried>& tried,
                    const std::vector<TimedPlan>& blas, std::vector<MatmulResult>* results) {
  MatmulResult result;
  result.n = matmul.shape->n();
  result.k = matmul.shape->k();
  result.m = matmul.m;
  result.format = gpu::weight_form_name(matmul.form);
  result.bits_per_weight = matmul.shape->bits_per_weight(matmul.form);
  result.stored_bytes = matmul.shape->stored_bytes(matmul.form);
  if (!blas.empty()) result.baseline = BlasTime{blas.front().plan.name, blas.front().us};
  for (const Tried& t : tried) {
    result.config = config_text(t.config);
    for (const auto& [path, timing] :
         {std::pair{kFusedPlain, t.plain}, std::pair{kFusedDependent, t.dependent}}) {
      if (!timing) continue;
      result.path = path;
      result.timing = *timing;
      results->push_back(result);
    }
  }
}

void print_best(const FusedMatmul& matmul, std::size_t num_candidates,
                const std::vector<Tried>& tried, const std::vector<TimedPlan>& blas,
                double seconds) {
  fmt::print("{} x {}, M {}, {}: {} candidates, {} close, {:.1f} s", matmul.shape->n(),
             matmul.shape->k(), matmul.m, gpu::weight_form_name(matmul.form), num_candidates,
             tried.size(), seconds);
  if (!blas.empty()) fmt::print("; {} {:.2f} us", blas.front().plan.name, blas.front().us);
  fmt::print("\n  {:>18}  {:>18}\n", "dependent us", "plain us");
  for (std::size_t i = 0; i < std::min(tried.size(), kShown); ++i)
    fmt::print("  {}  {}  {}\n", us_text(tried[i].dependent, blas), us_text(tried[i].plain, blas),
               config_text(tried[i].config));
  std::fflush(stdout);
}

std::string tuned_line(const FusedMatmul& matmul, const Tried& best,
                       const std::vector<TimedPlan>& blas) {
  std::string line = fmt::format("{{{}, {}, {}, WeightForm::{}, {}}},  // {:.1f} us",
                                 matmul.shape->n(), matmul.shape->k(), matmul.m,
                                 matmul.form == gpu::WeightForm::kPalette     ? "kPalette"
                                 : matmul.form == gpu::WeightForm::kRadix     ? "kRadix"
                                 : matmul.form == gpu::WeightForm::kExponents ? "kExponents"
                                                                              : "kTiles",
                                 config_initializer(best.config), best.us());
  if (!blas.empty()) line += fmt::format(", {:.2f}x", blas.front().us / best.us());
  return line;
}

/// What the planner says today goes first: nothing much slower is looked at twice.
std::vector<gpu::MatmulConfig> configs_for(const gpu::MatmulProblem& problem,
                                           const MatmulSweep& sweep) {
  const MatmulArguments& arguments = *sweep.arguments;
  std::vector<gpu::MatmulConfig> configs;
  if (arguments.configs.empty()) {
    configs = matmul_candidates(problem, sweep.num_sms, arguments.kernel);
  } else {
    for (const gpu::MatmulConfig& config : arguments.configs)
      if (gpu::can_implement(problem, config)) configs.push_back(config);
  }
  const Result<gpu::MatmulConfig> planned = gpu::plan_matmul(problem);
  if (!planned) return configs;
  const std::string text = config_text(planned.value());
  std::erase_if(configs, [&](const auto& config) { return config_text(config) == text; });
  configs.insert(configs.begin(), planned.value());
  return configs;
}

void sweep_form(FusedMatmul matmul, const std::vector<TimedPlan>& blas,
                const MatmulChecker* checker, MatmulSweep* sweep) {
  const auto start = std::chrono::steady_clock::now();
  const std::vector<gpu::MatmulConfig> configs = configs_for(matmul.problem(), *sweep);
  CaseSweep of_case(matmul, *sweep->arguments, blas, checker);
  for (const gpu::MatmulConfig& config : configs)
    if (!of_case.run(config)) ++sweep->num_failed;
  const std::vector<Tried>& tried = of_case.finish();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  print_best(matmul, configs.size(), tried, blas, seconds.count());
  append_results(matmul, tried, blas, &sweep->results);
  if (!tried.empty()) sweep->tuned_lines.push_back(tuned_line(matmul, tried.front(), blas));
}

}  // namespace

void sweep_matmul_case(const MatmulShape& shape, std::uint64_t m, MatmulSweep* sweep) {
  const std::vector<TimedPlan> blas = time_blas(shape, m, sweep->blas, kStare);
  std::optional<MatmulChecker> checker;
  if (sweep->arguments->check)
    checker.emplace(shape, m, blas.empty() ? nullptr : &blas[0].plan, sweep->arguments->dependent);
  for (const gpu::WeightForm form : sweep->arguments->forms)
    sweep_form({&shape, form, {}, m}, blas, checker ? &*checker : nullptr, sweep);
}

}  // namespace unweight::bench
