// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/tensor_restore.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "base/try.h"
#include "bundle/packed_stream.h"

namespace unweight::bundle {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
constexpr const char* kWrongBytes = "bytes are not the original's (checksum mismatch)";

/// Rows per window: whole strips, at least one.
std::uint64_t window_rows(const layout::TileGrid& grid, const Limits& limits) {
  const std::uint64_t strip_bytes = layout::kTileRows * grid.cols * sizeof(std::uint16_t);
  const std::uint64_t strips = std::max<std::uint64_t>(1, limits.decode_window_bytes / strip_bytes);
  return strips * layout::kTileRows;
}

/// Hashes a decoded window while its pieces are consumed.
Result<void> consume_window(JobContext& job, std::span<const std::byte> window, std::uint64_t at,
                            Xxh3Stream& hash, const PieceFn& consume) {
  const std::size_t num_pieces = (window.size() + kPieceBytes - 1) / kPieceBytes;
  return job.pool.parallel_for(num_pieces + 1, [&](std::size_t i, unsigned) -> Result<void> {
    if (i == 0) {
      hash.update(window);
      return {};
    }
    const std::size_t begin = (i - 1) * kPieceBytes;
    return consume(at + begin, window.subspan(begin, std::min(kPieceBytes, window.size() - begin)));
  });
}

Result<std::vector<std::string>> restore_packed(JobContext& job, const BundleFile& bundle,
                                                std::size_t i, const PieceFn& consume) {
  const StoredTensor& tensor = bundle.tensors[i];
  UNWEIGHT_TRY(checked_packed_header(bundle, i));
  UNWEIGHT_TRY_ASSIGN(
      PackedStream stream,
      PackedStream::open(job, bundle.file, tensor.stored_offset, tensor.stored_bytes));
  const layout::TileGrid grid = stream.grid();
  const std::uint64_t step = window_rows(grid, job.limits);
  Xxh3Stream hash;
  for (std::uint64_t row = 0; row < grid.rows; row += step) {
    const std::uint64_t count = std::min(step, grid.rows - row);
    const auto weights = job.window.ensure_elems<std::uint16_t>(count * grid.cols);
    UNWEIGHT_TRY(stream.read_rows(row, count, weights));
    UNWEIGHT_TRY(consume_window(job, std::as_bytes(weights),
                                row * grid.cols * sizeof(std::uint16_t), hash, consume));
    UNWEIGHT_TRY(job.progress.add(weights.size_bytes()));
  }
  UNWEIGHT_TRY_ASSIGN(std::vector<std::string> problems, stream.problems());
  if (hash.digest() != tensor.xxh3) problems.emplace_back(kWrongBytes);
  return problems;
}

}  // namespace

Result<std::vector<std::string>> restore_tensor(JobContext& job, const BundleFile& bundle,
                                                std::size_t i, const PieceFn& consume) {
  const StoredTensor& tensor = bundle.tensors[i];
  UNWEIGHT_TRY(job.progress.start_item(bundle.original.tensors[i].name));
  if (tensor.packed) return restore_packed(job, bundle, i, consume);
  UNWEIGHT_TRY_ASSIGN(
      const std::uint64_t hash,
      for_each_piece(job, bundle.file, tensor.stored_offset, tensor.stored_bytes, consume));
  std::vector<std::string> problems;
  if (hash != tensor.xxh3) problems.emplace_back(kWrongBytes);
  return problems;
}

}  // namespace unweight::bundle
