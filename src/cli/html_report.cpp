// SPDX-License-Identifier: BSD-3-Clause
#include "cli/html_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "cli/html_charts.h"
#include "cli/html_script.h"
#include "cli/html_style.h"
#include "cli/html_table.h"
#include "cli/html_text.h"
#include "cli/human_units.h"
#include "cli/report_summary.h"

namespace unweight::cli {
namespace {

constexpr std::size_t kLargestTensors = 24;

std::string figure(const std::string& label, const std::string& number, const std::string& more) {
  return fmt::format(
      "<div class=\"figure\"><dt>{}</dt><dd class=\"number\">{}</dd><dd "
      "class=\"more\">{}</dd></div>",
      label, number, more);
}

std::string title_of(const InspectReport& report) {
  const std::filesystem::path path = report.path;
  const auto name = path.has_filename() ? path.filename() : path.parent_path().filename();
  return name.empty() ? report.path : name.string();
}

std::string page_header(const InspectReport& report, const ModelSummary& summary) {
  std::set<std::string> files;
  for (const auto& tensor : report.tensors) files.insert(tensor.report.file);
  return fmt::format(
      "<header><p class=\"kicker\">unweight inspect</p><h1><bdi>{}</bdi></h1>"
      "<p class=\"subtitle\">{}; {} weight file{}, {} tensors, {} BF16 weights</p></header>\n",
      html_escape(title_of(report)),
      report.is_bundle ? "Compressed bundle" : "Original; stored sizes are estimates", files.size(),
      files.size() == 1 ? "" : "s", grouped_digits(summary.num_tensors),
      grouped_digits(summary.num_weights));
}

std::string headline(const InspectReport& report, const ModelSummary& summary) {
  const auto original = static_cast<double>(report.original_bytes);
  const auto stored = static_cast<double>(report.stored_bytes);
  const double part = original > 0 ? std::min(1.0, stored / original) : 1;
  std::string html = "<section class=\"card\"><dl class=\"figures\" style=\"margin:0\">";
  html += figure(report.is_bundle ? "Original → stored" : "Original → stored (estimate)",
                 fmt::format("{}<span>→</span>{}", human_bytes(original), human_bytes(stored)),
                 stored <= original ? fmt::format("{} saved", human_bytes(original - stored))
                                    : "nothing saved");
  html +=
      figure("Compression ratio",
             human_number(compression_ratio(report.original_bytes, report.stored_bytes), 3) + "×",
             fmt::format("{:.1f} % of the original", 100 * (original > 0 ? stored / original : 1)));
  html += figure("Bits per weight", human_number(summary.bits_per_weight, 2), "of BF16's 16");
  html += figure("Entropy floor", human_number(summary.entropy_floor_bits, 2),
                 summary.entropy_floor_bits
                     ? fmt::format("8 + {:.2f} of exponent", *summary.entropy_floor_bits - 8)
                     : "no BF16 statistics");
  html += figure("Tensors packed",
                 fmt::format("{}<span>/</span>{}", grouped_digits(summary.num_packed),
                             grouped_digits(summary.num_tensors)),
                 fmt::format("{} BF16 weights", human_count(summary.num_weights)));
  html += fmt::format(
      "</dl><div class=\"proportion\" data-tip=\"{:.1f} % of the original size is stored\">"
      "<i style=\"width:{:.2f}%\"></i></div></section>\n",
      100 * part, 100 * part);
  return html;
}

std::string exponent_card(const ModelSummary& summary) {
  std::string html =
      "<section class=\"card\">"
      "<input class=\"scale\" type=\"radio\" name=\"scale\" id=\"linear\" checked>"
      "<input class=\"scale\" type=\"radio\" name=\"scale\" id=\"log\">"
      "<div class=\"heading\"><h2>Exponents</h2><div class=\"switch\">"
      "<label for=\"linear\">linear</label><label for=\"log\">log</label></div></div>"
      "<p class=\"note\">Share of all BF16 weights by exponent. A palette holds 16 exponents per "
      "tensor; the exponents of a row of 8 weights with one outside are stored apart.</p>"
      "<ul class=\"legend\"><li><i class=\"exponents\"></i>in the tensor’s palette</li>"
      "<li><i class=\"overhead\"></i>outside it</li>"
      "<li><i class=\"band\"></i>exponents in palettes</li></ul>";
  html += "<div class=\"chart linear\">" + exponent_chart(summary, ExponentScale::kLinear) +
          "</div><div class=\"chart log\">" + exponent_chart(summary, ExponentScale::kLog) +
          "</div>";
  return html + "</section>\n";
}

std::string bits_card(const InspectReport& report, const ModelSummary& summary) {
  return "<section class=\"card\"><div class=\"heading\"><h2>Where the bits go</h2></div>"
         "<p class=\"note\">Sign and mantissa are close to random and stay as they are; the "
         "exponents carry far less than the 8 bits BF16 gives them.</p>"
         "<ul class=\"legend\"><li><i class=\"sign-mantissa\"></i>sign and mantissa</li>"
         "<li><i class=\"exponents\"></i>exponents</li>"
         "<li><i class=\"overhead\"></i>verbatim rows, metadata</li>"
         "<li><i class=\"saved\"></i>saved</li></ul><div class=\"chart\">" +
         bits_chart(summary, report.is_bundle) + "</div></section>\n";
}

std::string size_card(const InspectReport& report) {
  const std::vector<LayerSize> layers = layer_sizes(report);
  const bool by_layer = !layers.empty();
  std::string html = fmt::format("<section class=\"card\"><h2>{}</h2><p class=\"note\">{}</p>",
                                 by_layer ? "Size per layer" : "Largest tensors",
                                 by_layer ? "Layers by the number in their tensors’ names; “other” "
                                            "is everything outside them, embeddings and head."
                                          : "Stored and saved bytes, by original size.");
  html +=
      "<ul class=\"legend\"><li><i class=\"exponents\"></i>stored</li>"
      "<li><i class=\"saved\"></i>saved</li></ul><div class=\"chart wide\">";
  html += by_layer ? layer_chart(layers) : largest_chart(largest_tensors(report, kLargestTensors));
  return html + "</div></section>\n";
}

std::string entropy_card(const InspectReport& report) {
  return "<section class=\"card\"><h2>Bits per weight and the entropy floor</h2>"
         "<p class=\"note\">One dot per BF16 tensor, its area by size. No code that treats "
         "exponents one by one can go below 8 bits plus their entropy.</p>"
         "<ul class=\"legend\"><li><i class=\"round huffman\"></i>Huffman</li>"
         "<li><i class=\"round palette\"></i>palette</li><li><i class=\"round raw\"></i>raw "
         "(carried)</li><li><i class=\"dash\"></i>entropy floor</li></ul>"
         "<div class=\"chart wide\">" +
         entropy_chart(report) + "</div></section>\n";
}

std::string table_card(const InspectReport& report, const ModelSummary& summary) {
  return fmt::format(
      "<section class=\"card\"><div class=\"heading\"><h2>Tensors <span id=\"count\" "
      "class=\"quiet\">{}</span></h2><input type=\"search\" id=\"search\" hidden "
      "placeholder=\"Filter by name\" aria-label=\"Filter tensors by name\"></div>{}</section>\n",
      report.tensors.size(), html_tensor_table(report, exponent_window(summary, kSparkShare)));
}

}  // namespace

std::string render_html_report(const InspectReport& report, const std::string& generator) {
  const ModelSummary summary = summarize(report);
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      // Belt and braces: whatever a name might smuggle in, the page loads nothing.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">";
  html += fmt::format("<title>{} – unweight</title><style>{}</style></head>\n<body><main>\n",
                      html_escape(title_of(report)), kHtmlStyle);
  html += page_header(report, summary) + headline(report, summary);
  if (summary.num_analyzed > 0) {
    html += "<div class=\"pair\">" + exponent_card(summary) + bits_card(report, summary) + "</div>";
  }
  if (!report.tensors.empty()) html += size_card(report);
  if (summary.num_analyzed > 0) html += entropy_card(report);
  html += table_card(report, summary);
  html += fmt::format(
      "<footer>{}. Sizes are decimal (1 GB = 10⁹ bytes); bits per weight include all metadata of "
      "the tensor.</footer></main><script>{}</script></body></html>\n",
      html_escape(generator), kHtmlScript);
  return html;
}

}  // namespace unweight::cli
