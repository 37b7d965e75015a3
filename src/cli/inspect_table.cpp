// SPDX-License-Identifier: BSD-3-Clause
#include "cli/inspect_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "cli/human_units.h"
#include "cli/report_summary.h"
#include "cli/terminal_text.h"
#include "cli/text_table.h"

namespace unweight::cli {
namespace {

double sort_key(const TensorInspection& tensor, TableSort sort) {
  constexpr double kMissing = -std::numeric_limits<double>::infinity();
  const TensorReport& report = tensor.report;
  switch (sort) {
    case TableSort::kSize:
      return static_cast<double>(report.original_bytes);
    case TableSort::kStored:
      return static_cast<double>(report.stored_bytes);
    case TableSort::kBits:
      return bits_per_weight(report.stored_bytes, report.num_elems).value_or(kMissing);
    case TableSort::kEntropy:
      return tensor.analysis ? tensor.analysis->exponent_entropy_bits : kMissing;
    case TableSort::kFile:
    case TableSort::kName:
      break;
  }
  return 0;
}

std::vector<const TensorInspection*> sorted_tensors(const InspectReport& report, TableSort sort) {
  std::vector<const TensorInspection*> tensors;
  for (const auto& tensor : report.tensors) tensors.push_back(&tensor);
  if (sort == TableSort::kName) {
    std::stable_sort(tensors.begin(), tensors.end(),
                     [](const auto* a, const auto* b) { return a->report.name < b->report.name; });
  } else if (sort != TableSort::kFile) {
    std::stable_sort(tensors.begin(), tensors.end(), [sort](const auto* a, const auto* b) {
      return sort_key(*a, sort) > sort_key(*b, sort);
    });
  }
  return tensors;
}

// Rows of 8 weights, as TensorAnalysis counts verbatim ones.
std::string verbatim_text(const TensorAnalysis& analysis) {
  return fmt::format("{}", analysis.num_verbatim_rows);
}

std::vector<std::string> statistics_cells(const TensorInspection& tensor) {
  if (!tensor.analysis) return {"-", "-", "-", "-", "-", "-", "-", "-"};
  const TensorAnalysis& analysis = *tensor.analysis;
  const std::uint64_t num_elems = tensor.report.num_elems;
  return {human_number(analysis.exponent_entropy_bits, 3),
          palette_text(analysis),
          human_percent(analysis.palette_coverage),
          verbatim_text(analysis),
          "16.00",
          human_number(bits_per_weight(analysis.palette_bytes, num_elems), 2),
          human_number(bits_per_weight(analysis.radix_bytes, num_elems), 2),
          human_number(bits_per_weight(analysis.huffman_bytes, num_elems), 2)};
}

}  // namespace

std::string render_inspect_table(const InspectReport& report, const TableOptions& options) {
  using enum TextTable::Align;
  TextTable table;
  table.add_column("TENSOR", kLeft);
  table.add_column("DTYPE", kLeft);
  table.add_column("SHAPE", kRight);
  if (options.statistics) {
    table.add_column("H(EXP)", kRight);
    table.add_column("PALETTE", kLeft);
    table.add_column("COVERAGE", kRight);
    table.add_column("VERBATIM ROWS", kRight);
    table.add_column("RAW b/w", kRight);
    table.add_column("PALETTE b/w", kRight);
    table.add_column("RADIX b/w", kRight);
    table.add_column("HUFFMAN b/w", kRight);
  }
  table.add_column("ORIGINAL", kRight);
  // Headers alone do not tell what an original would shrink to.
  const bool stored_is_known = report.is_bundle || options.statistics;
  if (stored_is_known) {
    table.add_column("STORED", kRight);
    table.add_column("b/w", kRight);
    table.add_column("FAMILY", kLeft);
  }

  const auto tensors = sorted_tensors(report, options.sort);
  const std::size_t shown =
      options.limit == 0 ? tensors.size() : std::min(options.limit, tensors.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const TensorReport& tensor = tensors[i]->report;
    std::vector<std::string> cells = {terminal_text(tensor.name), terminal_text(tensor.dtype),
                                      shape_text(tensor.shape)};
    if (options.statistics) {
      for (auto& cell : statistics_cells(*tensors[i])) cells.push_back(std::move(cell));
    }
    cells.push_back(human_bytes(static_cast<double>(tensor.original_bytes)));
    if (stored_is_known) {
      cells.push_back(human_bytes(static_cast<double>(tensor.stored_bytes)));
      cells.push_back(human_number(bits_per_weight(tensor.stored_bytes, tensor.num_elems), 2));
      cells.emplace_back(family_name(tensor.family));
    }
    table.add_row(std::move(cells));
  }
  std::string text = table.render(options.max_columns);
  if (shown < tensors.size()) text += fmt::format("... and {} more\n", tensors.size() - shown);
  return text;
}

std::string render_inspect_totals(const InspectReport& report, bool statistics) {
  const ModelSummary summary = summarize(report);
  const auto original = human_bytes(static_cast<double>(report.original_bytes));
  std::string text = fmt::format("{} tensors, {} BF16 ({} weights)", summary.num_tensors,
                                 summary.num_bf16, human_count(summary.num_weights));
  if (!report.is_bundle && !statistics) return fmt::format("{}, {}\n", text, original);
  text +=
      fmt::format(", {} {}\n", summary.num_packed, report.is_bundle ? "packed" : "would be packed");
  text += fmt::format("{} -> {}{}, {}, {} bits/weight", original,
                      human_bytes(static_cast<double>(report.stored_bytes)),
                      report.is_bundle ? "" : " (estimate)",
                      human_ratio(compression_ratio(report.original_bytes, report.stored_bytes)),
                      human_number(summary.bits_per_weight, 2));
  if (summary.entropy_floor_bits) {
    text += fmt::format(", entropy floor {:.2f}", *summary.entropy_floor_bits);
  }
  return text + "\n";
}

}  // namespace unweight::cli
