// SPDX-License-Identifier: BSD-3-Clause
//
// Names from files are hostile: nothing in them may steer the terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace unweight::cli {

/// One code point read from `text` at `position`, which moves on. Invalid UTF-8 gives one byte at a
/// time with valid == false.
struct DecodedCharacter {
  std::uint32_t code_point = 0;
  bool valid = false;
};
[[nodiscard]] DecodedCharacter decode_utf8(std::string_view text, std::size_t& position) noexcept;

/// Characters that change how text around them shows: controls, line and paragraph separators,
/// bidirectional overrides, tags.
[[nodiscard]] bool is_steering_character(std::uint32_t code_point) noexcept;

/// The text with steering characters as \u{1b} and invalid bytes as \x9b. Everything else, letters
/// of every script included, stays.
[[nodiscard]] std::string terminal_text(std::string_view text);

/// Columns that (clean) text takes on a terminal: 2 for East Asian wide characters and emoji, 0 for
/// combining marks.
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;

/// At most `columns` columns: longer text keeps its end, which tells tensors apart
/// ("…q_proj.weight").
[[nodiscard]] std::string shortened(std::string_view text, std::size_t columns);

}  // namespace unweight::cli
