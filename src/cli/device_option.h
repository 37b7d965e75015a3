// SPDX-License-Identifier: BSD-3-Clause
//
// --device: which engine compresses, decompresses and verifies. The one place that knows whether
// the tool was built with CUDA.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "unweight/bundle.h"
#include "unweight/result.h"

namespace unweight::cli {

inline constexpr const char* kAutoDevice = "auto";

/// Sources below this size stay on the CPU unless a GPU was asked for: starting CUDA takes about
/// half a second, in which the CPU codec is done with a good part of a GiB.
inline constexpr std::uint64_t kMinAutoCudaBytes = std::uint64_t{1} << 30;

enum class Task : std::uint8_t { kCompress, kDecompress, kVerify };

/// With more threads than this the CPU codec is as fast as a GPU engine, whose work is mostly
/// reading, hashing and writing on one thread. Measured on an H100 and 16 cores (4.2 GB of BF16 in
/// memory files, seconds for 2, 4 and 16 threads; GPU): compress 4.4, 3.5, 2.1; 2.4.
/// decompress 4.4, 2.6, 2.3; 3.5. verify 1.7, 1.0, 0.8; 1.8.
[[nodiscard]] constexpr unsigned most_threads_for_auto_cuda(Task task) noexcept {
  switch (task) {
    case Task::kCompress:
      return 4;
    case Task::kDecompress:
      return 2;
    case Task::kVerify:
      break;
  }
  return 0;
}

struct Device {
  std::shared_ptr<TensorEngine> engine;  ///< null: the CPU codec
  std::string name = "cpu";              ///< or "cuda:0"
};

/// --device auto|cpu|cuda[:N] into `wanted`; anything else is wrong usage.
void add_device_option(CLI::App& app, std::string& wanted);

/// What a value of --device means for a task on `source` with `num_threads` (0: all cores). "auto"
/// takes the first GPU that can be used, if that is faster than the CPU; it does not fail. A GPU
/// that was asked for and is not there is kUnsupported.
[[nodiscard]] Result<Device> choose_device(const std::string& wanted, Task task,
                                           const std::filesystem::path& source,
                                           unsigned num_threads);

/// Bytes of a file, or of the .safetensors files in a directory and below. 0 where there is
/// nothing.
[[nodiscard]] std::uint64_t weight_bytes(const std::filesystem::path& source);

}  // namespace unweight::cli
