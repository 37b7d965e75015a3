// SPDX-License-Identifier: BSD-3-Clause
#include "base/glob.h"

#include <cstddef>
#include <string>

namespace unweight {
namespace {

constexpr std::size_t kUnclosed = std::string_view::npos;

/// One pattern character, perhaps written as \x; advances at. A backslash at the end is itself.
char take_char(std::string_view pattern, std::size_t& at) {
  if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
  return pattern[at++];
}

/// Walks the class whose '[' is at `at`; returns the position after its ']' or kUnclosed, and
/// whether c belongs to it. A ']' that comes first is a member, as in the shell.
std::size_t walk_class(std::string_view pattern, std::size_t at, char c, bool& member) {
  const auto byte = [](char x) { return static_cast<unsigned char>(x); };
  ++at;
  const bool negated = at < pattern.size() && pattern[at] == '!';
  if (negated) ++at;
  bool found = false;
  for (bool first = true; at < pattern.size(); first = false) {
    if (pattern[at] == ']' && !first) {
      member = found != negated;
      return at + 1;
    }
    const char low = take_char(pattern, at);
    char high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      ++at;
      high = take_char(pattern, at);
    }
    found = found || (byte(low) <= byte(c) && byte(c) <= byte(high));
  }
  return kUnclosed;
}

/// Matches one character of text; returns the pattern position after what matched it, or kUnclosed
/// (here: no match). An unclosed '[' stands for itself.
std::size_t match_one(std::string_view pattern, std::size_t at, char c) {
  if (pattern[at] == '?') return at + 1;
  if (pattern[at] == '[') {
    bool member = false;
    const std::size_t after = walk_class(pattern, at, c, member);
    if (after != kUnclosed) return member ? after : kUnclosed;
  }
  return take_char(pattern, at) == c ? at : kUnclosed;
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) noexcept {
  // Only the last * ever needs to take more: an earlier one that took the shortest match that works
  // leaves the most text for what follows.
  std::size_t p = 0;
  std::size_t star = std::string_view::npos;  // pattern position after the last *
  std::size_t star_text = 0;                  // text position up to which that * reaches
  for (std::size_t t = 0; t < text.size();) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
      continue;
    }
    const std::size_t after = p < pattern.size() ? match_one(pattern, p, text[t]) : kUnclosed;
    if (after != kUnclosed) {
      p = after;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<void> check_glob(std::string_view pattern) {
  const auto fail = [&](const char* what, std::size_t at) {
    return Error{ErrorCode::kInvalidArgument, "pattern \"" + std::string(pattern) + "\": " + what +
                                                  " at character " + std::to_string(at + 1)};
  };
  for (std::size_t at = 0; at < pattern.size();) {
    if (pattern[at] == '\\' && at + 1 == pattern.size()) return fail("trailing backslash", at);
    if (pattern[at] == '[') {
      bool member = false;
      const std::size_t after = walk_class(pattern, at, '\0', member);
      if (after == kUnclosed) return fail("unclosed class", at);
      at = after;
    } else {
      take_char(pattern, at);
    }
  }
  return {};
}

}  // namespace unweight
