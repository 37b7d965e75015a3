// SPDX-License-Identifier: BSD-3-Clause
#include "cli/html_text.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "cli/terminal_text.h"

namespace unweight::cli {
namespace {

constexpr std::string_view kReplacement = "\uFFFD";

std::string superscript(int number) {
  static constexpr std::array<const char*, 10> kDigits = {"⁰", "¹", "²", "³", "⁴",
                                                          "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string text;
  for (const char c : std::to_string(number)) {
    text += c == '-' ? "⁻" : kDigits[static_cast<std::size_t>(c - '0')];
  }
  return text;
}

const char* anchor_name(Anchor anchor) {
  switch (anchor) {
    case Anchor::kMiddle:
      return "middle";
    case Anchor::kEnd:
      return "end";
    case Anchor::kStart:
      break;
  }
  return "start";
}

}  // namespace

std::string html_escape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t begin = position;
    const auto [code_point, valid] = decode_utf8(text, position);
    if (code_point == '\n' && valid) {
      escaped += "&#10;";
    } else if (!valid || is_steering_character(code_point)) {
      escaped += kReplacement;
    } else if (code_point == '&') {
      escaped += "&amp;";
    } else if (code_point == '<') {
      escaped += "&lt;";
    } else if (code_point == '>') {
      escaped += "&gt;";
    } else if (code_point == '"') {
      escaped += "&quot;";
    } else if (code_point == '\'') {
      escaped += "&#39;";
    } else {
      escaped.append(text.substr(begin, position - begin));
    }
  }
  return escaped;
}

std::string power_of_two(int exponent) {
  return fmt::format("2{}", superscript(exponent));
}
std::string power_of_ten(int exponent) {
  return fmt::format("10{}", superscript(exponent));
}

std::string svg_text(double x, double y, std::string_view classes, Anchor anchor,
                     std::string_view text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\" text-anchor=\"{}\">{}</text>", x,
                     y, classes, anchor_name(anchor), html_escape(text));
}

std::string svg_rect(double x, double y, double width, double height, std::string_view classes,
                     std::string_view tip) {
  std::string text =
      fmt::format("<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" class=\"{}\"",
                  x, y, std::fmax(width, 0), std::fmax(height, 0), classes);
  if (!tip.empty()) text += fmt::format(" data-tip=\"{}\"", html_escape(tip));
  return text + "/>";
}

std::string svg_line(double x1, double y1, double x2, double y2, std::string_view classes) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>",
                     x1, y1, x2, y2, classes);
}

std::string svg_open(double width, double height, std::string_view label) {
  return fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">", width,
                     height, html_escape(label));
}

double nice_step(double maximum, int ticks) noexcept {
  if (!(maximum > 0) || ticks < 1) return 1;
  const double rough = maximum / ticks;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double leading = rough / power;
  return power * (leading < 1.5 ? 1 : leading < 3.5 ? 2 : leading < 7.5 ? 5 : 10);
}

}  // namespace unweight::cli
