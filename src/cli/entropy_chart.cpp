// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "cli/html_charts.h"
#include "cli/html_text.h"
#include "cli/human_units.h"

namespace unweight::cli {
namespace {

constexpr double kWidth = 1140, kHeight = 356;
constexpr double kLeft = 50, kRight = 16, kTop = 60, kBottom = 46;
constexpr double kBase = kHeight - kBottom;
// Above the plot: label and dots of tensors carried, or whose header alone is many bits a weight.
constexpr double kStrip = 34, kStripLabel = 14;
// More dots than this cannot be told apart and make the page heavy: the largest tensors are drawn.
constexpr std::size_t kMaxDots = 4000;

struct Dot {
  const TensorInspection* tensor = nullptr;
  double entropy = 0, bits = 0, radius = 0;
};

struct Axes {
  double x_min = 0, x_max = 1, y_min = 0, y_max = 1;
  [[nodiscard]] double x(double entropy) const {
    return kLeft + (entropy - x_min) / (x_max - x_min) * (kWidth - kLeft - kRight);
  }
  [[nodiscard]] double y(double bits) const {
    return kBase - (bits - y_min) / (y_max - y_min) * (kBase - kTop);
  }
};

std::vector<Dot> collect_dots(const InspectReport& report) {
  std::vector<Dot> dots;
  for (const TensorInspection& tensor : report.tensors) {
    const auto bits = bits_per_weight(tensor.report.stored_bytes, tensor.report.num_elems);
    if (!tensor.analysis || !bits) continue;
    dots.push_back({&tensor, tensor.analysis->exponent_entropy_bits, *bits, 0});
  }
  // Large ones first, so that small ones lie on top of them.
  std::stable_sort(dots.begin(), dots.end(), [](const Dot& a, const Dot& b) {
    return a.tensor->report.num_elems > b.tensor->report.num_elems;
  });
  if (dots.size() > kMaxDots) dots.resize(kMaxDots);
  for (Dot& dot : dots) {
    const auto& largest = dots.front().tensor->report;
    dot.radius = 2.5 + 8.5 * std::sqrt(static_cast<double>(dot.tensor->report.num_elems) /
                                       static_cast<double>(largest.num_elems));
  }
  return dots;
}

// The vertical axis is for packed tensors: a carried layer norm at 16 bits would squeeze all that
// matters into the lowest tenth. What lies above goes to the strip.
Axes fit_axes(const std::vector<Dot>& dots) {
  Axes axes{.x_min = 8, .x_max = 0, .y_min = 17, .y_max = 0};
  for (const Dot& dot : dots) {
    axes.x_min = std::min(axes.x_min, dot.entropy);
    axes.x_max = std::max(axes.x_max, dot.entropy);
    axes.y_min = std::min(axes.y_min, 8 + dot.entropy);
    axes.y_max = std::max(axes.y_max, 8 + dot.entropy);
    const bool is_packed = dot.tensor->report.family != Family::kRaw;
    if (is_packed && dot.bits < 16) axes.y_max = std::max(axes.y_max, dot.bits);
  }
  const double x_pad = std::max(0.02, (axes.x_max - axes.x_min) * 0.06);
  const double y_pad = std::max(0.08, (axes.y_max - axes.y_min) * 0.1);
  axes.x_min = std::max(0.0, axes.x_min - x_pad);
  axes.x_max += x_pad;
  axes.y_min = std::max(0.0, axes.y_min - y_pad);
  axes.y_max += y_pad;
  return axes;
}

std::string grid(const Axes& axes) {
  std::string svg;
  const auto ticks = [](double low, double high, int count, const auto& draw) {
    const double step = nice_step(high - low, count);
    const auto last = static_cast<int>(std::floor(high / step));
    for (auto i = static_cast<int>(std::ceil(low / step)); i <= last; ++i) draw(i * step);
  };
  ticks(axes.y_min, axes.y_max, 6, [&](double bits) {
    svg += svg_line(kLeft, axes.y(bits), kWidth - kRight, axes.y(bits), "grid");
    svg += svg_text(kLeft - 8, axes.y(bits) + 4, "tick", Anchor::kEnd, fmt::format("{:g}", bits));
  });
  ticks(axes.x_min, axes.x_max, 12, [&](double entropy) {
    svg += svg_line(axes.x(entropy), kTop, axes.x(entropy), kBase, "grid");
    svg += svg_text(axes.x(entropy), kBase + 17, "tick", Anchor::kMiddle,
                    fmt::format("{:g}", std::abs(entropy) < 1e-9 ? 0 : entropy));
  });
  return svg;
}

// The floor 8 + H, cut off where it leaves the plot.
std::string floor_line(const Axes& axes) {
  const double from = std::max(axes.x_min, axes.y_min - 8);
  const double to = std::min(axes.x_max, axes.y_max - 8);
  if (from >= to) return {};
  return svg_line(axes.x(from), axes.y(8 + from), axes.x(to), axes.y(8 + to), "floor");
}

std::string draw_dot(const Axes& axes, const Dot& dot) {
  const TensorReport& tensor = dot.tensor->report;
  const std::string tip =
      fmt::format("{}\n{} {}, {}\n{:.3f} bits per weight, floor {:.3f}", tensor.name, tensor.dtype,
                  shape_text(tensor.shape), family_name(tensor.family), dot.bits, 8 + dot.entropy);
  return fmt::format(
      "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" class=\"dot {}\" data-tip=\"{}\"/>",
      axes.x(dot.entropy), dot.bits > axes.y_max ? kStrip : axes.y(dot.bits), dot.radius,
      family_name(tensor.family), html_escape(tip));
}

}  // namespace

std::string entropy_chart(const InspectReport& report) {
  const std::vector<Dot> dots = collect_dots(report);
  const Axes axes = fit_axes(dots);
  std::string svg = svg_open(kWidth, kHeight, "Stored bits per weight against exponent entropy");
  svg += grid(axes) + floor_line(axes);
  if (std::any_of(dots.begin(), dots.end(), [&](const Dot& d) { return d.bits > axes.y_max; })) {
    svg += svg_line(kLeft, kTop - 8, kWidth - kRight, kTop - 8, "break");
    svg += svg_text(kLeft + 8, kStripLabel, "tick", Anchor::kStart, "above the scale, carried: 16");
  }
  for (const Dot& dot : dots) svg += draw_dot(axes, dot);
  svg += svg_line(kLeft, kBase, kWidth - kRight, kBase, "axis");
  svg += svg_text((kLeft + kWidth - kRight) / 2, kHeight - 6, "axis-title", Anchor::kMiddle,
                  "entropy of the exponents, bits");
  svg += svg_text(kLeft + 8, kTop + 14, "axis-title", Anchor::kStart, "stored bits per weight");
  return svg + "</svg>";
}

}  // namespace unweight::cli
