// SPDX-License-Identifier: BSD-3-Clause
//
// What `inspect` and `list` print for people.
#pragma once

#include <cstddef>
#include <string>

#include "unweight/bundle.h"

namespace unweight::cli {

enum class TableSort { kFile, kName, kSize, kStored, kBits, kEntropy };

struct TableOptions {
  TableSort sort = TableSort::kFile;  ///< numbers: largest first; tensors without one come last
  std::size_t limit = 0;              ///< rows; 0: all
  bool statistics = true;             ///< the columns that need decoded weights
  std::size_t max_columns = 0;        ///< of the terminal; 0: as wide as it gets
};

[[nodiscard]] std::string render_inspect_table(const InspectReport& report,
                                               const TableOptions& options);
/// The last lines: "16.1 GB -> 10.7 GB (estimate), 1.503x, ...".
[[nodiscard]] std::string render_inspect_totals(const InspectReport& report, bool statistics);

}  // namespace unweight::cli
