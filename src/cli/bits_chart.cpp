// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>

#include "cli/html_charts.h"
#include "cli/html_text.h"

namespace unweight::cli {
namespace {

constexpr double kWidth = 560, kLeft = 84, kRight = 58, kTop = 30;
constexpr double kRow = 50, kBar = 30;
constexpr double kBits = 16;
constexpr double kPerBit = (kWidth - kLeft - kRight) / kBits;

// A segment and, where there is room for it, its number.
std::string segment(double& x, double y, double bits, const char* fill, const char* ink,
                    const char* what) {
  // Forced families can exceed 16 bits: the bar then ends at the axis, the number tells.
  const double width = std::min(bits, std::max(0.0, kBits - (x - kLeft) / kPerBit)) * kPerBit;
  if (width <= 0) return {};
  std::string svg =
      svg_rect(x, y, width, kBar, fill, fmt::format("{}\n{:.3f} bits per weight", what, bits));
  if (width > 40) {
    svg += svg_text(x + 9, y + kBar / 2 + 4, ink, Anchor::kStart, fmt::format("{:.2f}", bits));
  }
  x += width;
  return svg;
}

std::string row(const char* label, const char* label_class, const BitsSplit& bits, double y) {
  double x = kLeft;
  std::string svg = svg_text(kLeft - 12, y + kBar / 2 + 4, label_class, Anchor::kEnd, label);
  svg += segment(x, y, bits.sign_mantissa, "sign-mantissa", "on-dark", "sign and mantissa");
  svg += segment(x, y, bits.exponents, "exponents", "on-dark", "exponents");
  svg += segment(x, y, bits.overhead, "overhead", "on-dark",
                 "verbatim rows or escapes, tables, headers, alignment");
  svg += segment(x, y, kBits - bits.total(), "saved", "tick", "saved");
  svg += svg_text(kWidth - kRight + 10, y + kBar / 2 + 4, "value", Anchor::kStart,
                  fmt::format("{:.2f}", bits.total()));
  return svg;
}

}  // namespace

std::string bits_chart(const ModelSummary& summary, bool is_bundle) {
  constexpr int kRows = 5;
  const double bottom = kTop + kRow * kRows;
  std::string svg = svg_open(kWidth, bottom + 44, "Bits per weight by family");
  for (int bits = 0; bits <= 16; bits += 2) {
    const double x = kLeft + bits * kPerBit;
    svg += svg_line(x, kTop, x, bottom, "grid");
    svg += svg_text(x, bottom + 16, "tick", Anchor::kMiddle, std::to_string(bits));
  }
  const double inset = (kRow - kBar) / 2;
  svg += row(is_bundle ? "as stored" : "chosen", "row-label strong", summary.stored, kTop + inset);
  svg += row("Huffman", "row-label", summary.huffman, kTop + kRow + inset);
  svg += row("radix", "row-label", summary.radix, kTop + 2 * kRow + inset);
  svg += row("palette", "row-label", summary.palette, kTop + 3 * kRow + inset);
  svg += row("BF16", "row-label", {.sign_mantissa = 8, .exponents = 8}, kTop + 4 * kRow + inset);
  if (summary.entropy_floor_bits) {
    const double x = kLeft + *summary.entropy_floor_bits * kPerBit;
    svg += svg_line(x, kTop - 8, x, bottom, "floor");
    svg += svg_text(x, kTop - 14, "floor-label", Anchor::kMiddle,
                    fmt::format("entropy floor {:.2f}", *summary.entropy_floor_bits));
  }
  svg += svg_text(kLeft + kBits / 2 * kPerBit, bottom + 38, "axis-title", Anchor::kMiddle,
                  "bits per weight, average over all BF16 weights");
  return svg + "</svg>";
}

}  // namespace unweight::cli
