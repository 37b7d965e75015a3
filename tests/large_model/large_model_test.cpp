// SPDX-License-Identifier: BSD-3-Clause
//
// A model far larger than memory is allowed to be: compress, verify, decompress and inspect of a
// sharded model with one tensor of more than 2^32 bytes, each in a child process whose peak memory
// is measured. Not part of the default run (`make test-large`): it needs tens of gigabytes of disk.
//
//   large_model_test [DIRECTORY [NUM_SHARDS]]
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "hostile_tensors.h"
#include "unweight/bundle.h"

namespace {

namespace fs = std::filesystem;
using namespace unweight;

constexpr std::uint64_t kMaxPeakBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kTileWeights = std::uint64_t{1} << 22;  // what the data repeats, shifted

struct Shape {
  std::string name, dtype;
  std::uint64_t rows, cols, elem_bytes;
  [[nodiscard]] std::uint64_t bytes() const { return rows * cols * elem_bytes; }
};

/// `bytes` bytes of weights that look like N(0,s), with an infinity now and then (which makes its
/// row verbatim), starting at a place of its own in the repeated data.
void write_weights(std::ofstream& out, std::uint64_t bytes, std::uint64_t seed) {
  static const std::vector<std::uint16_t> tile = [] {
    auto weights = testing::normal_tensor(1, kTileWeights).weights;
    for (std::size_t i = 7; i < weights.size(); i += 9001) weights[i] = 0x7f80;
    return weights;
  }();
  const std::uint64_t tile_bytes = tile.size() * sizeof(std::uint16_t);
  std::uint64_t at = seed * 7919 * 2 % tile_bytes;
  while (bytes > 0) {
    const std::uint64_t count = std::min(bytes, tile_bytes - at);
    out.write(reinterpret_cast<const char*>(tile.data()) + at, static_cast<std::streamsize>(count));
    bytes -= count;
    at = 0;
  }
}

void write_shard(const fs::path& path, const std::vector<Shape>& tensors, std::uint64_t seed) {
  std::string json = "{\"__metadata__\":{\"format\":\"pt\"}";
  std::uint64_t at = 0;
  for (const Shape& t : tensors) {
    json += fmt::format(",\"{}\":{{\"dtype\":\"{}\",\"shape\":[{},{}],\"data_offsets\":[{},{}]}}",
                        t.name, t.dtype, t.rows, t.cols, at, at + t.bytes());
    at += t.bytes();
  }
  json += "}";
  const std::uint64_t length = json.size();
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&length), sizeof(length));
  out << json;
  for (const Shape& t : tensors) write_weights(out, t.bytes(), ++seed);
}

void write_model(const fs::path& root, std::uint64_t num_shards) {
  fs::create_directories(root);
  write_shard(root / "model-00000.safetensors", {{"huge", "BF16", 32768, 81920, 2}}, 1);
  for (std::uint64_t shard = 1; shard <= num_shards; ++shard) {
    std::vector<Shape> tensors;
    for (std::uint64_t layer = 0; layer < 8; ++layer) {
      const std::string prefix = fmt::format("s{}.l{}.", shard, layer);
      tensors.push_back({prefix + "up", "BF16", 14336, 4096, 2});
      tensors.push_back({prefix + "down", "BF16", 4096, 14336, 2});
      tensors.push_back({prefix + "norm", "BF16", 1, 4096, 2});
      tensors.push_back({prefix + "carried", "F32", 1024, 4096, 4});
    }
    write_shard(root / fmt::format("model-{:05}.safetensors", shard), tensors, shard * 100);
  }
}

/// Runs a call in a child process; 0 if it succeeded within the memory limit.
int run_measured(const char* what, std::uint64_t bytes, const std::function<bool()>& call) {
  const auto begin = std::chrono::steady_clock::now();
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(call() ? 0 : 1);
  int status = 0;
  struct rusage usage {};
  ::wait4(child, &status, 0, &usage);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  const std::uint64_t peak = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  const bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0 && peak < kMaxPeakBytes;
  fmt::print("{:10} {} {:7.1f} s  {:6.2f} GB/s  peak {} MiB\n", what, good ? "ok  " : "FAIL",
             elapsed.count(), static_cast<double>(bytes) / elapsed.count() * 1e-9, peak >> 20);
  return good ? 0 : 1;
}

template <typename T>
bool check(const Result<T>& result) {
  if (!result) fmt::print("{}\n", result.error().message);
  return result.ok();
}

bool verified(const Result<VerifyReport>& report) {
  if (!check(report)) return false;
  for (const std::string& problem : report->problems) fmt::print("{}\n", problem);
  return report->ok();
}

}  // namespace

int main(int argc, char** argv) {
  const fs::path root = (argc > 1 ? fs::path(argv[1]) : fs::temp_directory_path()) /
                        fmt::format("unweight-large-{}", ::getpid());
  const std::uint64_t num_shards = argc > 2 ? std::stoull(argv[2]) : 8;
  write_model(root / "model", num_shards);
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(root / "model")) bytes += entry.file_size();
  fmt::print("{:.1f} GB\n", static_cast<double>(bytes) * 1e-9);
  int failures = 0;
  failures += run_measured("compress", bytes,
                           [&] { return check(compress(root / "model", root / "bundle")); });
  failures += run_measured("inspect", bytes, [&] { return check(inspect(root / "bundle")); });
  failures += run_measured("verify", bytes,
                           [&] { return verified(verify(root / "bundle", root / "model")); });
  failures += run_measured("decompress", bytes, [&] {
    std::error_code ignored;
    fs::remove_all(root / "model", ignored);  // verify has compared every byte with it
    return check(decompress(root / "bundle", root / "model"));
  });
  failures += run_measured("verify", bytes,
                           [&] { return verified(verify(root / "bundle", root / "model")); });
  std::error_code ignored;
  fs::remove_all(root, ignored);
  return failures == 0 ? 0 : 1;
}
