// SPDX-License-Identifier: BSD-3-Clause
#include "matmul_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
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
constexpr TimeBudget kLook{3'000, 400, 12};      // ranks what is left
constexpr TimeBudget kStare{40'000, 1'000, 42};  // the best few, and the baseline
constexpr double kFarOff = 1.25;                 // times the best
constexpr std::size_t kShown = 5;

struct Tried {
  gpu::MatmulConfig config;
  std::optional<Timing> plain, dependent;

  /// What configs are ranked by: the dependent launch, where it was asked for.
  [[nodiscard]] double us() const { return (dependent ? dependent : plain)->us; }
};
bool is_faster(const Tried& a, const Tried& b) {
  return a.us() < b.us();
}

std::string us_text(const std::optional<Timing>& timing, const std::optional<BlasTime>& baseline) {
  if (!timing) return fmt::format("{:>18}", "-");
  if (!baseline) return fmt::format("{:>18.2f}", timing->us);
  return fmt::format("{:>9.2f} = {:.3f}x", timing->us, baseline->us / timing->us);
}

class CaseSweep {
 public:
  CaseSweep(FusedMatmul matmul, const MatmulArguments& arguments, const std::vector<BlasPlan>& blas,
            const MatmulChecker* checker)
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
    const bool dependent = arguments_.dependent;
    const Timing glance =
        time_within(kGlance, matmul_.shape->stream(), matmul_.contestant(dependent));
    Tried& tried = tried_.emplace_back();
    tried.config = config;
    (dependent ? tried.dependent : tried.plain) = glance;
    return true;
  }

  /// Those that are not far off once more, in turns; then the few best, longer, with the baseline
  /// among them.
  void finish() {
    std::sort(tried_.begin(), tried_.end(), is_faster);
    const auto is_far_off = [&](const Tried& t) { return t.us() > kFarOff * tried_.front().us(); };
    tried_.erase(std::find_if(tried_.begin(), tried_.end(), is_far_off), tried_.end());
    time_first(tried_.size(), kLook, {});
    baseline_ = time_first(std::min(tried_.size(), kShown), kStare, blas_);
  }
  [[nodiscard]] const std::vector<Tried>& tried() const { return tried_; }  ///< the best first
  [[nodiscard]] const std::optional<BlasTime>& baseline() const { return baseline_; }

 private:
  std::string problem_of_config() {
    if (checker_ != nullptr) return checker_->problem_of(matmul_);
    const Result<void> started =
        matmul_.try_run(0, 0, arguments_.dependent, matmul_.shape->stream());
    return started ? "" : started.error().message;
  }

  /// The first `count` and some plans of cuBLAS in turns; sorts the former.
  std::optional<BlasTime> time_first(std::size_t count, const TimeBudget& budget,
                                     const std::vector<BlasPlan>& blas) {
    const MatmulShape& shape = *matmul_.shape;
    std::vector<Contestant> contestants;
    for (const BlasPlan& plan : blas) contestants.push_back(contestant_of(shape, matmul_.m, plan));
    std::vector<FusedMatmul> matmuls(count, matmul_);  // contestants refer to them
    for (std::size_t i = 0; i < count; ++i) {
      matmuls[i].config = tried_[i].config;
      if (arguments_.plain) contestants.push_back(matmuls[i].contestant(false));
      if (arguments_.dependent) contestants.push_back(matmuls[i].contestant(true));
    }
    const std::vector<Timing> timings = time_in_turns(budget, shape.stream(), contestants);
    std::size_t next = blas.size();
    for (std::size_t i = 0; i < count; ++i) {
      if (arguments_.plain) tried_[i].plain = timings[next++];
      if (arguments_.dependent) tried_[i].dependent = timings[next++];
    }
    std::sort(tried_.begin(), tried_.begin() + static_cast<std::ptrdiff_t>(count), is_faster);
    return baseline_of(blas, timings);
  }

  FusedMatmul matmul_;
  const MatmulArguments& arguments_;
  const std::vector<BlasPlan>& blas_;
  const MatmulChecker* checker_;
  std::vector<Tried> tried_;
  std::optional<BlasTime> baseline_;
};

void append_results(const FusedMatmul& matmul, const CaseSweep& sweep,
                    std::vector<MatmulResult>* results) {
  MatmulResult result = result_of(*matmul.shape, matmul.m, matmul.form);
  result.baseline = sweep.baseline();
  for (const Tried& t : sweep.tried()) {
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

void print_best(const FusedMatmul& matmul, std::size_t num_candidates, const CaseSweep& sweep,
                double seconds) {
  const std::vector<Tried>& tried = sweep.tried();
  const std::optional<BlasTime>& baseline = sweep.baseline();
  fmt::print("{} x {}, M {}, {}: {} candidates, {} close, {:.1f} s", matmul.shape->n(),
             matmul.shape->k(), matmul.m, gpu::weight_form_name(matmul.form), num_candidates,
             tried.size(), seconds);
  if (baseline) fmt::print("; {} {:.2f} us", baseline->name, baseline->us);
  fmt::print("\n  {:>18}  {:>18}\n", "dependent us", "plain us");
  for (std::size_t i = 0; i < std::min(tried.size(), kShown); ++i)
    fmt::print("  {}  {}  {}\n", us_text(tried[i].dependent, baseline),
               us_text(tried[i].plain, baseline), config_text(tried[i].config));
  std::fflush(stdout);
}

/// As tuned_configs.h has it, of this M alone. `card`: "h100".
std::string tuned_line(const std::string& card, const FusedMatmul& matmul, const CaseSweep& sweep) {
  const auto constant = [](std::string name) {
    name.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(name.front())));
    return "k" + name;
  };
  const Tried& best = sweep.tried().front();
  std::string line = fmt::format("{{{}, {}, {}, {}, {}, {}, {}}},  // {:.1f}", constant(card),
                                 constant(gpu::weight_form_name(matmul.form)), matmul.shape->n(),
                                 matmul.shape->k(), matmul.m, matmul.m,
                                 config_initializer(best.config), best.us());
  if (sweep.baseline()) line += fmt::format(" ({:.1f})", sweep.baseline()->us);
  return line;
}

/// What the planner says today goes first: nothing much slower is looked at twice.
std::vector<gpu::MatmulConfig> configs_for(const FusedMatmul& matmul, const MatmulSweep& sweep) {
  const gpu::MatmulProblem problem = matmul.problem();
  const MatmulArguments& arguments = *sweep.arguments;
  std::vector<gpu::MatmulConfig> configs;
  if (arguments.configs.empty()) {
    configs = matmul_candidates(problem, sweep.machine->num_sms, arguments.kernel);
  } else {
    for (const gpu::MatmulConfig& config : arguments.configs)
      if (gpu::can_implement(problem, config)) configs.push_back(config);
  }
  const Result<gpu::MatmulConfig> planned =
      gpu::plan_matmul(problem, {}, matmul.shape->workspace().bytes());
  if (!planned) return configs;
  const std::string text = config_text(planned.value());
  std::erase_if(configs, [&](const auto& config) { return config_text(config) == text; });
  configs.insert(configs.begin(), planned.value());
  return configs;
}

void sweep_form(FusedMatmul matmul, const std::vector<BlasPlan>& blas, const MatmulChecker* checker,
                MatmulSweep* sweep) {
  const auto start = std::chrono::steady_clock::now();
  const std::vector<gpu::MatmulConfig> configs = configs_for(matmul, *sweep);
  CaseSweep of_case(matmul, *sweep->arguments, blas, checker);
  for (const gpu::MatmulConfig& config : configs)
    if (!of_case.run(config)) ++sweep->num_failed;
  if (of_case.tried().empty()) return;
  of_case.finish();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  print_best(matmul, configs.size(), of_case, seconds.count());
  append_results(matmul, of_case, &sweep->results);
  sweep->tuned_lines.push_back(tuned_line(sweep->machine->short_name, matmul, of_case));
}

}  // namespace

void sweep_matmul_case(const MatmulShape& shape, std::uint64_t m, MatmulSweep* sweep) {
  const std::vector<BlasPlan> blas = best_blas_plans(shape, m, sweep->blas);
  std::optional<MatmulChecker> checker;
  if (sweep->arguments->check)
    checker.emplace(shape, m, blas.empty() ? nullptr : &blas.front(), sweep->arguments->dependent);
  for (const gpu::WeightForm form : sweep->arguments->forms)
    sweep_form({&shape, form, {}, m}, blas, checker ? &*checker : nullptr, sweep);
}

}  // namespace unweight::bench
