// SPDX-License-Identifier: BSD-3-Clause
//
// Command line of matmul_gpu_bench.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "synthetic_weights.h"
#include "unweight/gpu_matmul.h"

namespace unweight::bench {

struct WeightShape {
  std::uint64_t n = 0, k = 0;
  Weights weights = Weights::kNormal;
};

struct MatmulArguments {
  std::vector<WeightShape> shapes;
  std::vector<std::uint64_t> tokens;   ///< the values of M
  std::vector<gpu::WeightForm> forms;  ///< default: all but exponents; of a sweep, palette
  std::optional<Weights> weights;      ///< of all shapes
  std::string results;                 ///< folder; empty: no file
  bool plain = true, dependent = true;
  bool check = true;
  bool baseline = true;
  bool quick = false;
  bool verbose = false;  ///< sweep: names every config before it runs
  /// Instead of the planner's: the first; with `sweep`, instead of all candidates.
  std::vector<gpu::MatmulConfig> configs;
  bool sweep = false;
  std::optional<gpu::MatmulConfig::Kernel> kernel;  ///< sweep: of this one only

  [[nodiscard]] bool has(gpu::WeightForm form) const;
  [[nodiscard]] std::uint64_t most_tokens() const;
};

/// Nothing: not understood.
[[nodiscard]] std::optional<MatmulArguments> parse_matmul_arguments(int argc, char** argv);
extern const char* const kMatmulUsage;

}  // namespace unweight::bench
