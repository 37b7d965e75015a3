// SPDX-License-Identifier: BSD-3-Clause
//
// One weight matrix in memory: what would it shrink to, pack it, unpack it, compare.
#include <unweight/codec.h>

#include <bit>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

namespace {

// What a trained layer looks like: normally distributed weights, rounded to BF16 (toward zero).
std::vector<std::uint16_t> make_weights(std::uint64_t rows, std::uint64_t cols) {
  std::mt19937 rng(1);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  std::vector<std::uint16_t> weights(rows * cols);
  for (auto& w : weights)
    w = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(normal(rng)) >> 16);
  return weights;
}

int fail(const unweight::Error& error) {
  std::fprintf(stderr, "%s: %s\n", unweight::error_code_name(error.code), error.message.c_str());
  return 1;
}

}  // namespace

int main() {
  const std::uint64_t rows = 1000, cols = 768;  // any size: no multiple of anything is needed
  const std::vector<std::uint16_t> weights = make_weights(rows, cols);
  const unweight::MatrixView view{weights.data(), rows, cols, cols};

  const auto analysis = unweight::analyze(view);
  if (!analysis) return fail(analysis.error());
  std::printf("exponent entropy %.2f bits; palette %llu bytes, Huffman about %llu, smallest: %s\n",
              analysis->exponent_entropy_bits,
              static_cast<unsigned long long>(analysis->palette_bytes),
              static_cast<unsigned long long>(analysis->huffman_bytes),
              unweight::family_name(analysis->smallest));

  const auto blob = unweight::encode(view);
  if (!blob) return fail(blob.error());
  const auto info = unweight::packed_tensor_info(*blob);
  if (!info) return fail(info.error());
  std::printf("packed %zu bytes of weights into %zu: %.2f bits a weight (codec: %s)\n",
              weights.size() * 2, blob->size(), info->bits_per_weight(), unweight::codec_isa());

  std::vector<std::uint16_t> restored(weights.size());
  const auto decoded = unweight::decode(*blob, {restored.data(), rows, cols, cols});
  if (!decoded) return fail(decoded.error());
  std::printf("restored: %s\n", restored == weights ? "bit for bit the same" : "DIFFERENT");
  return restored == weights ? 0 : 1;
}
