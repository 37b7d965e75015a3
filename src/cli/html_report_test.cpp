// SPDX-License-Identifier: BSD-3-Clause
#include "cli/html_report.h"

#include <gtest/gtest.h>

#include <string_view>

#include "cli/html_charts.h"
#include "cli/html_text.h"
#include "cli/synthetic_report.h"

namespace unweight::cli {
namespace {

std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

TEST(HtmlEscape, LeavesNothingThatMarkupOrTerminalsUnderstand) {
  EXPECT_EQ(html_escape("<a href=\"x\" id='y'>&"),
            "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;");
  EXPECT_EQ(html_escape("a\xff\x1b\u202e"), "a\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(html_escape("重み\n"), "重み&#10;");
}

TEST(HtmlReport, NeedsNothingButItself) {
  const std::string page = render_html_report(synthetic::transformer(3, 256), "unweight");
  for (const char* reference : {"http:", "https:", "//cdn", "src=", "href=", "@import", "url("}) {
    EXPECT_EQ(page.find(reference), page.npos) << reference;
  }
  EXPECT_NE(page.find("default-src 'none'"), page.npos);
  EXPECT_NE(page.find("prefers-color-scheme:dark"), page.npos);
}

TEST(HtmlReport, HostileNamesStayText) {
  const std::string hostile = "</script><script>alert(1)</script>\"onmouseover='x'";
  std::vector<TensorInspection> tensors;
  tensors.push_back(synthetic::bf16_tensor(hostile, 64, 64, 1));
  tensors.push_back(synthetic::bf16_tensor("model.layers.0." + hostile, 64, 64, 1));
  tensors.push_back(synthetic::bf16_tensor("model.layers.1." + hostile, 64, 64, 1));
  for (auto& tensor : tensors) tensor.report.file = tensor.report.dtype = hostile;
  tensors[0].report.reason = hostile;
  InspectReport report = synthetic::report_of(std::move(tensors));
  report.path = "dir/" + hostile;
  const std::string page = render_html_report(report, hostile);
  EXPECT_EQ(occurrences(page, "<script>"), 1U);  // ours
  EXPECT_EQ(occurrences(page, "</script>"), 1U);
  EXPECT_EQ(occurrences(page, "onmouseover='"), 0U);
  EXPECT_EQ(occurrences(page, "\"onmouseover"), 0U);
}

TEST(HtmlReport, EveryElementIsClosed) {
  const std::string page = render_html_report(synthetic::transformer(3, 256), "unweight");
  for (const char* name : {"svg", "section", "div", "table", "tr", "td", "th", "ul", "li", "dl",
                           "text", "span", "bdi", "button"}) {
    const std::string open = std::string("<") + name;
    const auto opened = occurrences(page, open + " ") + occurrences(page, open + ">");
    EXPECT_EQ(opened, occurrences(page, std::string("</") + name + ">")) << name;
  }
}

TEST(HtmlReport, ShowsEveryTensorOnce) {
  const InspectReport report = synthetic::transformer(5, 256);
  const std::string page = render_html_report(report, "unweight");
  for (const auto& tensor : report.tensors) {
    EXPECT_EQ(occurrences(page, "<bdi>" + tensor.report.name + "</bdi>"), 1U);
  }
}

TEST(HtmlReport, DegenerateReportsGiveNoNan) {
  TensorInspection empty;
  empty.report = {.name = "empty", .dtype = "BF16", .shape = {0, 5}, .file = "f", .reason = {}};
  const InspectReport reports[] = {
      {},
      synthetic::report_of({empty}),
      synthetic::report_of({synthetic::bf16_tensor("zeros", 64, 64, 1, 1.0)}),
      synthetic::report_of({synthetic::bf16_tensor("one", 1, 1, 1)}),
      synthetic::report_of({synthetic::bf16_tensor("tiny", 64, 64, 1e-38)}),
  };
  for (const InspectReport& report : reports) {
    const std::string page = render_html_report(report, "unweight");
    EXPECT_EQ(page.find("nan"), page.npos) << page.substr(page.find("nan") - 200, 300);
    EXPECT_EQ(page.find("\"inf"), page.npos);
    EXPECT_NE(page.find("</html>"), page.npos);
  }
}

TEST(ExponentWindow, CoversEverythingOnAsked) {
  const ModelSummary summary = summarize(synthetic::transformer(2, 256));
  const ExponentWindow all = exponent_window(summary, 0);
  for (std::size_t e = 1; e < 256; ++e) {
    if (summary.exponent_count[e] == 0) continue;
    EXPECT_GE(e, all.first);
    EXPECT_LE(e, all.last);
  }
  const ExponentWindow visible = exponent_window(summary, kVisibleShare);
  EXPECT_LT(visible.size(), all.size());
  EXPECT_TRUE(all.has_zero);
}

}  // namespace
}  // namespace unweight::cli
