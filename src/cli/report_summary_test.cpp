// SPDX-License-Identifier: BSD-3-Clause
#include "cli/report_summary.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "cli/inspect_table.h"
#include "cli/json_report.h"
#include "cli/synthetic_report.h"

namespace unweight::cli {
namespace {

TEST(ReportSummary, AddsUpTheModel) {
  const InspectReport report = synthetic::transformer(4, 256);
  const ModelSummary summary = summarize(report);
  EXPECT_EQ(summary.num_tensors, report.tensors.size());
  EXPECT_EQ(summary.num_bf16, report.tensors.size() - 1);  // one F32
  const auto counted = std::accumulate(summary.exponent_count.begin(), summary.exponent_count.end(),
                                       std::uint64_t{0});
  EXPECT_EQ(counted, summary.num_weights);
  ASSERT_TRUE(summary.bits_per_weight.has_value());
  EXPECT_NEAR(summary.stored.total(), *summary.bits_per_weight, 1e-9);
  EXPECT_GT(*summary.bits_per_weight, *summary.entropy_floor_bits);
  EXPECT_NEAR(*summary.entropy_floor_bits, 10.55, 0.05);  // N(0,s)
}

TEST(ReportSummary, SplitsBitsByFamily) {
  const TensorInspection tensor = synthetic::bf16_tensor("w", 512, 512, 0.02);
  const std::uint64_t num_elems = 512 * 512;
  const BitsSplit palette = split_bits(*tensor.analysis, Family::kPalette, num_elems * 3 / 2 + 100);
  EXPECT_DOUBLE_EQ(palette.sign_mantissa, 8);
  EXPECT_DOUBLE_EQ(palette.exponents, 4);
  EXPECT_NEAR(palette.overhead, 800.0 / static_cast<double>(num_elems), 1e-9);
  const BitsSplit radix = split_bits(*tensor.analysis, Family::kRadix, num_elems * 3 / 2);
  EXPECT_DOUBLE_EQ(radix.exponents, 3.5);
  EXPECT_DOUBLE_EQ(radix.overhead, 0.5);
  const BitsSplit raw = split_bits(*tensor.analysis, Family::kRaw, num_elems * 2);
  EXPECT_DOUBLE_EQ(raw.exponents, 8);
  EXPECT_DOUBLE_EQ(raw.overhead, 0);
}

TEST(ReportSummary, GathersLayersByNumber) {
  const auto layers = layer_sizes(synthetic::transformer(12, 256));
  ASSERT_EQ(layers.size(), 13U);
  EXPECT_EQ(layers[2].label, "model.layers.2");
  EXPECT_EQ(layers[10].short_label, "10");  // by number, not as text
  EXPECT_EQ(layers[0].num_tensors, 8U);
  EXPECT_EQ(layers.back().num_tensors, 3U);
}

TEST(ReportSummary, LayerNumbersOfOddNames) {
  std::vector<TensorInspection> tensors;
  for (const char* name : {"vision.blocks.1.w", "h.0.experts.7.w", "h.1.w", "0.w", "..", "",
                           "a.1x.w", "h.99999999999999999999.w", "h.2"}) {
    tensors.push_back(synthetic::bf16_tensor(name, 1, 64, 1));
  }
  const auto layers = layer_sizes(synthetic::report_of(std::move(tensors)));
  std::vector<std::string> labels;
  for (const auto& layer : layers) labels.push_back(layer.label);
  EXPECT_EQ(labels, (std::vector<std::string>{"vision.blocks.1", "h.0", "h.1", "h.2",
                                              "outside the layers"}));
}

TEST(ReportSummary, WritesPalettes) {
  TensorAnalysis analysis;
  for (std::size_t i = 0; i < 16; ++i) analysis.palette[i] = static_cast<std::uint8_t>(107 + i);
  analysis.palette_is_run = true;
  EXPECT_EQ(palette_text(analysis), "run 107..122");
  analysis.palette_is_run = false;
  analysis.palette[0] = 0;
  EXPECT_EQ(palette_text(analysis), "0, 108..122");
}

TEST(InspectJson, CarriesEveryNonZeroBin) {
  const InspectReport report = synthetic::transformer(2, 256);
  const auto json = inspect_json(report, true);
  EXPECT_EQ(json["tensors"].size(), report.tensors.size());
  const auto& entry = json["tensors"][0];
  std::uint64_t counted = 0;
  for (const auto& [exponent, count] : entry["analysis"]["exponent_count"].items()) {
    EXPECT_EQ(count, report.tensors[0].analysis->exponent_count[std::stoul(exponent)]);
    EXPECT_NE(count, 0);
    counted += count.get<std::uint64_t>();
  }
  EXPECT_EQ(counted, report.tensors[0].report.num_elems);
  EXPECT_FALSE(json["tensors"].back().contains("analysis"));  // F32
}

TEST(InspectJson, HeadersOfAnOriginalTellNoStoredSize) {
  InspectReport report = synthetic::transformer(2, 256);
  EXPECT_TRUE(inspect_json(report, false)["stored_bytes"].is_null());
  EXPECT_TRUE(inspect_json(report, false)["tensors"][0]["family"].is_null());
  report.is_bundle = true;
  EXPECT_EQ(inspect_json(report, false)["stored_bytes"], report.stored_bytes);
}

TEST(InspectTable, SortsLimitsAndCleansNames) {
  std::vector<TensorInspection> tensors;
  tensors.push_back(synthetic::bf16_tensor("small", 16, 64, 1));
  tensors.push_back(synthetic::bf16_tensor("big\x1b[2J", 512, 512, 1));
  const InspectReport report = synthetic::report_of(std::move(tensors));
  const std::string all = render_inspect_table(report, {.sort = TableSort::kSize});
  EXPECT_LT(all.find("big"), all.find("small"));
  EXPECT_EQ(all.find('\x1b'), std::string::npos);
  const std::string one = render_inspect_table(report, {.sort = TableSort::kFile, .limit = 1});
  EXPECT_EQ(one.find("big"), std::string::npos);
  EXPECT_NE(one.find("... and 1 more"), std::string::npos);
}

}  // namespace
}  // namespace unweight::cli
