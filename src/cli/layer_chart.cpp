// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/html_charts.h"
#include "cli/html_text.h"
#include "cli/human_units.h"
#include "cli/terminal_text.h"

namespace unweight::cli {
namespace {

constexpr double kWidth = 1140;
constexpr std::size_t kLabelColumns = 44;

double largest_bytes(const std::vector<LayerSize>& sizes) {
  std::uint64_t largest = 1;
  for (const auto& size : sizes) {
    largest = std::max({largest, size.original_bytes, size.stored_bytes});
  }
  return static_cast<double>(largest);
}

std::string size_tip(const LayerSize& size) {
  return fmt::format("{}\n{} → {} ({})\n{} tensor{}", size.label,
                     human_bytes(static_cast<double>(size.original_bytes)),
                     human_bytes(static_cast<double>(size.stored_bytes)),
                     human_ratio(compression_ratio(size.original_bytes, size.stored_bytes)),
                     grouped_digits(size.num_tensors), size.num_tensors == 1 ? "" : "s");
}

}  // namespace

std::string layer_chart(const std::vector<LayerSize>& layers) {
  constexpr double kHeight = 270, kLeft = 66, kRight = 8, kTop = 12, kBottom = 44;
  constexpr double kBase = kHeight - kBottom;
  const double largest = largest_bytes(layers);
  const double per_byte = (kBase - kTop) / (largest * 1.04);
  const double slot = (kWidth - kLeft - kRight) / static_cast<double>(layers.size());
  const double width = std::min(slot * (slot > 8 ? 0.76 : 0.9), 56.0);

  std::string svg = svg_open(kWidth, kHeight, "Size of every layer");
  const double step = nice_step(largest * 1.04, 4);
  for (int i = 1; step * i <= largest * 1.04; ++i) {
    const double y = kBase - step * i * per_byte;
    svg += svg_line(kLeft, y, kWidth - kRight, y, "grid");
    svg += svg_text(kLeft - 8, y + 4, "tick", Anchor::kEnd, human_bytes(step * i));
  }
  const auto stride = static_cast<std::size_t>(std::ceil(30 / slot));
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerSize& layer = layers[i];
    const double center = kLeft + slot * (static_cast<double>(i) + 0.5);
    const double original = static_cast<double>(layer.original_bytes) * per_byte;
    const double stored = static_cast<double>(layer.stored_bytes) * per_byte;
    const double left = center - width / 2;
    svg += svg_rect(left, kBase - original, width, original, "saved");
    svg += svg_rect(left, kBase - stored, width, stored, "exponents");
    svg += svg_rect(center - slot / 2, kTop, slot, kBase - kTop, "hit", size_tip(layer));
    const bool is_last = i + 1 == layers.size();
    const bool labelled = i % stride == 0 && (is_last || layers.size() - 1 - i >= stride);
    if (labelled || is_last) {
      svg += svg_text(center, kBase + 17, "tick", Anchor::kMiddle, layer.short_label);
    }
  }
  svg += svg_line(kLeft, kBase, kWidth - kRight, kBase, "axis");
  svg +=
      svg_text((kLeft + kWidth - kRight) / 2, kHeight - 6, "axis-title", Anchor::kMiddle, "layer");
  return svg + "</svg>";
}

std::string largest_chart(const std::vector<LayerSize>& tensors) {
  constexpr double kLeft = 330, kRight = 150, kRow = 24, kBar = 14, kTop = 6;
  const double per_byte = (kWidth - kLeft - kRight) / largest_bytes(tensors);
  const double height = kTop * 2 + kRow * static_cast<double>(tensors.size());
  std::string svg = svg_open(kWidth, height, "Size of the largest tensors");
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const LayerSize& tensor = tensors[i];
    const double y = kTop + kRow * static_cast<double>(i);
    const double bar = y + (kRow - kBar) / 2;
    const double original = static_cast<double>(tensor.original_bytes) * per_byte;
    const double stored = static_cast<double>(tensor.stored_bytes) * per_byte;
    svg += svg_text(kLeft - 12, y + kRow / 2 + 4, "row-label", Anchor::kEnd,
                    shortened(tensor.short_label, kLabelColumns));
    svg += svg_rect(kLeft, bar, original, kBar, "saved");
    svg += svg_rect(kLeft, bar, stored, kBar, "exponents");
    svg +=
        svg_text(kLeft + std::max(original, stored) + 10, y + kRow / 2 + 4, "tick", Anchor::kStart,
                 fmt::format("{} → {}", human_bytes(static_cast<double>(tensor.original_bytes)),
                             human_bytes(static_cast<double>(tensor.stored_bytes))));
    svg += svg_rect(0, y, kWidth, kRow, "hit", size_tip(tensor));
  }
  return svg + "</svg>";
}

}  // namespace unweight::cli
