// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/difference_counter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/try.h"

namespace unweight::bundle {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{256} << 10;

}  // namespace

void DifferenceCounter::add(std::uint64_t first, std::uint64_t count) {
  const std::lock_guard lock(mutex_);
  first_ = count_ == 0 ? first : std::min(first_, first);
  count_ += count;
}

Result<void> DifferenceCounter::compare(std::uint64_t offset, std::span<const std::byte> bytes) {
  const std::uint64_t file_bytes = original_.bytes();
  const std::size_t there =
      offset >= file_bytes ? 0 : std::min<std::uint64_t>(bytes.size(), file_bytes - offset);
  if (there < bytes.size()) add(offset + there, bytes.size() - there);
  std::vector<std::byte> piece(std::min(kPieceBytes, there));
  for (std::size_t at = 0; at < there; at += piece.size()) {
    const std::size_t count = std::min(piece.size(), there - at);
    const std::span<std::byte> original = std::span(piece).first(count);
    UNWEIGHT_TRY(original_.read_at(offset + at, original));
    if (std::memcmp(original.data(), bytes.data() + at, count) == 0) continue;
    std::uint64_t different = 0, first = 0;
    for (std::size_t i = count; i-- > 0;) {
      if (original[i] == bytes[at + i]) continue;
      ++different;
      first = offset + at + i;
    }
    add(first, different);
  }
  return {};
}

std::optional<std::string> DifferenceCounter::summary() const {
  const std::lock_guard lock(mutex_);
  if (count_ == 0) return {};
  return fmt::format("{} bytes differ from the original, the first at byte {} of the file", count_,
                     first_);
}

}  // namespace unweight::bundle
