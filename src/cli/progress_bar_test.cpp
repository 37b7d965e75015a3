// SPDX-License-Identifier: BSD-3-Clause
#include "cli/progress_bar.h"

#include <gtest/gtest.h>

#include "cli/terminal_text.h"

namespace unweight::cli {
namespace {

const Progress kHalf = {.done_bytes = 8'000'000'000,
                        .total_bytes = 16'000'000'000,
                        .item = "model-00002-of-00004.safetensors"};

TEST(ProgressLine, SaysEverythingWhereThereIsRoom) {
  const std::string line = render_progress_line("compress", kHalf, 2e9, 120);
  EXPECT_EQ(line,
            "compress [=============>            ]  50 %  8.00 GB of 16.0 GB  2.00 GB/s  ETA 0:04"
            "  model-00002-of-00004.safetensors");
}

// A line of the full width would wrap, and a wrapped line cannot be erased.
TEST(ProgressLine, StaysWithinEveryWidth) {
  for (std::size_t columns = 0; columns < 200; ++columns) {
    for (const char* item :
         {"", "x", "層.重み.層.重み.層.重み.safetensors", "bad\x1b[2J\r\nname"}) {
      Progress progress = kHalf;
      progress.item = item;
      const std::string line = render_progress_line("decompress", progress, 1e9, columns);
      EXPECT_LE(display_width(line) + 1, std::max<std::size_t>(columns, 1)) << columns;
      for (const char c : line) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
    }
  }
}

TEST(ProgressLine, SurvivesOddCounts) {
  EXPECT_NE(render_progress_line("x", {0, 0, ""}, 0, 80).find("0 %"), std::string::npos);
  EXPECT_NE(render_progress_line("x", {9, 4, ""}, 1, 80).find("100 %"), std::string::npos);
  EXPECT_EQ(render_progress_line("x", {1, 4, ""}, 0, 80).find("ETA"), std::string::npos);
}

TEST(ProgressBar, DisabledStillLetsTheCallGoOn) {
  ProgressBar bar("x", false);
  EXPECT_TRUE(bar.update(kHalf));
}

}  // namespace
}  // namespace unweight::cli
