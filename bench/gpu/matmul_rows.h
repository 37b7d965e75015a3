// SPDX-License-Identifier: BSD-3-Clause
//
// What matmul_gpu_bench measured, as rows of a results file and as the tables that it prints last.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench_results.h"
#include "launch_graph.h"

namespace unweight::bench {

inline constexpr const char* kFusedPlain = "fused plain";
inline constexpr const char* kFusedDependent = "fused dependent";
inline constexpr const char* kDecodeThenBlas = "decode+cublas";

struct BlasTime {
  std::string name;
  double us = 0;
};

struct MatmulResult {
  std::uint64_t n = 0, k = 0, m = 0;
  std::string weights;  ///< weights_name()
  std::string format;   ///< weight_form_name()
  double bits_per_weight = 0;
  std::string path;
  std::string config;  ///< of the matmul; decode+cublas: which cuBLAS
  Timing timing;
  std::optional<BlasTime> baseline;
  std::uint64_t stored_bytes = 0;

  [[nodiscard]] std::optional<double> speedup() const;
};

[[nodiscard]] std::vector<Row> result_rows(const std::vector<MatmulResult>& results,
                                           const Ceilings& ceilings);

/// A line for each shape and M, then geometric mean, least and where it was, for each M.
[[nodiscard]] std::string matmul_summary(const std::vector<MatmulResult>& results);

}  // namespace unweight::bench
