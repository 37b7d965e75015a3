// SPDX-License-Identifier: BSD-3-Clause
#include "base/glob.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace unweight {
namespace {

struct Case {
  const char* pattern;
  const char* text;
  bool matches;
};

TEST(Glob, Table) {
  const Case cases[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "model.layers.0/x", true},
      {"a*", "a", true},
      {"*.mlp.*", "model.layers.3.mlp.up_proj.weight", true},
      {"*.mlp.*", "model.layers.3.self_attn.q_proj.weight", false},
      {"*.mlp", "a.mlp.mlp", true},
      {"*ab*ab", "abab", true},
      {"*ab*ab", "ab", false},
      {"a**b", "ab", true},
      {"a?c", "abc", true},
      {"a?c", "ac", false},
      {"?", "", false},
      {"layers.[0-3].w", "layers.3.w", true},
      {"layers.[0-3].w", "layers.4.w", false},
      {"layers.[0-3]*", "layers.31", true},
      {"[!a]", "b", true},
      {"[!a]", "a", false},
      {"[!a]", "", false},
      {"[]x]", "]", true},
      {"[!]]", "]", false},
      {"[a-]", "-", true},
      {"[a-]", "b", false},
      {"[\\]-a]", "^", true},
      {"[z-a]", "m", false},
      {"\\*", "*", true},
      {"\\*", "x", false},
      {"\\[0]", "[0]", true},
      {"*\\?", "what?", true},
      {"[\xC3\xA0-\xC3\xBF]", "\xC3", true},  // bytes above 127 compare as unsigned
  };
  for (const auto& c : cases)
    EXPECT_EQ(glob_match(c.pattern, c.text), c.matches) << c.pattern << " ~ " << c.text;
}

/// The definition, by recursion, for patterns of a, b, ? and *.
bool matches_by_definition(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*')
    return matches_by_definition(pattern.substr(1), text) ||
           (!text.empty() && matches_by_definition(pattern, text.substr(1)));
  return !text.empty() && (pattern[0] == '?' || pattern[0] == text[0]) &&
         matches_by_definition(pattern.substr(1), text.substr(1));
}

void all_strings(std::string_view alphabet, std::size_t max_length, std::string prefix,
                 std::vector<std::string>& out) {
  out.push_back(prefix);
  if (prefix.size() == max_length) return;
  for (const char c : alphabet) all_strings(alphabet, max_length, prefix + c, out);
}

TEST(Glob, AgreesWithTheDefinitionOnEveryShortPattern) {
  std::vector<std::string> patterns;
  std::vector<std::string> texts;
  all_strings("ab?*", 5, "", patterns);
  all_strings("ab", 6, "", texts);
  for (const auto& pattern : patterns)
    for (const auto& text : texts)
      ASSERT_EQ(glob_match(pattern, text), matches_by_definition(pattern, text))
          << pattern << " ~ " << text;
}

TEST(Glob, ManyStarsStayFast) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  pattern += "b";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(glob_match(pattern, std::string(20000, 'a')));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(Glob, CheckNamesThePlace) {
  EXPECT_TRUE(check_glob("*.[a-z]\\[?"));
  const auto unclosed = check_glob("ab[cd");
  ASSERT_FALSE(unclosed);
  EXPECT_EQ(unclosed.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(unclosed.error().message.find("unclosed class at character 3"), std::string::npos);
  const auto trailing = check_glob("ab\\");
  ASSERT_FALSE(trailing);
  EXPECT_NE(trailing.error().message.find("trailing backslash at character 3"), std::string::npos);
  EXPECT_FALSE(check_glob("[]"));
  EXPECT_FALSE(check_glob("[a\\"));
  EXPECT_TRUE(check_glob("[]]"));
}

TEST(Glob, RefusedPatternsStillMatchSomethingSane) {
  EXPECT_TRUE(glob_match("ab[cd", "ab[cd"));
  EXPECT_TRUE(glob_match("ab\\", "ab\\"));
  EXPECT_FALSE(glob_match("[", "a"));
}

}  // namespace
}  // namespace unweight
