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

struct Device {
  std::shared_ptr<TensorEngine> engine;  ///< null: the CPU codec
  std::string name = "cpu";              ///< or "cuda:0"
};

/// --device auto|cpu|cuda[:N] into `wanted`; anything else is wrong usage.
void add_device_option(CLI::App& app, std::string& wanted);

/// What a value of --device means for work on `source`. "auto" takes the first GPU that can be
/// used, if the source is large enough, and else the CPU; it does not fail. A GPU that was asked
/// for and is not there is kUnsupported.
[[nodiscard]] Result<Device> choose_device(const std::string& wanted,
                                           const std::filesystem::path& source);

/// Bytes of a file, or of the .safetensors files in a directory and below. 0 where there is
/// nothing.
[[nodiscard]] std::uint64_t weight_bytes(const std::filesystem::path& source);

}  // namespace unweight::cli
