// SPDX-License-Identifier: BSD-3-Clause
//
// How long a bundle of Llama 3.1 8B's shapes takes from the page cache into GPU memory, beside the
// two times that bound it: of its bytes over the bus from pinned memory, and of reading and hashing
// them with as many threads and no GPU.
//
//   load_bench [--results FOLDER] [--dir FOLDER] [--scale S] [--threads N] [--staging MIB]
//
// The bundle (11 GB, times S) is written to FOLDER (that for temporary files if it has room, else
// /dev/shm, whose small pages are slower to read) and removed again. A load and the two bounds are
// timed in turn, seven times after a first round that does not count: medians, memory-to-memory, no
// disk. Weights are decoded on the GPU and compared with what they were made of. With --results,
// rows go to FOLDER/<date>-<gpu>-load.json. Exit code 77: no device, nothing ran.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "base/thread_pool.h"
#include "bench_machine.h"
#include "bench_results.h"
#include "ceilings.h"
#include "gpu/device_memory.h"
#include "synthetic_bundle.h"
#include "synthetic_weights.h"
#include "unweight/gpu_load.h"

namespace {

using namespace unweight;
using namespace unweight::bench;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kRuns = 7;
constexpr std::uint64_t kPinnedBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kCopyBytes = std::uint64_t{64} << 20;

struct Arguments {
  std::string results, dir;
  double scale = 1;
  unsigned threads = 0;
  std::uint64_t staging_mib = 256;
};

std::optional<Arguments> parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* const value = argv[i + 1];
    if (name == "--results") {
      arguments.results = value;
    } else if (name == "--dir") {
      arguments.dir = value;
    } else if (name == "--scale") {
      arguments.scale = std::atof(value);
    } else if (name == "--threads") {
      arguments.threads = static_cast<unsigned>(std::atoi(value));
    } else if (name == "--staging") {
      arguments.staging_mib = static_cast<std::uint64_t>(std::atoi(value));
    } else {
      return std::nullopt;
    }
  }
  const bool good = argc % 2 == 1 && arguments.scale > 0 && arguments.scale <= 1;
  return good ? std::optional(arguments) : std::nullopt;
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// The bundle, gone when the program ends, also by give_up().
fs::path& bench_file() {
  static fs::path path;
  return path;
}
void remove_bench_file() {
  std::error_code ignored;
  fs::remove(bench_file(), ignored);
}
void choose_bench_file(const Arguments& arguments) {
  fs::path folder = arguments.dir;
  if (folder.empty()) {
    std::error_code error;
    const auto needed = static_cast<std::uintmax_t>(12e9 * arguments.scale) + (1u << 30);
    const fs::path temporary = fs::temp_directory_path(error);
    const fs::space_info space = fs::space(temporary, error);
    folder = !error && space.available > needed ? temporary : fs::path("/dev/shm");
  }
  bench_file() = folder / fmt::format("unweight-load-bench-{}.safetensors", ::getpid());
  std::atexit(remove_bench_file);
}

/// Copies from pinned memory to the device, as fast as one stream can.
class PinnedCopy {
 public:
  PinnedCopy()
      : pinned_(take(gpu::PinnedBuffer::allocate(kPinnedBytes), "pinned memory")),
        target_(take(gpu::DeviceBuffer::allocate(kPinnedBytes), "device memory")),
        stream_(take(gpu::OwnedStream::create(), "stream")) {
    std::fill_n(pinned_.data(), kPinnedBytes, std::byte{1});
  }
  double seconds(std::uint64_t bytes) const {
    const auto begin = Clock::now();
    for (std::uint64_t at = 0; at < bytes; at += kCopyBytes) {
      const std::uint64_t offset = at % kPinnedBytes;
      require(
          cudaMemcpyAsync(target_.data() + offset, pinned_.data() + offset,
                          std::min(kCopyBytes, bytes - at), cudaMemcpyHostToDevice, stream_.get()),
          "copy");
    }
    require(cudaStreamSynchronize(stream_.get()), "copy");
    return seconds_since(begin);
  }

 private:
  gpu::PinnedBuffer pinned_;
  gpu::DeviceBuffer target_;
  gpu::OwnedStream stream_;
};

/// Seconds to read and hash the whole file, pieces in any order, into memory of each thread's own.
double read_and_hash_seconds(const fs::path& path, ThreadPool& pool) {
  constexpr std::uint64_t kPieceBytes = std::uint64_t{4} << 20, kReadBytes = kPieceBytes / 16;
  const InputFile file = take(InputFile::open(path), "open");
  std::vector<std::vector<std::byte>> buffers(pool.num_threads(),
                                              std::vector<std::byte>(kPieceBytes));
  std::vector<Xxh3Stream> hashes(pool.num_threads());
  const auto begin = Clock::now();
  const std::uint64_t num_pieces = (file.bytes() + kPieceBytes - 1) / kPieceBytes;
  require(
      pool.parallel_for(
          num_pieces,
          [&](std::size_t i, unsigned worker) -> Result<void> {
            const std::uint64_t first = i * kPieceBytes;
            const std::uint64_t end = std::min(first + kPieceBytes, file.bytes());
            for (std::uint64_t at = first; at < end; at += kReadBytes) {
              const auto out =
                  std::span(buffers[worker]).subspan(at - first, std::min(kReadBytes, end - at));
              if (auto read = file.read_at(at, out); !read) return read;
              hashes[worker].update(out);
            }
            return {};
          }),
      "read");
  return seconds_since(begin);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// The first tensor of each kind, and the last of all, weight by weight.
void check(const gpu::LoadedModel& model, const SyntheticBundle& bundle) {
  std::vector<BundleTensor> some(
      bundle.tensors.begin(),
      bundle.tensors.begin() +
          std::min<std::ptrdiff_t>(8, static_cast<std::ptrdiff_t>(bundle.tensors.size())));
  some.push_back(bundle.tensors.back());
  for (const BundleTensor& tensor : some) {
    const gpu::LoadedTensor* const loaded = model.find(tensor.name);
    if (loaded == nullptr) give_up(tensor.name + " was not loaded");
    const std::uint64_t bytes = tensor.rows * tensor.cols * sizeof(std::uint16_t);
    const auto expected = take(gpu::DeviceBuffer::allocate(bytes), "device memory");
    const auto decoded = take(gpu::DeviceBuffer::allocate(bytes), "device memory");
    make_weights(Weights::kNormal, tensor.rows, tensor.cols, tensor.seed,
                 expected.as<std::uint16_t>(), nullptr);
    require(
        gpu::decode(loaded->packed,
                    {decoded.as<std::uint16_t>(), tensor.rows, tensor.cols, tensor.cols}, nullptr),
        "decode");
    if (const auto wrong = count_differences(expected.data(), decoded.data(), bytes / 2, nullptr);
        wrong != 0) {
      give_up(fmt::format("{}: {} weights are wrong", tensor.name, wrong));
    }
  }
}

struct Seconds {
  std::vector<double> load, pinned_copy, read_and_hash;
};

Row result_row(const char* op, const SyntheticBundle& bundle, const gpu::LoadReport& report,
               const Seconds& seconds, const Machine& machine) {
  const double weights = static_cast<double>(bundle.num_weights);
  const auto stored = static_cast<double>(report.copied_bytes);
  const double load = median(seconds.load), copy = median(seconds.pinned_copy);
  const auto [fastest, slowest] = std::minmax_element(seconds.load.begin(), seconds.load.end());
  return {{"op", std::string(op)},
          {"N", nullptr},
          {"K", nullptr},
          {"family", std::string(std::string_view(op) == "load" ? "huffman" : "palette")},
          {"bits_per_weight", static_cast<double>(report.device_bytes) * 8 / weights},
          {"us", load * 1e6},
          {"us_min", *fastest * 1e6},
          {"us_max", *slowest * 1e6},
          {"bf16_gb_s", weights * 2 / load / 1e9},
          {"stored_gb_s", stored / load / 1e9},
          {"sms", std::uint64_t{machine.num_sms}},
          {"baseline", nullptr},
          {"pinned_copy_us", copy * 1e6},
          {"pcie_gb_s", stored / copy / 1e9},
          {"ratio_to_copy", load / copy},
          {"read_and_hash_us", median(seconds.read_and_hash) * 1e6},
          {"plan_us", report.plan_seconds * 1e6},
          {"allocate_us", report.allocate_seconds * 1e6},
          {"threads", std::uint64_t{report.num_threads}},
          {"stored_bytes", report.copied_bytes}};
}

Row run_load(const char* op, gpu::LoadOptions options, const fs::path& path,
             const SyntheticBundle& bundle, ThreadPool& pool, const Machine& machine) {
  auto loader = take(gpu::Loader::create(std::move(options)), "Loader::create");
  const PinnedCopy copy;
  Seconds seconds;
  gpu::LoadReport report;
  for (int run = 0; run <= kRuns; ++run) {
    {
      const auto model = take(loader.load(path), "load");
      report = model.report();
      if (run == 0) check(model, bundle);
    }
    const double copied = copy.seconds(report.copied_bytes);
    const double read = read_and_hash_seconds(path, pool);
    if (run == 0) continue;
    seconds.load.push_back(report.seconds);
    seconds.pinned_copy.push_back(copied);
    seconds.read_and_hash.push_back(read);
  }
  return result_row(op, bundle, report, seconds, machine);
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = parse(argc, argv);
  if (!arguments) {
    fmt::print(stderr,
               "usage: load_bench [--results FOLDER] [--dir FOLDER] [--scale S] [--threads N] "
               "[--staging MIB]\n");
    return 2;
  }
  const auto machine = find_machine();
  if (!machine) {
    fmt::print(stderr, "load_bench: no Hopper GPU on this machine, nothing was timed\n");
    return kNotRun;
  }
  ThreadPool pool(arguments->threads);
  choose_bench_file(*arguments);
  const fs::path& path = bench_file();
  const auto begin = Clock::now();
  const SyntheticBundle bundle =
      write_synthetic_bundle(path, ModelShape::scaled(arguments->scale), pool);
  fmt::print("{}: {:.2f} GB, {:.2f} G weights, written in {:.1f} s\n", path.string(),
             static_cast<double>(bundle.stored_bytes) / 1e9,
             static_cast<double>(bundle.num_weights) / 1e9, seconds_since(begin));

  std::vector<Row> rows;
  gpu::LoadOptions options;
  options.num_threads = arguments->threads;
  options.staging_bytes = arguments->staging_mib << 20;
  rows.push_back(run_load("load", options, path, bundle, pool, *machine));
  options.resident = gpu::LoadOptions::Resident::kPalette;
  rows.push_back(run_load("load_transcode", options, path, bundle, pool, *machine));
  fmt::print("{}", format_table(rows, {"op", "bits_per_weight", "us", "bf16_gb_s", "stored_gb_s",
                                       "pcie_gb_s", "ratio_to_copy", "us_min", "us_max",
                                       "read_and_hash_us", "plan_us", "allocate_us", "threads"}));
  if (!arguments->results.empty()) {
    const std::string written = write_results(
        arguments->results, "load",
        "bundle of Llama 3.1 8B's shapes from page cache to GPU memory, checksums verified; "
        "medians "
        "of 7; bits_per_weight: in GPU memory; pinned_copy_us: the same bytes from pinned memory; "
        "read_and_hash_us: the same threads, no GPU",
        *machine, measure_ceilings(*machine), rows);
    fmt::print("written to {}\n", written);
  }
  return 0;
}
