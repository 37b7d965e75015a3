// SPDX-License-Identifier: BSD-3-Clause
//
// Matmuls of one shape: checked, then timed, beside the best of cuBLAS.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "blas_baseline.h"
#include "bounded_timing.h"
#include "gpu/device_memory.h"
#include "matmul_options.h"
#include "matmul_rows.h"
#include "matmul_shape.h"
#include "naive_matmul.h"

namespace unweight::bench {

/// One form under one config on a shape.
struct FusedMatmul {
  const MatmulShape* shape = nullptr;
  gpu::WeightForm form = gpu::WeightForm::kPalette;
  gpu::MatmulConfig config;
  std::uint64_t m = 0;

  [[nodiscard]] gpu::MatmulProblem problem() const {
    return {shape->n(), shape->k(), m, form, false};
  }
  /// y(which) = x w^T. Errors: matmul()'s.
  [[nodiscard]] Result<void> try_run(std::uint32_t copy, std::uint32_t which, bool dependent,
                                     cudaStream_t stream) const;
  /// To be timed. It refers to this object.
  [[nodiscard]] Contestant contestant(bool dependent) const;
};

/// "28672 x 4096, M 16, palette, mma t16 ...".
[[nodiscard]] std::string describe(const FusedMatmul& matmul);

/// What is right for one shape and M, on the device.
class MatmulChecker {
 public:
  /// Against plain loops on some of the tokens; with a plan of cuBLAS, against its y on all.
  /// dependent: whether to check dependent launches too.
  MatmulChecker(const MatmulShape& shape, std::uint64_t m, const BlasPlan* blas, bool dependent);

  /// Problems of y(0) of one launch: what is wrong, or empty.
  [[nodiscard]] std::string problem_of_y() const;
  /// Runs into poisoned outputs: right; the same again; the same with a dependent launch; the same
  /// from the palette under the same config, where that runs it. Says what is wrong, or nothing.
  [[nodiscard]] std::string problem_of(const FusedMatmul& matmul) const;

 private:
  [[nodiscard]] std::string run_and_compare(const FusedMatmul& matmul, bool dependent,
                                            const char* what) const;

  const MatmulShape& shape_;
  bool dependent_ = true;
  TokenSample sample_;
  gpu::DeviceBuffer reference_;
  gpu::DeviceBuffer blas_y_;  // empty without cuBLAS
};

/// What is known of a result before anything is timed.
[[nodiscard]] MatmulResult result_of(const MatmulShape& shape, std::uint64_t m,
                                     gpu::WeightForm form);
/// The fastest few plans of cuBLAS by a short trial, the best first. Empty: no cuBLAS.
[[nodiscard]] std::vector<BlasPlan> best_blas_plans(const MatmulShape& shape, std::uint64_t m,
                                                    BlasBaseline* blas);
[[nodiscard]] Contestant contestant_of(const MatmulShape& shape, std::uint64_t m,
                                       const BlasPlan& plan);
/// The fastest of `plans`, whose timings come first in `timings`. Nothing: no plans.
[[nodiscard]] std::optional<BlasTime> baseline_of(const std::vector<BlasPlan>& plans,
                                                  const std::vector<Timing>& timings);

struct MatmulRun {
  const MatmulArguments* arguments = nullptr;
  BlasBaseline* blas = nullptr;  ///< null: no baseline
  TimeBudget budget;
  std::vector<MatmulResult> results;
  std::uint32_t num_failed = 0;  ///< checks
};

/// Everything that the arguments ask of one shape and M.
void run_matmul_case(const MatmulShape& shape, std::uint64_t m, MatmulRun* run);

}  // namespace unweight::bench
