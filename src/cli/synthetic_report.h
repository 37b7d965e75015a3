// SPDX-License-Identifier: BSD-3-Clause
//
// Test data: the report of a small transformer with normally distributed weights, made up from the
// distribution itself, without any weights.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "unweight/bundle.h"

namespace unweight::cli::synthetic {

/// Exponent counts of num_elems values of N(0, sigma), a part of them exactly zero.
inline std::array<std::uint64_t, 256> normal_exponents(std::uint64_t num_elems, double sigma,
                                                       double zero_part = 0) {
  std::array<std::uint64_t, 256> counts{};
  const auto zeros = static_cast<std::uint64_t>(static_cast<double>(num_elems) * zero_part);
  counts[0] = zeros;
  const auto rest = static_cast<double>(num_elems - zeros);
  std::uint64_t placed = zeros;
  for (int e = 1; e < 255; ++e) {
    const double low = std::ldexp(1.0, e - 127) / (sigma * std::sqrt(2.0));
    const double part = std::erf(2 * low) - std::erf(low);
    counts[static_cast<std::size_t>(e)] = static_cast<std::uint64_t>(rest * part);
    placed += counts[static_cast<std::size_t>(e)];
  }
  *std::max_element(counts.begin() + 1, counts.end()) += num_elems - placed;
  return counts;
}

inline TensorAnalysis analysis_of(const std::array<std::uint64_t, 256>& counts, std::uint64_t rows,
                                  std::uint64_t cols) {
  TensorAnalysis analysis;
  analysis.rows = rows;
  analysis.cols = cols;
  analysis.exponent_count = counts;
  const auto total = static_cast<double>(rows * cols);
  std::array<std::uint8_t, 256> order{};
  std::iota(order.begin(), order.end(), std::uint8_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint8_t a, std::uint8_t b) { return counts[a] > counts[b]; });
  double covered = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    const auto count = static_cast<double>(counts[order[i]]);
    analysis.palette[i] = order[i];
    covered += count;
  }
  std::sort(analysis.palette.begin(), analysis.palette.end());
  analysis.palette_is_run = analysis.palette[15] - analysis.palette[0] == 15;
  for (const auto count : counts) {
    const double p = static_cast<double>(count) / total;
    if (p > 0) analysis.exponent_entropy_bits -= p * std::log2(p);
  }
  analysis.palette_coverage = covered / total;
  analysis.num_verbatim_rows = static_cast<std::uint64_t>(std::ceil(total - covered));
  analysis.huffman_code_bits =
      static_cast<std::uint64_t>(total * (analysis.exponent_entropy_bits + 0.03));
  const auto verbatim = static_cast<double>(analysis.num_verbatim_rows * 10);
  const double metadata = 1024 + total * 0.002;
  analysis.palette_bytes = static_cast<std::uint64_t>(total * 1.5 + verbatim + metadata);
  analysis.huffman_bytes = static_cast<std::uint64_t>(
      total * (8 + analysis.exponent_entropy_bits + 0.05) / 8 + verbatim + metadata);
  analysis.num_escapes = 4 * analysis.num_verbatim_rows;
  analysis.radix_bytes = static_cast<std::uint64_t>(
      total * 1.4375 + static_cast<double>(3 * analysis.num_escapes) + metadata);
  analysis.smallest = analysis.huffman_bytes < rows * cols * 2 ? Family::kHuffman : Family::kRaw;
  return analysis;
}

inline TensorInspection bf16_tensor(std::string name, std::uint64_t rows, std::uint64_t cols,
                                    double sigma, double zero_part = 0) {
  TensorInspection tensor;
  tensor.analysis = analysis_of(normal_exponents(rows * cols, sigma, zero_part), rows, cols);
  tensor.report = {.name = std::move(name),
                   .dtype = "BF16",
                   .shape = {rows, cols},
                   .file = "model-00001-of-00002.safetensors",
                   .family = tensor.analysis->smallest,
                   .num_elems = rows * cols,
                   .original_bytes = rows * cols * 2,
                   .stored_bytes = tensor.analysis->huffman_bytes,
                   .reason = {}};
  if (tensor.report.family == Family::kRaw) {
    tensor.report.stored_bytes = tensor.report.original_bytes;
    tensor.report.reason = "does not shrink";
  }
  return tensor;
}

inline InspectReport report_of(std::vector<TensorInspection> tensors) {
  InspectReport report{.path = "models/tiny-llama",
                       .is_bundle = false,
                       .tensors = std::move(tensors),
                       .original_bytes = 4096,
                       .stored_bytes = 8192,
                       .seconds = 1.5};
  for (const TensorInspection& tensor : report.tensors) {
    report.original_bytes += tensor.report.original_bytes;
    report.stored_bytes += tensor.report.stored_bytes;
  }
  return report;
}

inline InspectReport transformer(std::size_t num_layers, std::uint64_t width) {
  std::vector<TensorInspection> tensors;
  tensors.push_back(bf16_tensor("model.embed_tokens.weight", 16 * width, width, 0.02, 0.001));
  for (std::size_t layer = 0; layer < num_layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    const double sigma = 0.015 + 0.0005 * static_cast<double>(layer);
    for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
      tensors.push_back(bf16_tensor(prefix + "self_attn." + name + ".weight",
                                    name[0] == 'k' || name[0] == 'v' ? width / 4 : width, width,
                                    sigma * (name[0] == 'q' ? 1.4 : 1)));
    }
    for (const char* name : {"gate_proj", "up_proj", "down_proj"}) {
      tensors.push_back(
          bf16_tensor(prefix + "mlp." + name + ".weight", 7 * width / 2, width, sigma, 0.0002));
    }
    TensorInspection norm = bf16_tensor(prefix + "input_layernorm.weight", 1, width, 0.4);
    norm.report.family = Family::kRaw;
    norm.report.stored_bytes = norm.report.original_bytes;
    norm.report.reason = "does not shrink";
    tensors.push_back(std::move(norm));
  }
  tensors.push_back(bf16_tensor("lm_head.weight", 16 * width, width, 0.03));
  TensorInspection positions;
  positions.report = {.name = "rotary.inv_freq",
                      .dtype = "F32",
                      .shape = {64},
                      .file = "model-00002-of-00002.safetensors",
                      .family = Family::kRaw,
                      .num_elems = 64,
                      .original_bytes = 256,
                      .stored_bytes = 256,
                      .reason = "not BF16"};
  tensors.push_back(std::move(positions));
  return report_of(std::move(tensors));
}

}  // namespace unweight::cli::synthetic
