// SPDX-License-Identifier: BSD-3-Clause
//
// Pieces of HTML and SVG text. Every string from a file or the command line goes through
// html_escape; numbers are formatted by us.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace unweight::cli {

/// Safe as element text and inside double- or single-quoted attributes. Invalid UTF-8 and
/// characters that steer the text around them (controls, bidirectional overrides) become U+FFFD.
[[nodiscard]] std::string html_escape(std::string_view text);

/// "2⁻⁷"
[[nodiscard]] std::string power_of_two(int exponent);
[[nodiscard]] std::string power_of_ten(int exponent);

enum class Anchor { kStart, kMiddle, kEnd };
/// SVG elements; coordinates in user units. `classes` are ours, `text` and `tip` get escaped here.
/// A tip with lines is shown by the page's script on hover.
[[nodiscard]] std::string svg_text(double x, double y, std::string_view classes, Anchor anchor,
                                   std::string_view text);
[[nodiscard]] std::string svg_rect(double x, double y, double width, double height,
                                   std::string_view classes, std::string_view tip = {});
[[nodiscard]] std::string svg_line(double x1, double y1, double x2, double y2,
                                   std::string_view classes);
[[nodiscard]] std::string svg_open(double width, double height, std::string_view label);

/// A step of 1, 2 or 5 times a power of ten that divides [0, maximum] into about `ticks` parts.
[[nodiscard]] double nice_step(double maximum, int ticks) noexcept;

}  // namespace unweight::cli
