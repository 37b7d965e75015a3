// SPDX-License-Identifier: BSD-3-Clause
#include "cli/human_units.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstddef>

namespace unweight::cli {
namespace {

// Three significant digits, never fewer than the integer part.
std::string three_digits(double value) {
  if (value < 9.995) return fmt::format("{:.2f}", value);
  if (value < 99.95) return fmt::format("{:.1f}", value);
  return fmt::format("{:.0f}", value);
}

template <std::size_t kCount>
std::string scaled(double value, const std::array<const char*, kCount>& units) {
  if (!(value >= 0)) value = 0;
  if (value < 999.5) return fmt::format("{:.0f}{}", value, units[0]);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kCount) {
    value /= 1000;
    ++unit;
  }
  return three_digits(value) + units[unit];
}

}  // namespace

std::string human_bytes(double bytes) {
  static constexpr std::array kUnits = {" B", " kB", " MB", " GB", " TB", " PB", " EB"};
  return scaled(bytes, kUnits);
}

std::string human_rate(double bytes_per_second) {
  return human_bytes(bytes_per_second) + "/s";
}

std::string human_count(std::uint64_t count) {
  static constexpr std::array kUnits = {"", " K", " M", " B", " T"};
  return scaled(static_cast<double>(count), kUnits);
}

std::string clock_duration(double seconds) {
  if (!(seconds >= 0)) seconds = 0;
  if (seconds > 359999) return ">99 h";
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string human_duration(double seconds) {
  if (!(seconds >= 0)) seconds = 0;
  if (seconds < 59.95) return fmt::format("{:.{}f} s", seconds, seconds < 9.995 ? 2 : 1);
  return clock_duration(seconds);
}

std::string grouped_digits(std::uint64_t count) {
  const std::string digits = std::to_string(count);
  std::string grouped;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) grouped += "\u202f";
    grouped += digits[i];
  }
  return grouped;
}

std::string human_percent(double fraction) {
  if (!(fraction >= 0)) return "-";
  if (fraction >= 1) return "100 %";
  // Rounding must not turn "nearly all" into "all": add decimals until it does not.
  const double percent = fraction * 100;
  for (int digits = 2; digits < 6; ++digits) {
    const std::string text = fmt::format("{:.{}f}", percent, digits);
    if (!text.starts_with("100")) return text + " %";
  }
  return ">99.9999 %";
}

std::optional<double> compression_ratio(std::uint64_t original_bytes,
                                        std::uint64_t stored_bytes) noexcept {
  if (stored_bytes == 0) return std::nullopt;
  return static_cast<double>(original_bytes) / static_cast<double>(stored_bytes);
}

std::optional<double> bits_per_weight(std::uint64_t stored_bytes,
                                      std::uint64_t num_weights) noexcept {
  if (num_weights == 0) return std::nullopt;
  return 8 * static_cast<double>(stored_bytes) / static_cast<double>(num_weights);
}

std::string human_number(std::optional<double> value, int digits) {
  return value ? fmt::format("{:.{}f}", *value, digits) : "-";
}

std::string human_ratio(std::optional<double> ratio) {
  return ratio ? human_number(ratio, 3) + "x" : "-";
}

}  // namespace unweight::cli
