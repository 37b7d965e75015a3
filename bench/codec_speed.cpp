// SPDX-License-Identifier: BSD-3-Clause
//
// Speed and size of the codec through its public API (unweight/codec.h) on one N(0, 0.02) tensor,
// by one thread and by all. Prints one JSON object a line, for compare.py:
//
//   codec_speed [--rows N] [--cols K] [--runs R] [--threads T] [--dump FILE]
//
// A speed is the median of R runs after a warm-up, in GB/s (1e9) of uncompressed bytes. FILE gets
// the tensor, for other compressors. Encoding is timed with and without the self-check that is the
// default; decoding includes the checksums. Freed memory is kept, as compare.py has it for the
// other compressors: fresh pages of the kernel are not what is compared.
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "hostile_tensors.h"
#include "unweight/codec.h"

namespace {

using unweight::EncodeOptions;
using unweight::Family;
using unweight::MatrixView;

struct Arguments {
  std::uint64_t rows = 14336;
  std::uint64_t cols = 4096;
  std::uint64_t runs = 7;
  std::uint64_t threads = std::max(1u, std::thread::hardware_concurrency());
  std::string dump;
};

std::optional<Arguments> parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) return std::nullopt;
    const std::string_view value = argv[i + 1];
    if (name == "--dump") {
      arguments.dump = value;
      continue;
    }
    std::uint64_t* number = name == "--rows"      ? &arguments.rows
                            : name == "--cols"    ? &arguments.cols
                            : name == "--runs"    ? &arguments.runs
                            : name == "--threads" ? &arguments.threads
                                                  : nullptr;
    if (number == nullptr) return std::nullopt;
    const auto [end, error] = std::from_chars(value.begin(), value.end(), *number);
    if (error != std::errc() || end != value.end() || *number == 0) return std::nullopt;
  }
  return arguments;
}

bool dump(const std::vector<std::uint16_t>& weights, const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return false;
  const std::size_t written =
      std::fwrite(weights.data(), sizeof(std::uint16_t), weights.size(), file);
  return std::fclose(file) == 0 && written == weights.size();
}

/// Median seconds of `runs` calls after one that does not count; nothing when a call fails.
template <typename Call>
std::optional<double> median_seconds(std::uint64_t runs, Call call) {
  if (!call()) return std::nullopt;
  std::vector<double> seconds;
  for (std::uint64_t i = 0; i < runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (!call()) return std::nullopt;
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::nth_element(seconds.begin(), middle, seconds.end());
  return *middle;
}

/// Measures one family with one number of threads and prints its line.
bool measure(MatrixView weights, Family family, unsigned threads, std::uint64_t runs) {
  std::vector<std::byte> blob;
  const auto encode_with = [&](bool self_check) {
    return median_seconds(runs, [&] {
      const EncodeOptions options{family, threads, self_check};
      unweight::Result<std::vector<std::byte>> encoded = unweight::encode(weights, options);
      if (encoded) blob = std::move(*encoded);
      return encoded.ok();
    });
  };
  const std::optional<double> encode = encode_with(false);
  const std::optional<double> encode_checked = encode_with(true);

  std::vector<std::uint16_t> decoded(weights.rows * weights.cols);
  const std::optional<double> decode = median_seconds(runs, [&] {
    const unweight::MutableMatrixView out{decoded.data(), weights.rows, weights.cols, weights.cols};
    return unweight::decode(blob, out, {threads}).ok();
  });
  const std::uint64_t bytes = 2 * weights.rows * weights.cols;
  if (!encode || !encode_checked || !decode ||
      std::memcmp(decoded.data(), weights.data, bytes) != 0) {
    fmt::print(stderr, "codec_speed: {} does not work\n", unweight::family_name(family));
    return false;
  }
  const auto speed = [&](double seconds) { return static_cast<double>(bytes) / seconds / 1e9; };
  fmt::print(
      R"({{"family": "{}", "isa": "{}", "threads": {}, "original_bytes": {}, "stored_bytes": {}, )"
      R"("encode_gb_per_s": {:.4f}, "encode_checked_gb_per_s": {:.4f}, "decode_gb_per_s": {:.4f}}})"
      "\n",
      unweight::family_name(family), unweight::codec_isa(), threads, bytes, blob.size(),
      speed(*encode), speed(*encode_checked), speed(*decode));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
#if defined(__GLIBC__)
  if (mallopt(M_MMAP_MAX, 0) != 1 || mallopt(M_TRIM_THRESHOLD, 0x7fffffff) != 1) return 1;
#endif
  const std::optional<Arguments> arguments = parse(argc, argv);
  if (!arguments) {
    fmt::print(stderr,
               "usage: codec_speed [--rows N] [--cols K] [--runs R] [--threads T] [--dump FILE]\n");
    return 2;
  }
  const std::vector<std::uint16_t> weights =
      unweight::testing::normal_tensor(arguments->rows, arguments->cols).weights;
  if (!arguments->dump.empty() && !dump(weights, arguments->dump)) {
    fmt::print(stderr, "codec_speed: cannot write {}\n", arguments->dump);
    return 1;
  }
  const MatrixView view{weights.data(), arguments->rows, arguments->cols, arguments->cols};
  const auto all = static_cast<unsigned>(arguments->threads);
  for (const Family family : {Family::kHuffman, Family::kPalette, Family::kRadix}) {
    if (!measure(view, family, 1, arguments->runs)) return 1;
    if (all > 1 && !measure(view, family, all, arguments->runs)) return 1;
  }
  return 0;
}
