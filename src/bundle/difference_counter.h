// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "base/file.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// Compares bytes in memory with a file's; counts and locates the differences. Thread-safe.
class DifferenceCounter {
 public:
  explicit DifferenceCounter(const InputFile& original) : original_(original) {}

  /// `bytes` against the file's bytes at `offset`. What the file is too short for is a difference.
  Result<void> compare(std::uint64_t offset, std::span<const std::byte> bytes);

  /// "N bytes differ from the original, the first at byte X of the file"; nothing if none does.
  [[nodiscard]] std::optional<std::string> summary() const;

 private:
  void add(std::uint64_t first, std::uint64_t count);

  const InputFile& original_;
  mutable std::mutex mutex_;
  std::uint64_t count_ = 0;
  std::uint64_t first_ = 0;
};

}  // namespace unweight::bundle
