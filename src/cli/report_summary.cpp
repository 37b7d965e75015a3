// SPDX-License-Identifier: BSD-3-Clause
#include "cli/report_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "cli/human_units.h"

namespace unweight::cli {
namespace {

constexpr std::string_view kBf16 = "BF16";

bool in_palette(const TensorAnalysis& analysis, std::size_t exponent) {
  return std::binary_search(analysis.palette.begin(), analysis.palette.end(), exponent);
}

void add_weighted(BitsSplit& sum, const BitsSplit& bits, double weights) {
  sum.sign_mantissa += bits.sign_mantissa * weights;
  sum.exponents += bits.exponents * weights;
  sum.overhead += bits.overhead * weights;
}

void divide(BitsSplit& sum, double weights) {
  sum.sign_mantissa /= weights;
  sum.exponents /= weights;
  sum.overhead /= weights;
}

void add_statistics(ModelSummary& summary, double& entropy_sum, const TensorInspection& tensor) {
  const TensorAnalysis& analysis = *tensor.analysis;
  const std::uint64_t num_elems = tensor.report.num_elems;
  const auto weights = static_cast<double>(num_elems);
  summary.num_analyzed += num_elems;
  entropy_sum += analysis.exponent_entropy_bits * weights;
  for (std::size_t e = 0; e < 256; ++e) {
    const bool covered = in_palette(analysis, e);
    summary.exponent_count[e] += analysis.exponent_count[e];
    if (!covered) summary.outside_count[e] += analysis.exponent_count[e];
    if (covered) summary.palette_share[e] += weights;
  }
  add_weighted(summary.stored,
               split_bits(analysis, tensor.report.family, tensor.report.stored_bytes), weights);
  add_weighted(summary.palette, split_bits(analysis, Family::kPalette, analysis.palette_bytes),
               weights);
  add_weighted(summary.huffman, split_bits(analysis, Family::kHuffman, analysis.huffman_bytes),
               weights);
  add_weighted(summary.radix, split_bits(analysis, Family::kRadix, analysis.radix_bytes), weights);
}

/// "model.layers" and 12 from "model.layers.12.mlp.up_proj.weight"; the first all-digit part
/// counts.
std::optional<std::pair<std::string, std::uint64_t>> parse_layer(std::string_view name) {
  for (std::size_t begin = 0; begin < name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    const bool number =
        !part.empty() && part.size() <= 6 &&
        std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (number && begin > 0) {
      return std::pair(std::string(name.substr(0, begin - 1)), std::stoull(std::string(part)));
    }
    begin = end + 1;
  }
  return std::nullopt;
}

void add_tensor(LayerSize& layer, const TensorReport& tensor) {
  layer.original_bytes += tensor.original_bytes;
  layer.stored_bytes += tensor.stored_bytes;
  ++layer.num_tensors;
}

}  // namespace

BitsSplit split_bits(const TensorAnalysis& analysis, Family family,
                     std::uint64_t stored_bytes) noexcept {
  double weights = 0;
  for (const auto count : analysis.exponent_count) weights += static_cast<double>(count);
  if (weights == 0) return {};
  const double total = 8 * static_cast<double>(stored_bytes) / weights;
  BitsSplit bits{.sign_mantissa = std::min(8.0, total)};
  double coded = 8;
  if (family == Family::kPalette) coded = 4;
  if (family == Family::kRadix) coded = 3.5;
  if (family == Family::kHuffman) {
    coded = static_cast<double>(analysis.huffman_code_bits) / weights;
  }
  bits.exponents = std::min(coded, total - bits.sign_mantissa);
  bits.overhead = total - bits.sign_mantissa - bits.exponents;
  return bits;
}

ModelSummary summarize(const InspectReport& report) {
  ModelSummary summary;
  double entropy_sum = 0;
  for (const TensorInspection& tensor : report.tensors) {
    ++summary.num_tensors;
    if (tensor.report.family != Family::kRaw) ++summary.num_packed;
    if (tensor.report.dtype == kBf16) {
      ++summary.num_bf16;
      summary.num_weights += tensor.report.num_elems;
      summary.bf16_original_bytes += tensor.report.original_bytes;
      summary.bf16_stored_bytes += tensor.report.stored_bytes;
    }
    if (tensor.analysis && tensor.report.num_elems > 0) {
      add_statistics(summary, entropy_sum, tensor);
    }
  }
  summary.bits_per_weight = bits_per_weight(summary.bf16_stored_bytes, summary.num_weights);
  if (summary.num_analyzed > 0) {
    const auto weights = static_cast<double>(summary.num_analyzed);
    summary.entropy_floor_bits = 8 + entropy_sum / weights;
    for (double& share : summary.palette_share) share /= weights;
    divide(summary.stored, weights);
    divide(summary.palette, weights);
    divide(summary.huffman, weights);
    divide(summary.radix, weights);
  }
  return summary;
}

std::vector<LayerSize> layer_sizes(const InspectReport& report) {
  std::vector<std::string> stacks;  // "model.layers", "vision.blocks": in order of appearance
  std::map<std::pair<std::size_t, std::uint64_t>, LayerSize> layers;
  LayerSize outside{.label = "outside the layers", .short_label = "other"};
  for (const TensorInspection& tensor : report.tensors) {
    const auto layer = parse_layer(tensor.report.name);
    if (!layer) {
      add_tensor(outside, tensor.report);
      continue;
    }
    const auto& [stack, number] = *layer;
    auto known = std::find(stacks.begin(), stacks.end(), stack);
    if (known == stacks.end()) known = stacks.insert(stacks.end(), stack);
    LayerSize& size = layers[{static_cast<std::size_t>(known - stacks.begin()), number}];
    size.label = stack + "." + std::to_string(number);
    size.short_label = std::to_string(number);
    add_tensor(size, tensor.report);
  }
  std::vector<LayerSize> sizes;
  if (layers.size() < 2) return sizes;
  for (auto& entry : layers) sizes.push_back(std::move(entry.second));
  if (outside.num_tensors > 0) sizes.push_back(std::move(outside));
  return sizes;
}

std::vector<LayerSize> largest_tensors(const InspectReport& report, std::size_t limit) {
  std::vector<LayerSize> sizes;
  for (const TensorInspection& tensor : report.tensors) {
    LayerSize size{.label = tensor.report.name, .short_label = tensor.report.name};
    add_tensor(size, tensor.report);
    sizes.push_back(std::move(size));
  }
  std::stable_sort(sizes.begin(), sizes.end(), [](const LayerSize& a, const LayerSize& b) {
    return a.original_bytes > b.original_bytes;
  });
  if (sizes.size() > limit) sizes.resize(limit);
  return sizes;
}

std::string palette_text(const TensorAnalysis& analysis) {
  const auto& palette = analysis.palette;
  if (analysis.palette_is_run) return fmt::format("run {}..{}", palette.front(), palette.back());
  std::string text;
  for (std::size_t i = 0; i < palette.size();) {
    std::size_t last = i;
    while (last + 1 < palette.size() && palette[last + 1] == palette[last] + 1) ++last;
    if (!text.empty()) text += ", ";
    text += last == i ? fmt::format("{}", palette[i])
                      : fmt::format("{}..{}", palette[i], palette[last]);
    i = last + 1;
  }
  return text;
}

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  return shape.empty() ? "scalar" : fmt::format("{}", fmt::join(shape, "x"));
}

}  // namespace unweight::cli
