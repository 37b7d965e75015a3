// SPDX-License-Identifier: BSD-3-Clause
#include "cli/html_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>

#include "cli/html_text.h"
#include "cli/human_units.h"
#include "cli/report_summary.h"

namespace unweight::cli {
namespace {

constexpr int kSparkHeight = 20;
// A tail that long would squeeze the part that matters into a few pixels.
constexpr std::size_t kMaxSparkBins = 40;

// `value` is what the script sorts by; empty sorts last.
std::string cell(const std::string& text, const std::string& value) {
  const char* quiet = value.empty() ? " class=\"quiet\"" : "";
  return fmt::format("<td{} data-v=\"{}\">{}</td>", quiet, value, text);
}

std::string number_cell(std::optional<double> value, int digits) {
  if (!value) return cell("–", "");
  return cell(human_number(value, digits), fmt::format("{:.6f}", *value));
}

std::string bytes_cell(std::uint64_t bytes) {
  return cell(human_bytes(static_cast<double>(bytes)), std::to_string(bytes));
}

// One path, integer coordinates: a few hundred bytes a tensor.
std::string sparkline(const TensorAnalysis& analysis, const ExponentWindow& window) {
  const std::size_t bins = std::min(window.size(), kMaxSparkBins);
  const std::size_t first = window.last + 1 - bins;
  std::uint64_t largest = 1;
  for (std::size_t i = 0; i < bins; ++i) {
    largest = std::max(largest, analysis.exponent_count[first + i]);
  }
  std::string path = fmt::format("M0 {}", kSparkHeight);
  for (std::size_t i = 0; i < bins; ++i) {
    const double part =
        static_cast<double>(analysis.exponent_count[first + i]) / static_cast<double>(largest);
    fmt::format_to(std::back_inserter(path), "V{:.0f}h1", kSparkHeight * (1 - part));
  }
  return fmt::format(
      "<svg class=\"spark\" viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\" "
      "aria-hidden=\"true\"><path d=\"{}V{}Z\"/></svg>",
      bins, kSparkHeight, path, kSparkHeight);
}

std::string histogram_cells(const TensorInspection& tensor, const ExponentWindow& window) {
  if (!tensor.analysis) return "<td></td>" + cell("–", "");
  return "<td>" + sparkline(*tensor.analysis, window) + "</td>" +
         number_cell(tensor.analysis->exponent_entropy_bits, 3);
}

std::string palette_cells(const TensorInspection& tensor) {
  if (!tensor.analysis) {
    std::string cells;
    for (int i = 0; i < 6; ++i) cells += cell("–", "");
    return cells;
  }
  const TensorAnalysis& analysis = *tensor.analysis;
  const std::uint64_t num_elems = tensor.report.num_elems;
  return number_cell(bits_per_weight(analysis.huffman_bytes, num_elems), 2) +
         number_cell(bits_per_weight(analysis.radix_bytes, num_elems), 2) +
         number_cell(bits_per_weight(analysis.palette_bytes, num_elems), 2) +
         cell(palette_text(analysis), std::to_string(analysis.palette.front())) +
         cell(human_percent(analysis.palette_coverage),
              fmt::format("{:.9f}", analysis.palette_coverage)) +
         cell(grouped_digits(analysis.num_verbatim_rows),
              std::to_string(analysis.num_verbatim_rows));
}

std::string table_row(const TensorInspection& tensor, const ExponentWindow& window) {
  const TensorReport& report = tensor.report;
  const std::string name = html_escape(report.name);
  const std::string place =
      html_escape(report.file + (report.reason.empty() ? "" : "\ncarried: " + report.reason));
  std::string row = fmt::format(
      "<tr><td class=\"left name\" title=\"{}&#10;{}\"><bdi>{}</bdi></td>"
      "<td class=\"left\">{}</td>",
      name, place, name, html_escape(report.dtype));
  row += cell(html_escape(shape_text(report.shape)), std::to_string(report.num_elems));
  row += histogram_cells(tensor, window);
  row += number_cell(bits_per_weight(report.stored_bytes, report.num_elems), 2);
  row += fmt::format("<td class=\"left\"><span class=\"chip {0}\">{0}</span></td>",
                     family_name(report.family));
  row += bytes_cell(report.original_bytes) + bytes_cell(report.stored_bytes);
  return row + palette_cells(tensor) + "</tr>\n";
}

std::string column(const char* title, bool left = false) {
  return fmt::format("<th{} scope=\"col\"><button type=\"button\">{}</button></th>",
                     left ? " class=\"left\"" : "", title);
}

}  // namespace

std::string html_tensor_table(const InspectReport& report, const ExponentWindow& window) {
  std::string html = "<div class=\"table\" tabindex=\"0\"><table><thead><tr>";
  html += column("Tensor", true) + column("Type", true) + column("Shape");
  html += "<th class=\"left\" scope=\"col\">Exponents</th>";
  html += column("Entropy,<br>bits") + column("Stored,<br>bits/w") + column("Family", true) +
          column("Original") + column("Stored") + column("Huffman,<br>bits/w") +
          column("Radix,<br>bits/w") + column("Palette,<br>bits/w") +
          column("Palette,<br>exponents") + column("Coverage") + column("Verbatim<br>rows");
  html += "</tr></thead><tbody>\n";
  for (const TensorInspection& tensor : report.tensors) html += table_row(tensor, window);
  return html + "</tbody></table></div>";
}

}  // namespace unweight::cli
