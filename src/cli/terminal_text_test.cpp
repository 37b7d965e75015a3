// SPDX-License-Identifier: BSD-3-Clause
#include "cli/terminal_text.h"

#include <gtest/gtest.h>

#include "cli/text_table.h"

namespace unweight::cli {
namespace {

TEST(TerminalText, KeepsLettersOfEveryScript) {
  for (const char* text : {"model.layers.0.weight", "größe", "重み.层", "🧠.w", ""}) {
    EXPECT_EQ(terminal_text(text), text);
  }
}

TEST(TerminalText, ShowsWhatWouldSteerTheTerminal) {
  EXPECT_EQ(terminal_text("a\x1b[2Jb"), "a\\u{1b}[2Jb");
  EXPECT_EQ(terminal_text("a\r\nb\tc\x7f"), "a\\u{d}\\u{a}b\\u{9}c\\u{7f}");
  EXPECT_EQ(terminal_text(std::string_view("\0", 1)), "\\u{0}");
  EXPECT_EQ(terminal_text("\u009b31m"), "\\u{9b}31m");  // C1 control sequence introducer
  EXPECT_EQ(terminal_text("a\u202eb"), "a\\u{202e}b");  // right-to-left override
}

// No byte sequence whatsoever may leave a control byte or invalid UTF-8 behind.
TEST(TerminalText, EveryPairOfBytesComesOutClean) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second)};
      const std::string clean = terminal_text(text);
      for (std::size_t position = 0; position < clean.size();) {
        const auto character = decode_utf8(clean, position);
        ASSERT_TRUE(character.valid) << first << " " << second;
        ASSERT_FALSE(is_steering_character(character.code_point)) << first << " " << second;
      }
    }
  }
}

TEST(TerminalText, RefusesWhatUtf8Forbids) {
  EXPECT_EQ(terminal_text("\xc0\x80"), "\\xc0\\x80");                    // overlong NUL
  EXPECT_EQ(terminal_text("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(terminal_text("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
  EXPECT_EQ(terminal_text("\xe2\x82"), "\\xe2\\x82");                    // cut off
}

TEST(DisplayWidth, CountsColumns) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("é"), 1U);
  EXPECT_EQ(display_width("e\u0301"), 1U);
  EXPECT_EQ(display_width("重み"), 4U);
}

TEST(Shortened, KeepsTheEndAndTheWidth) {
  EXPECT_EQ(shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(shortened("abcdef", 4), "…def");
  EXPECT_EQ(shortened("abcdef", 1), "…");
  EXPECT_EQ(shortened("abcdef", 0), "");
  for (std::size_t columns = 0; columns < 12; ++columns) {
    EXPECT_LE(display_width(shortened("重み.層.weight", columns)), columns);
  }
}

TEST(TextTable, AlignsByColumnsAndShortensTheFirst) {
  TextTable table;
  table.add_column("NAME", TextTable::Align::kLeft);
  table.add_column("SIZE", TextTable::Align::kRight);
  table.add_row({"重み", "5"});
  table.add_row({"a.very.long.name.of.a.tensor", "12345"});
  EXPECT_EQ(table.render(0),
            "NAME                           SIZE\n"
            "重み                              5\n"
            "a.very.long.name.of.a.tensor  12345\n");
  EXPECT_EQ(table.render(25),
            "NAME                 SIZE\n"
            "重み                    5\n"
            "….name.of.a.tensor  12345\n");
}

}  // namespace
}  // namespace unweight::cli
