// SPDX-License-Identifier: BSD-3-Clause
//
// A tensor seen through windows of whole rows that fit into memory. A tensor that fits as a whole
// is read once, however many passes look at it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/file.h"
#include "bundle/job_context.h"
#include "codec/chunk_encoder.h"
#include "layout/tile_order.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// Where the rows of one BF16 matrix come from.
class RowSource {
 public:
  virtual ~RowSource() = default;
  /// Rows [first, first + count), densely, into out (count * cols weights).
  virtual Result<void> read_rows(std::uint64_t first, std::uint64_t count,
                                 std::span<std::uint16_t> out) = 0;
};

/// Rows that lie in a file as they are.
class FileRows final : public RowSource {
 public:
  FileRows(JobContext& job, const InputFile& file, std::uint64_t offset, std::uint64_t cols)
      : job_(job), file_(file), offset_(offset), cols_(cols) {}
  Result<void> read_rows(std::uint64_t first, std::uint64_t count,
                         std::span<std::uint16_t> out) override;

 private:
  JobContext& job_;
  const InputFile& file_;
  std::uint64_t offset_, cols_;
};

class TensorWindows {
 public:
  /// False for a tensor that is larger than a window and whose strips are too long to cut it.
  static bool can_window(const layout::TileGrid& grid, const Limits& limits);

  /// Requires can_window(). The rows live in job.window until the next tensor.
  TensorWindows(JobContext& job, RowSource& source, const layout::TileGrid& grid);

  [[nodiscard]] const layout::TileGrid& grid() const noexcept { return grid_; }
  [[nodiscard]] std::size_t count() const noexcept { return windows_.size(); }
  /// Chunks of window i. Windows follow each other without gap or overlap.
  [[nodiscard]] codec::ChunkRange chunks(std::size_t i) const { return windows_[i]; }
  /// Rows of window i that no earlier window has.
  [[nodiscard]] codec::RowRange new_rows(std::size_t i) const;

  /// Rows of window i, read if they are not the ones in memory.
  Result<codec::SourceWindow> load(std::size_t i);

 private:
  JobContext& job_;
  RowSource& source_;
  layout::TileGrid grid_;
  std::vector<codec::ChunkRange> windows_;
  std::optional<std::size_t> loaded_;
  std::span<std::uint16_t> rows_;
};

/// Rows inside a loaded window, which lie there densely.
[[nodiscard]] std::span<const std::uint16_t> weights_of(const codec::SourceWindow& window,
                                                        codec::RowRange rows);

}  // namespace unweight::bundle
