// SPDX-License-Identifier: BSD-3-Clause
//
// Results files: <folder>/<yyyy-mm-dd>-<gpu>-<name>.json, one for each benchmark and day.
//   {"what", "date", "commit", "machine": {gpu, driver, cuda, ..., read_ceiling_tb_s,
//    copy_ceiling_tb_s}, "rows": [{...}]}
// tools/results.py turns them into tables and pictures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bench_machine.h"
#include "ceilings.h"

namespace unweight::bench {

using Value = std::variant<std::nullptr_t, std::uint64_t, double, std::string>;
/// Names and values, in the order in which the file has them. Doubles are rounded to 1/1000.
using Row = std::vector<std::pair<std::string, Value>>;

/// Writes the file and returns its path. The commit is the environment variable UNWEIGHT_COMMIT.
std::string write_results(const std::string& folder, const std::string& name,
                          const std::string& what, const Machine& machine, const Ceilings& ceilings,
                          const std::vector<Row>& rows);

/// The same to a path of the caller's choice.
void write_results_file(const std::string& path, const std::string& what, const Machine& machine,
                        const Ceilings& ceilings, const std::vector<Row>& rows);

/// The named columns of all rows, aligned; an absent value is "-".
[[nodiscard]] std::string format_table(const std::vector<Row>& rows,
                                       const std::vector<std::string>& columns);

}  // namespace unweight::bench
