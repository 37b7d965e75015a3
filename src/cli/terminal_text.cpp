// SPDX-License-Identifier: BSD-3-Clause
#include "cli/terminal_text.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

namespace unweight::cli {
namespace {

struct CodePointRange {
  std::uint32_t first, last;
};

template <std::size_t kCount>
bool in_ranges(std::uint32_t code_point, const std::array<CodePointRange, kCount>& ranges) {
  for (const auto& range : ranges) {
    if (code_point >= range.first && code_point <= range.last) return true;
  }
  return false;
}

std::size_t character_width(std::uint32_t code_point) noexcept {
  static constexpr std::array<CodePointRange, 6> kCombining = {{{0x300, 0x36f},
                                                                {0x1ab0, 0x1aff},
                                                                {0x1dc0, 0x1dff},
                                                                {0x20d0, 0x20ff},
                                                                {0xfe00, 0xfe0f},
                                                                {0xfe20, 0xfe2f}}};
  static constexpr std::array<CodePointRange, 8> kWide = {{{0x1100, 0x115f},
                                                           {0x2e80, 0xa4cf},
                                                           {0xac00, 0xd7a3},
                                                           {0xf900, 0xfaff},
                                                           {0xfe30, 0xfe6f},
                                                           {0xff00, 0xff60},
                                                           {0x1f300, 0x1faff},
                                                           {0x20000, 0x3fffd}}};
  if (in_ranges(code_point, kCombining)) return 0;
  return in_ranges(code_point, kWide) ? 2 : 1;
}

}  // namespace

DecodedCharacter decode_utf8(std::string_view text, std::size_t& position) noexcept {
  const auto byte_at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte_at(position);
  if (lead < 0x80) {
    ++position;
    return {lead, true};
  }
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead >= 0xc2 && lead <= 0xf4 && position + length <= text.size()) {
    std::uint32_t code_point = lead & (0x7fU >> length);
    bool valid = true;
    for (std::size_t i = 1; i < length; ++i) {
      valid = valid && (byte_at(position + i) & 0xc0) == 0x80;
      code_point = code_point << 6 | (byte_at(position + i) & 0x3fU);
    }
    static constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
    valid = valid && code_point >= kSmallest[length] && code_point <= 0x10ffff &&
            !(code_point >= 0xd800 && code_point <= 0xdfff);
    if (valid) {
      position += length;
      return {code_point, true};
    }
  }
  ++position;
  return {lead, false};
}

bool is_steering_character(std::uint32_t code_point) noexcept {
  static constexpr std::array<CodePointRange, 9> kSteering = {{{0x00, 0x1f},
                                                               {0x7f, 0x9f},
                                                               {0xad, 0xad},
                                                               {0x61c, 0x61c},
                                                               {0x200b, 0x200f},
                                                               {0x2028, 0x202e},
                                                               {0x2060, 0x206f},
                                                               {0xfeff, 0xfeff},
                                                               {0xe0000, 0xe0fff}}};
  return in_ranges(code_point, kSteering);
}

std::string terminal_text(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t begin = position;
    const auto [code_point, valid] = decode_utf8(text, position);
    if (!valid) {
      fmt::format_to(std::back_inserter(clean), "\\x{:02x}", code_point);
    } else if (is_steering_character(code_point)) {
      fmt::format_to(std::back_inserter(clean), "\\u{{{:x}}}", code_point);
    } else {
      clean.append(text.substr(begin, position - begin));
    }
  }
  return clean;
}

std::size_t display_width(std::string_view text) noexcept {
  std::size_t width = 0;
  for (std::size_t position = 0; position < text.size();) {
    width += character_width(decode_utf8(text, position).code_point);
  }
  return width;
}

std::string shortened(std::string_view text, std::size_t columns) {
  std::size_t width = display_width(text);
  if (width <= columns) return std::string(text);
  if (columns == 0) return {};
  std::size_t position = 0;
  while (position < text.size() && width > columns - 1) {
    width -= character_width(decode_utf8(text, position).code_point);
  }
  return "…" + std::string(text.substr(position));
}

}  // namespace unweight::cli
