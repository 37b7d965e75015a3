// SPDX-License-Identifier: BSD-3-Clause
#include "bench_machine.h"

#include <fmt/format.h>

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "gpu/device_properties.h"
#include "unweight/gpu.h"

namespace unweight::bench {
namespace {

/// The first word of letters and then digits after the maker's: "NVIDIA GH200 480GB" -> "gh200".
std::string short_name(const std::string& name) {
  std::istringstream words(name);
  for (std::string word; words >> word;) {
    std::string lower;
    for (const char c : word) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) break;  // "H100-SXM" -> "h100"
      lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    const bool starts_with_letter =
        !lower.empty() && std::isalpha(static_cast<unsigned char>(lower.front())) != 0;
    if (starts_with_letter && lower.find_first_of("0123456789") != std::string::npos) return lower;
  }
  return "gpu";
}

/// The kernel module's version; where the system hides it, the CUDA version that it supports.
std::string driver_version() {
  std::string version;
  if (std::ifstream("/sys/module/nvidia/version") >> version) return version;
  std::ifstream proc("/proc/driver/nvidia/version");
  for (std::string word; proc >> word;) {
    if (word.find('.') != std::string::npos && std::isdigit(static_cast<unsigned char>(word[0])))
      return word;
  }
  int supports = 0;
  require(cudaDriverGetVersion(&supports), "cudaDriverGetVersion");
  return fmt::format("for CUDA {}.{}", supports / 1000, supports % 1000 / 10);
}

}  // namespace

std::optional<Machine> find_machine() {
  const auto devices = gpu::devices();
  if (devices.empty()) return std::nullopt;
  const gpu::DeviceInfo& device = devices.front();
  require(cudaSetDevice(device.ordinal), "cudaSetDevice");
  int l2_bytes = 0, runtime = 0;
  require(cudaDeviceGetAttribute(&l2_bytes, cudaDevAttrL2CacheSize, device.ordinal), "L2 size");
  require(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  return Machine{device.name,        short_name(device.name),
                 driver_version(),   fmt::format("{}.{}", runtime / 1000, runtime % 1000 / 10),
                 device.num_sms,     static_cast<std::uint64_t>(l2_bytes),
                 device.memory_bytes};
}

void give_up(const std::string& what) {
  fmt::print(stderr, "{}\n", what);
  std::exit(1);
}

void require(cudaError_t status, const char* what) {
  if (status != cudaSuccess)
    give_up(fmt::format("{}: {} ({})", what, cudaGetErrorString(status), cudaGetErrorName(status)));
}

void require(const Result<void>& result, const char* what) {
  if (!result) give_up(fmt::format("{}: {}", what, result.error().message));
}

}  // namespace unweight::bench
