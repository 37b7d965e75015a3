// SPDX-License-Identifier: BSD-3-Clause
#include "cli/device_option.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#if UNWEIGHT_HAS_CUDA
#include "unweight/gpu_engine.h"
#endif

namespace unweight::cli {
namespace {

namespace fs = std::filesystem;

/// N of "cuda:N", 0 of "cuda"; nothing if it is neither.
std::optional<int> cuda_ordinal(std::string_view text) {
  constexpr std::string_view kCuda = "cuda";
  if (!text.starts_with(kCuda)) return {};
  text.remove_prefix(kCuda.size());
  if (text.empty()) return 0;
  if (!text.starts_with(':') || text.size() < 2 || text[1] < '0' || text[1] > '9') return {};
  int ordinal = 0;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), ordinal);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return ordinal;
}

std::string check_device(const std::string& wanted) {
  if (wanted == kAutoDevice || wanted == "cpu" || cuda_ordinal(wanted)) return {};
  return fmt::format("{} is not one of auto, cpu, cuda, cuda:N", wanted);
}

#if UNWEIGHT_HAS_CUDA

Result<Device> open_cuda(int ordinal) {
  const std::string name = fmt::format("cuda:{}", ordinal);
  const int count = num_cuda_devices();
  if (count > 0 && ordinal >= count) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{}: there {} {} CUDA device{} that can be used", name,
                             count == 1 ? "is" : "are", count, count == 1 ? "" : "s")};
  }
  auto engine = open_cuda_engine(ordinal);  // says why there is none
  if (!engine) return std::move(engine).error().with_context(name);
  return Device{std::move(*engine), name};
}

Device choose_automatically(Task task, const fs::path& source, unsigned num_threads) {
  const unsigned threads = num_threads != 0 ? num_threads : std::thread::hardware_concurrency();
  if (threads > most_threads_for_auto_cuda(task)) return {};
  if (weight_bytes(source) < kMinAutoCudaBytes || num_cuda_devices() == 0) return {};
  auto device = open_cuda(0);
  return device ? std::move(*device) : Device{};
}

#else

Result<Device> open_cuda(int ordinal) {
  return Error{ErrorCode::kUnsupported,
               fmt::format("cuda:{}: this unweight was built without CUDA", ordinal)};
}

Device choose_automatically(Task, const fs::path&, unsigned) {
  return {};
}

#endif

}  // namespace

void add_device_option(CLI::App& app, std::string& wanted) {
  app.add_option("--device", wanted, "auto (default: what is faster), cpu, cuda or cuda:N")
      ->check(CLI::Validator(check_device, ""))
      ->type_name("NAME");
}

Result<Device> choose_device(const std::string& wanted, Task task, const fs::path& source,
                             unsigned num_threads) {
  if (wanted == kAutoDevice) return choose_automatically(task, source, num_threads);
  if (const std::optional<int> ordinal = cuda_ordinal(wanted)) return open_cuda(*ordinal);
  return Device{};
}

std::uint64_t weight_bytes(const fs::path& source) {
  std::error_code error;
  if (!fs::is_directory(source, error)) {
    const std::uintmax_t bytes = fs::file_size(source, error);
    return error ? 0 : bytes;
  }
  std::uint64_t sum = 0;
  fs::recursive_directory_iterator at(source, error);
  while (!error && at != fs::recursive_directory_iterator()) {
    if (at->path().extension() == ".safetensors") {
      std::error_code ignored;
      const std::uintmax_t bytes = fs::file_size(at->path(), ignored);  // follows links
      if (!ignored) sum += bytes;
    }
    at.increment(error);
  }
  return sum;
}

}  // namespace unweight::cli
