// SPDX-License-Identifier: BSD-3-Clause
//
// CpuMatmul on a 4096 x 4096 matrix of N(0, 0.02) weights, beside the decoder alone.
// bytes_per_second counts bytes of uncompressed BF16 weights; flops are multiplies and additions.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <map>
#include <vector>

#include "hostile_tensors.h"
#include "unweight/matmul.h"

namespace {

using unweight::Family;

constexpr std::uint64_t kRows = 4096, kCols = 4096;

const std::vector<std::byte>& blob(Family family) {
  static const unweight::testing::HostileTensor tensor =
      unweight::testing::normal_tensor(kRows, kCols);
  static std::map<Family, std::vector<std::byte>> blobs;
  std::vector<std::byte>& bytes = blobs[family];
  if (bytes.empty()) {
    auto packed = unweight::encode({tensor.weights.data(), kRows, kCols, kCols},
                                   {.family = family, .self_check = false});
    if (!packed) std::abort();
    bytes = std::move(packed).value();
  }
  return bytes;
}

void count(benchmark::State& state, std::uint64_t tokens) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(2 * kRows * kCols));
  state.counters["flops"] = benchmark::Counter(2.0 * kRows * kCols * static_cast<double>(tokens),
                                               benchmark::Counter::kIsIterationInvariantRate);
}

void decode(benchmark::State& state, Family family) {
  const std::vector<std::byte>& packed = blob(family);
  std::vector<std::uint16_t> out(kRows * kCols);
  const auto threads = static_cast<unsigned>(state.range(0));
  for (auto _ : state) {
    if (!unweight::decode(packed, {out.data(), kRows, kCols, kCols},
                          {.num_threads = threads, .verify_checksums = false})) {
      std::abort();
    }
  }
  count(state, 0);
}

void open(benchmark::State& state, Family family) {
  const std::vector<std::byte>& packed = blob(family);
  const auto threads = static_cast<unsigned>(state.range(0));
  for (auto _ : state) {
    if (!unweight::CpuWeights::open(packed, threads)) std::abort();
  }
  count(state, 0);
}

void matmul(benchmark::State& state, Family family) {
  auto weights = unweight::CpuWeights::open(blob(family));
  auto cpu = unweight::CpuMatmul::create(static_cast<unsigned>(state.range(0)));
  const auto tokens = static_cast<std::uint64_t>(state.range(1));
  const std::vector<std::uint16_t> x =
      unweight::testing::normal_tensor(tokens, kCols, 1.0f, 2).weights;
  std::vector<std::uint16_t> y(tokens * kRows);
  for (auto _ : state) {
    if (!cpu->matmul(*weights, {x.data(), tokens, kCols, kCols},
                     {y.data(), tokens, kRows, kRows})) {
      std::abort();
    }
  }
  count(state, tokens);
}

void threads(benchmark::internal::Benchmark* b) {
  b->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
}
void threads_and_tokens(benchmark::internal::Benchmark* b) {
  b->ArgNames({"threads", "tokens"})->UseRealTime()->Unit(benchmark::kMillisecond);
  for (const int n : {1, 2}) {
    for (const int m : {1, 3, 16, 128}) b->Args({n, m});
  }
}

BENCHMARK_CAPTURE(decode, palette, Family::kPalette)->Apply(threads);
BENCHMARK_CAPTURE(decode, huffman, Family::kHuffman)->Apply(threads);
BENCHMARK_CAPTURE(open, palette, Family::kPalette)->Apply(threads);
BENCHMARK_CAPTURE(open, huffman, Family::kHuffman)->Apply(threads);
BENCHMARK_CAPTURE(matmul, palette, Family::kPalette)->Apply(threads_and_tokens);
BENCHMARK_CAPTURE(matmul, huffman, Family::kHuffman)->Apply(threads_and_tokens);

}  // namespace

BENCHMARK_MAIN();
