// SPDX-License-Identifier: BSD-3-Clause
//
// The machine that a GPU benchmark runs on, and what every benchmark does with failures: it stops.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "unweight/result.h"

namespace unweight::bench {

/// What the benchmarks return when there is no device to run on: compiled, not run.
inline constexpr int kNotRun = 77;

struct Machine {
  std::string gpu;         ///< "NVIDIA H100 80GB HBM3"
  std::string short_name;  ///< "h100"
  std::string driver;      ///< "580.159.04"
  std::string cuda;        ///< of the runtime that this was built with: "13.0"
  std::uint32_t num_sms = 0;
  std::uint64_t l2_bytes = 0;
  std::uint64_t memory_bytes = 0;
};
/// Makes the first device that the kernels run on the current one. Nothing: there is none.
[[nodiscard]] std::optional<Machine> find_machine();

/// Says what failed, and ends the program with exit code 1.
[[noreturn]] void give_up(const std::string& what);
void require(cudaError_t status, const char* what);
void require(const Result<void>& result, const char* what);
template <typename T>
[[nodiscard]] T take(Result<T> result, const char* what) {
  if (!result) give_up(std::string(what) + ": " + result.error().message);
  return std::move(result).value();
}

}  // namespace unweight::bench
