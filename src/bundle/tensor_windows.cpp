// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/tensor_windows.h"

#include <algorithm>

#include "base/try.h"

namespace unweight::bundle {
namespace {

using codec::RowRange;

std::uint64_t strip_bytes(const layout::TileGrid& grid) {
  return std::min<std::uint64_t>(grid.rows, layout::kTileRows) * grid.cols * sizeof(std::uint16_t);
}

bool fits_as_a_whole(const layout::TileGrid& grid, const Limits& limits) {
  return grid.num_elems() * sizeof(std::uint16_t) <= limits.source_window_bytes;
}

/// As many chunks from `first` on as whole strips of a window hold; at least one.
std::uint64_t window_end(const layout::TileGrid& grid, std::uint64_t first, const Limits& limits) {
  const std::uint64_t tiles = grid.tiles_per_strip();
  const std::uint64_t first_strip = first * layout::kChunkTiles / tiles;
  const std::uint64_t end_strip = first_strip + limits.source_window_bytes / strip_bytes(grid);
  if (end_strip >= grid.num_strips()) return grid.num_chunks();
  return std::max(first + 1, end_strip * tiles / layout::kChunkTiles);
}

}  // namespace

Result<void> FileRows::read_rows(std::uint64_t first, std::uint64_t count,
                                 std::span<std::uint16_t> out) {
  const std::uint64_t row_size = cols_ * sizeof(std::uint16_t);
  return read_pieces(
      job_, file_,
      {{offset_ + first * row_size, std::as_writable_bytes(out.first(count * cols_))}});
}

bool TensorWindows::can_window(const layout::TileGrid& grid, const Limits& limits) {
  // Neighbouring windows share at most one strip, so two strips make progress.
  return fits_as_a_whole(grid, limits) || strip_bytes(grid) <= limits.source_window_bytes / 2;
}

TensorWindows::TensorWindows(JobContext& job, RowSource& source, const layout::TileGrid& grid)
    : job_(job), source_(source), grid_(grid) {
  const std::uint64_t num_chunks = grid.num_chunks();
  for (std::uint64_t first = 0; first < num_chunks;) {
    const std::uint64_t end =
        fits_as_a_whole(grid, job.limits) ? num_chunks : window_end(grid, first, job.limits);
    windows_.push_back({first, end - first});
    first = end;
  }
}

RowRange TensorWindows::new_rows(std::size_t i) const {
  const RowRange rows = codec::rows_of_chunks(grid_, windows_[i]);
  if (i == 0) return rows;
  const RowRange before = codec::rows_of_chunks(grid_, windows_[i - 1]);
  const std::uint64_t first = std::max(rows.first, before.first + before.count);
  return {first, rows.first + rows.count - first};
}

Result<codec::SourceWindow> TensorWindows::load(std::size_t i) {
  const RowRange rows = codec::rows_of_chunks(grid_, windows_[i]);
  if (loaded_ != i) {
    loaded_.reset();
    rows_ = job_.window.ensure_elems<std::uint16_t>(rows.count * grid_.cols);
    UNWEIGHT_TRY(source_.read_rows(rows.first, rows.count, rows_));
    loaded_ = i;
  }
  return codec::SourceWindow{rows_.data(), rows.first, rows.count, grid_.cols};
}

std::span<const std::uint16_t> weights_of(const codec::SourceWindow& window, RowRange rows) {
  return {window.data + (rows.first - window.first_row) * window.stride_elems,
          rows.count * window.stride_elems};
}

}  // namespace unweight::bundle
