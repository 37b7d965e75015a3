// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/engine_compressor.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "base/try.h"
#include "packed/tensor_analyzer.h"

namespace unweight::bundle {
namespace {

/// A range of encoded chunks takes at most 1.8 times its source (all rows verbatim).
constexpr std::uint64_t kRangeFactor = 2;

/// Chunks of a range: two ranges are in memory, one that is read and one that is written.
std::uint64_t range_chunks(const Limits& limits) {
  return std::max<std::uint64_t>(
      1, limits.encode_budget_bytes / (2 * kRangeFactor * layout::kChunkWeightBytes));
}

}  // namespace

bool EngineCompressor::takes(const layout::TileGrid& grid) {
  drop_tensor();  // its memory counts in what the engine answers
  return job_.wants_engine(grid) && job_.engine->can_encode(grid);
}

/// Hands all rows to the engine and returns their hash, which stays on the CPU: it is sequential.
Result<std::uint64_t> EngineCompressor::append_all_rows(TensorWindows& windows) {
  Xxh3Stream hash;
  for (std::size_t i = 0; i < windows.count(); ++i) {
    UNWEIGHT_TRY_ASSIGN(const codec::SourceWindow window, windows.load(i));
    const std::span<const std::uint16_t> rows = weights_of(window, windows.new_rows(i));
    UNWEIGHT_TRY(job_.pool.parallel_for(2, [&](std::size_t task, unsigned) {
      if (task == 0) return encoder_->append_rows(rows);
      hash.update(std::as_bytes(rows));
      return Result<void>{};
    }));
    UNWEIGHT_TRY(job_.progress.add(0));
  }
  return hash.digest();
}

Result<TensorSurvey> EngineCompressor::survey(TensorWindows& windows) {
  drop_tensor();
  UNWEIGHT_TRY_ASSIGN(encoder_, job_.engine->begin_encode(windows.grid()));
  TensorSurvey survey;
  UNWEIGHT_TRY_ASSIGN(survey.xxh3, append_all_rows(windows));
  UNWEIGHT_TRY_ASSIGN(const EngineStatistics statistics, encoder_->analyze());
  packed::TensorAnalyzer analyzer(windows.grid(), 0);
  UNWEIGHT_TRY_ASSIGN(survey.analysis, analyzer.finish_with(statistics));
  survey.huffman_plan = analyzer.plan(Family::kHuffman);
  survey.radix_plan = analyzer.plan(Family::kRadix);
  UNWEIGHT_TRY(job_.progress.add(0));
  return survey;
}

/// From the engine to the blob: while a range is read, the one before it is hashed and written.
Result<void> EngineCompressor::move_chunks(const layout::TileGrid& grid,
                                           packed::PackedWriter& writer) {
  const std::uint64_t step = range_chunks(job_.limits);
  const std::uint64_t num_ranges = (grid.num_chunks() + step - 1) / step;
  std::uint64_t bytes_left = grid.num_elems() * sizeof(std::uint16_t);
  for (std::uint64_t range = 0; range <= num_ranges; ++range) {
    const std::uint64_t first = range * step;
    UNWEIGHT_TRY(job_.pool.parallel_for(2, [&](std::size_t task, unsigned) {
      if (task == 0) {
        return range == num_ranges
                   ? Result<void>{}
                   : encoder_->read_chunks({first, std::min(step, grid.num_chunks() - first)},
                                           ranges_[range % 2]);
      }
      return range == 0 ? Result<void>{} : writer.append(ranges_[(range - 1) % 2]);
    }));
    const std::uint64_t bytes =
        range == 0 ? 0 : std::min(bytes_left, step * layout::kChunkWeightBytes);
    bytes_left -= bytes;
    UNWEIGHT_TRY(job_.progress.add(bytes));
  }
  return {};
}

// The rows are not read again, so what is packed is what was hashed: no source can change between.
Result<packed::PackedHeader> EngineCompressor::pack(TensorWindows& windows,
                                                    const codec::EncodePlan& plan,
                                                    const TensorSurvey& survey,
                                                    packed::BlobSink sink) {
  packed::PackedWriter writer(plan, packed::num_verbatim(survey.analysis, plan.family),
                              std::move(sink));
  UNWEIGHT_TRY(encoder_->encode(plan));
  UNWEIGHT_TRY(job_.progress.add(0));
  if (self_check_) UNWEIGHT_TRY(encoder_->self_check());
  UNWEIGHT_TRY(job_.progress.add(0));
  UNWEIGHT_TRY(move_chunks(windows.grid(), writer));
  drop_tensor();
  return writer.finish(survey.xxh3);
}

}  // namespace unweight::bundle
