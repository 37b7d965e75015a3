// SPDX-License-Identifier: BSD-3-Clause
//
// Which config is the fastest: every candidate of a shape and M checked and timed, briefly.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench_machine.h"
#include "blas_baseline.h"
#include "matmul_options.h"
#include "matmul_rows.h"
#include "matmul_shape.h"

namespace unweight::bench {

struct MatmulSweep {
  const MatmulArguments* arguments = nullptr;
  BlasBaseline* blas = nullptr;  ///< null: no baseline
  const Machine* machine = nullptr;
  std::vector<MatmulResult> results;     ///< every config, every way to launch
  std::vector<std::string> tuned_lines;  ///< C++ of the best of each shape, M and form
  std::uint32_t num_failed = 0;          ///< candidates that were wrong or did not start
};

/// Every form of the arguments. Prints the five best of each.
void sweep_matmul_case(const MatmulShape& shape, std::uint64_t m, MatmulSweep* sweep);

}  // namespace unweight::bench
