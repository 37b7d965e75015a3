// SPDX-License-Identifier: BSD-3-Clause
//
// One line on stderr while a long call runs; only when stderr is a terminal. The line is erased at
// the end, so that neither a log nor the screen keeps any of it.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "unweight/bundle.h"

namespace unweight::cli {

/// What the line says, at most `columns` wide, without control characters:
///   compress [=========>          ]  42 %  6.75/16.1 GB  1.31 GB/s  ETA 0:07  model-00002
/// A rate of 0 is "not known yet". Narrow terminals lose the item, then the ETA, then the bar.
[[nodiscard]] std::string render_progress_line(const std::string& label, const Progress& progress,
                                               double bytes_per_second, std::size_t columns);

class ProgressBar {
 public:
  ProgressBar(std::string label, bool enabled);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Draws; false once a signal asked to cancel. Fits ProgressFn.
  bool update(const Progress& progress);
  /// Erases the line. Called by the destructor too.
  void finish() noexcept;

 private:
  using Clock = std::chrono::steady_clock;
  void update_rate(const Progress& progress, Clock::time_point now);

  std::string label_;
  bool enabled_ = false;
  bool drawn_ = false;
  bool started_ = false;
  Clock::time_point rate_time_, draw_time_;
  std::uint64_t rate_bytes_ = 0;
  double bytes_per_second_ = 0;
};

}  // namespace unweight::cli
