// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/html_charts.h"
#include "cli/html_text.h"
#include "cli/human_units.h"

namespace unweight::cli {
namespace {

constexpr double kWidth = 560, kHeight = 300;
constexpr double kLeft = 50, kRight = 8, kTop = 12, kBottom = 60;
constexpr double kPlotWidth = kWidth - kLeft - kRight;
constexpr double kPlotHeight = kHeight - kTop - kBottom;
constexpr double kBase = kTop + kPlotHeight;
constexpr int kMinDecade = -9;

struct Axis {
  ExponentScale scale = ExponentScale::kLinear;
  double maximum = 1;  // linear: share at the top
  int decade = -1;     // log: power of ten at the bottom

  [[nodiscard]] double height(double share) const {
    if (share <= 0) return 0;
    const double part = scale == ExponentScale::kLinear
                            ? share / maximum
                            : (std::log10(share) - decade) / static_cast<double>(-decade);
    return std::clamp(part, 0.0, 1.0) * kPlotHeight;
  }
};

double share_of(const ModelSummary& summary, std::uint64_t count) {
  return static_cast<double>(count) / static_cast<double>(summary.num_analyzed);
}

Axis make_axis(const ModelSummary& summary, ExponentScale scale) {
  Axis axis{.scale = scale};
  double largest = 0, smallest = 1;
  for (const auto count : summary.exponent_count) {
    if (count == 0) continue;
    largest = std::max(largest, share_of(summary, count));
    smallest = std::min(smallest, share_of(summary, count));
  }
  axis.maximum = largest * 1.05;
  axis.decade = std::clamp(static_cast<int>(std::floor(std::log10(smallest))), kMinDecade, -1);
  return axis;
}

std::string grid(const Axis& axis) {
  std::string svg;
  const auto tick = [&](double share, const std::string& label) {
    const double y = kBase - axis.height(share);
    svg += svg_line(kLeft, y, kWidth - kRight, y, "grid");
    svg += svg_text(kLeft - 8, y + 4, "tick", Anchor::kEnd, label);
  };
  if (axis.scale == ExponentScale::kLinear) {
    const double step = nice_step(axis.maximum, 5);
    for (int i = 1; step * i <= axis.maximum; ++i) {
      tick(step * i, fmt::format("{:g} %", step * i * 100));
    }
  } else {
    const int stride = axis.decade < -5 ? 2 : 1;
    for (int decade = 0; decade > axis.decade; decade -= stride) {
      tick(std::pow(10, decade),
           decade >= -2 ? fmt::format("{:g} %", std::pow(10, decade + 2)) : power_of_ten(decade));
    }
  }
  return svg;
}

std::string bar_tip(const ModelSummary& summary, std::size_t e) {
  std::string tip = e == 0     ? "exponent 0: zeros and subnormals"
                    : e == 255 ? "exponent 255: infinities and NaN"
                               : fmt::format("exponent {}: magnitude {} to {}", e,
                                             power_of_two(static_cast<int>(e) - 127),
                                             power_of_two(static_cast<int>(e) - 126));
  tip += fmt::format("\n{} weights, {:.3g} %", grouped_digits(summary.exponent_count[e]),
                     100 * share_of(summary, summary.exponent_count[e]));
  if (summary.outside_count[e] > 0) {
    tip += fmt::format("\n{} outside their palette", grouped_digits(summary.outside_count[e]));
  }
  return tip;
}

// Linear bars are stacked. On a log scale a stack would mislead: there the part outside is a bar of
// its own from the base line.
std::string bar(const ModelSummary& summary, const Axis& axis, std::size_t e, double x,
                double slot) {
  const double gap = slot > 6 ? 2 : slot > 3 ? 1 : 0.25;
  const double width = slot - gap;
  const double total = axis.height(share_of(summary, summary.exponent_count[e]));
  const double outside = axis.height(share_of(summary, summary.outside_count[e]));
  std::string svg;
  if (const double share = summary.palette_share[e]; share > 0.005) {
    svg += fmt::format(
        "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" class=\"band\" "
        "opacity=\"{:.2f}\"/>",
        x, kTop, slot, kPlotHeight, share);
  }
  const double left = x + gap / 2;
  if (total > 0) svg += svg_rect(left, kBase - total, width, total, "exponents");
  if (outside > 0) {
    const double top = axis.scale == ExponentScale::kLinear ? total : outside;
    svg += svg_rect(left, kBase - top, width, outside, "overhead");
  }
  if (summary.exponent_count[e] > 0) {
    svg += svg_rect(x, kTop, slot, kPlotHeight, "hit", bar_tip(summary, e));
  }
  return svg;
}

std::string exponent_label(std::size_t e, double x) {
  return svg_text(x, kBase + 17, "tick", Anchor::kMiddle, std::to_string(e)) +
         (e == 0 ? svg_text(x, kBase + 33, "tick small", Anchor::kMiddle, "0")
                 : svg_text(x, kBase + 33, "tick small", Anchor::kMiddle,
                            power_of_two(static_cast<int>(e) - 127)));
}

}  // namespace

ExponentWindow exponent_window(const ModelSummary& summary, double min_share) noexcept {
  ExponentWindow window{.first = 256, .last = 0, .has_zero = summary.exponent_count[0] > 0};
  const double min_count = min_share * static_cast<double>(summary.num_analyzed);
  for (std::size_t e = 1; e < 256; ++e) {
    const auto count = static_cast<double>(summary.exponent_count[e]);
    if (count == 0 || count < min_count) continue;
    window.first = std::min(window.first, e);
    window.last = e;
  }
  if (window.first > window.last) return {.first = 120, .last = 127, .has_zero = window.has_zero};
  // A tensor of one or two values still gets an axis.
  while (window.size() < 8) {
    if (window.first > 1) --window.first;
    if (window.last < 255 && window.size() < 8) ++window.last;
  }
  return window;
}

std::string exponent_chart(const ModelSummary& summary, ExponentScale scale) {
  const Axis axis = make_axis(summary, scale);
  const ExponentWindow window =
      exponent_window(summary, scale == ExponentScale::kLinear ? kVisibleShare : 0);
  // The zero bar takes one slot and a gap of one.
  const double num_slots = static_cast<double>(window.size()) + (window.has_zero ? 2 : 0);
  const double slot = kPlotWidth / num_slots;
  const double begin = kLeft + (window.has_zero ? 2 * slot : 0);

  std::string svg = svg_open(kWidth, kHeight, "Share of weights by exponent");
  std::string bars, labels;
  if (window.has_zero) {
    bars += bar(summary, axis, 0, kLeft, slot);
    labels += exponent_label(0, kLeft + slot / 2);
  }
  const auto stride = static_cast<std::size_t>(std::ceil(38 / slot));
  for (std::size_t e = window.first; e <= window.last; ++e) {
    const double x = begin + slot * static_cast<double>(e - window.first);
    bars += bar(summary, axis, e, x, slot);
    const bool clear_of_zero = !window.has_zero || x - kLeft > 36;
    if (e % stride == 0 && clear_of_zero) labels += exponent_label(e, x + slot / 2);
  }
  svg += grid(axis) + bars + svg_line(kLeft, kBase, kWidth - kRight, kBase, "axis") + labels;
  svg += svg_text(kLeft + kPlotWidth / 2, kHeight - 4, "axis-title", Anchor::kMiddle,
                  "biased exponent, and the magnitude it stands for");
  return svg + "</svg>";
}

}  // namespace unweight::cli
