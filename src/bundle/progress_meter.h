// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "unweight/bundle.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// Counts bytes and calls the caller's callback, at most about 20 times a second. One thread.
/// Every call fails with kCancelled once the callback has returned false.
class ProgressMeter {
 public:
  explicit ProgressMeter(ProgressFn callback) : callback_(std::move(callback)) {}

  void set_total(std::uint64_t bytes) { state_.total_bytes = bytes; }
  /// The total of a call that is about one file, learnt when it was opened.
  void set_total_if_unknown(std::uint64_t bytes) {
    if (state_.total_bytes == 0) state_.total_bytes = bytes;
  }

  /// A file begins: always reported.
  Result<void> start_file(std::string name) {
    state_.item = std::move(name);
    return report();
  }
  Result<void> start_item(const std::string& name) {
    if (!callback_) return {};
    state_.item = name;
    return add(0);
  }
  Result<void> add(std::uint64_t bytes) {
    state_.done_bytes = std::min(state_.done_bytes + bytes, state_.total_bytes);
    if (!callback_ || Clock::now() - last_report_ < kInterval) return check();
    return report();
  }
  /// Sets the count: after a file, whatever its tensors added up to.
  Result<void> reach(std::uint64_t bytes) {
    state_.done_bytes = std::min(bytes, state_.total_bytes);
    return add(0);
  }
  /// Everything done: always reported, too late to cancel.
  void finish() {
    state_.done_bytes = state_.total_bytes;
    if (callback_) (void)callback_(state_);
  }
  [[nodiscard]] std::uint64_t done_bytes() const noexcept { return state_.done_bytes; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kInterval{50};

  Result<void> report() {
    if (!callback_) return {};
    last_report_ = Clock::now();
    if (!callback_(state_)) cancelled_ = true;
    return check();
  }
  [[nodiscard]] Result<void> check() const {
    if (cancelled_) return Error{ErrorCode::kCancelled, "cancelled"};
    return {};
  }

  ProgressFn callback_;
  Progress state_;
  Clock::time_point last_report_{};
  bool cancelled_ = false;
};

}  // namespace unweight::bundle
