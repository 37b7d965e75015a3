// SPDX-License-Identifier: BSD-3-Clause
#include "cli/text_table.h"

#include <algorithm>
#include <utility>

#include "cli/terminal_text.h"

namespace unweight::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kMinFirstColumn = 16;

}  // namespace

void TextTable::add_column(std::string title, Align align) {
  columns_.push_back({std::move(title), align});
}

void TextTable::add_row(std::vector<std::string> cells) {
  rows_.push_back(std::move(cells));
}

std::string TextTable::render(std::size_t max_columns) const {
  std::vector<std::size_t> widths;
  std::size_t total = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = display_width(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, display_width(row[i]));
    widths.push_back(width);
    total += width + (i == 0 ? 0 : kGap);
  }
  if (max_columns != 0 && total > max_columns && !widths.empty()) {
    const std::size_t excess = total - max_columns;
    const std::size_t floor = std::min(widths[0], kMinFirstColumn);
    widths[0] = std::max(floor, widths[0] - std::min(widths[0], excess));
  }

  std::string text;
  const auto append_line = [&](const auto& cell_of) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i != 0) line.append(kGap, ' ');
      const std::string cell = shortened(cell_of(i), widths[i]);
      const std::size_t padding = widths[i] - display_width(cell);
      if (columns_[i].align == Align::kRight) line.append(padding, ' ');
      line += cell;
      if (columns_[i].align == Align::kLeft) line.append(padding, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  append_line([&](std::size_t i) { return columns_[i].title; });
  for (const auto& row : rows_) append_line([&](std::size_t i) { return row[i]; });
  return text;
}

}  // namespace unweight::cli
