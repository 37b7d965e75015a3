// SPDX-License-Identifier: BSD-3-Clause
#include "cli/progress_bar.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "cli/cancel_signal.h"
#include "cli/human_units.h"
#include "cli/terminal_text.h"

namespace unweight::cli {
namespace {

constexpr std::string_view kEraseLine = "\r\x1b[2K";
constexpr std::size_t kMinBarColumns = 10;
constexpr std::size_t kMaxBarColumns = 30;
constexpr std::size_t kMinItemColumns = 8;

bool terminal_can_redraw() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

std::size_t terminal_columns() noexcept {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string bar(double fraction, std::size_t columns) {
  const auto inner = columns - 2;
  const auto filled = static_cast<std::size_t>(fraction * static_cast<double>(inner));
  std::string text(inner, ' ');
  std::fill_n(text.begin(), std::min(filled, inner), '=');
  if (filled < inner) text[filled] = '>';
  return fmt::format("[{}]", text);
}

void write_stderr(const std::string& text) noexcept {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

std::string render_progress_line(const std::string& label, const Progress& progress,
                                 double bytes_per_second, std::size_t columns) {
  const auto done = static_cast<double>(std::min(progress.done_bytes, progress.total_bytes));
  const auto total = static_cast<double>(progress.total_bytes);
  const double fraction = total > 0 ? done / total : 0;

  std::string tail = fmt::format(" {:3.0f} %  {} of {}", std::floor(fraction * 100),
                                 human_bytes(done), human_bytes(total));
  const bool rate_known = bytes_per_second > 0;
  if (rate_known) tail += "  " + human_rate(bytes_per_second);
  const std::string eta =
      rate_known ? "  ETA " + clock_duration((total - done) / bytes_per_second) : "";

  // The pieces in the order in which they are given room; two columns stay free so that no terminal
  // wraps the line.
  std::size_t room = columns > 2 ? columns - 2 : 0;
  if (label.size() + tail.size() > room) return shortened(label + tail, room);
  room -= label.size() + tail.size();
  std::string line = label;
  const bool has_bar = room >= kMinBarColumns + 1;
  if (has_bar) room -= kMinBarColumns + 1;
  const bool has_eta = room >= eta.size();
  if (has_eta) room -= eta.size();
  const std::string item = terminal_text(progress.item);
  const std::size_t item_columns = std::min(display_width(item) + 2, room);
  const bool has_item = !item.empty() && item_columns >= kMinItemColumns;
  if (has_item) room -= item_columns;
  if (has_bar) {
    line += ' ';
    line += bar(fraction, std::min(kMinBarColumns + room, kMaxBarColumns));
  }
  line += tail;
  if (has_eta) line += eta;
  if (has_item) line += "  " + shortened(item, item_columns - 2);
  return line;
}

ProgressBar::ProgressBar(std::string label, bool enabled)
    : label_(std::move(label)), enabled_(enabled && terminal_can_redraw()) {}

ProgressBar::~ProgressBar() {
  finish();
}

// Exponentially smoothed over about three seconds, so that the ETA neither jumps with every file
// nor believes an early phase for long. Bytes found finished by a resumed run are in the first
// sample and do not count as speed.
void ProgressBar::update_rate(const Progress& progress, Clock::time_point now) {
  if (!started_) {
    started_ = true;
    rate_time_ = now;
    rate_bytes_ = progress.done_bytes;
    return;
  }
  const double elapsed = std::chrono::duration<double>(now - rate_time_).count();
  if (elapsed < 0.25 || progress.done_bytes < rate_bytes_) return;
  const double rate = static_cast<double>(progress.done_bytes - rate_bytes_) / elapsed;
  const double keep = bytes_per_second_ > 0 ? std::exp(-elapsed / 3.0) : 0.0;
  bytes_per_second_ = keep * bytes_per_second_ + (1 - keep) * rate;
  rate_time_ = now;
  rate_bytes_ = progress.done_bytes;
}

bool ProgressBar::update(const Progress& progress) {
  if (cancel_requested()) return false;
  if (!enabled_) return true;
  const auto now = Clock::now();
  update_rate(progress, now);
  if (drawn_ && now - draw_time_ < std::chrono::milliseconds(50)) return true;
  draw_time_ = now;
  drawn_ = true;
  write_stderr(std::string(kEraseLine) +
               render_progress_line(label_, progress, bytes_per_second_, terminal_columns()));
  return true;
}

void ProgressBar::finish() noexcept {
  if (!drawn_) return;
  drawn_ = false;
  std::fwrite(kEraseLine.data(), 1, kEraseLine.size(), stderr);
  std::fflush(stderr);
}

}  // namespace unweight::cli
