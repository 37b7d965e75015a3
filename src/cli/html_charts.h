// SPDX-License-Identifier: BSD-3-Clause
//
// The charts of the HTML report: inline SVG, coloured by classes of html_style.h, so that light and
// dark share one drawing.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/report_summary.h"
#include "unweight/bundle.h"

namespace unweight::cli {

/// First and last exponent worth drawing. Exponent 0 (zeros and subnormals) lies far below the
/// others and is drawn apart.
struct ExponentWindow {
  std::size_t first = 1, last = 254;
  bool has_zero = false;
  [[nodiscard]] std::size_t size() const noexcept { return last - first + 1; }
};
/// Below this share a bar on a linear scale has no height.
inline constexpr double kVisibleShare = 2e-5;
/// The same for a sparkline of twenty pixels.
inline constexpr double kSparkShare = 1e-3;
/// Around the exponents that at least min_share of the analysed weights have.
[[nodiscard]] ExponentWindow exponent_window(const ModelSummary& summary,
                                             double min_share) noexcept;

enum class ExponentScale { kLinear, kLog };
/// Share of all weights by exponent; weights outside their palette in the warning colour.
[[nodiscard]] std::string exponent_chart(const ModelSummary& summary, ExponentScale scale);
/// One bar of 16 bits per family: sign and mantissa, exponents, overhead, saved.
[[nodiscard]] std::string bits_chart(const ModelSummary& summary, bool is_bundle);
/// A column per layer: stored, and saved on top of it.
[[nodiscard]] std::string layer_chart(const std::vector<LayerSize>& layers);
/// A bar per tensor, for models without layer numbers.
[[nodiscard]] std::string largest_chart(const std::vector<LayerSize>& tensors);
/// A dot per tensor: entropy of its exponents against its stored bits per weight.
[[nodiscard]] std::string entropy_chart(const InspectReport& report);

}  // namespace unweight::cli
