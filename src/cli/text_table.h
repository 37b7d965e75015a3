// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace unweight::cli {

/// A plain table: columns two spaces apart, aligned by display width, no trailing spaces.
class TextTable {
 public:
  enum class Align { kLeft, kRight };
  void add_column(std::string title, Align align);
  void add_row(std::vector<std::string> cells);  ///< one (clean) text per column

  /// max_columns != 0: the first column is shortened, down to 16, to keep lines within it.
  [[nodiscard]] std::string render(std::size_t max_columns) const;

 private:
  struct Column {
    std::string title;
    Align align;
  };
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace unweight::cli
