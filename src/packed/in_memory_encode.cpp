// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <thread>
#include <utility>

#include "base/hash.h"
#include "base/memory_advice.h"
#include "base/try.h"
#include "packed/chunk_self_check.h"
#include "packed/in_memory_codec.h"
#include "packed/packed_writer.h"

namespace unweight::packed {
namespace {

using codec::ChunkRange;
using codec::SourceWindow;

constexpr std::uint64_t kRangeChunks = 8;  // chunks of one task: 512 KiB of weights
constexpr std::uint64_t kPieceElems = std::uint64_t{1} << 18;  // weights of one histogram task

SourceWindow whole(MatrixView weights) {
  return {weights.data, 0, weights.rows, weights.row_stride_elems};
}

std::uint64_t num_ranges(std::uint64_t num_chunks) {
  return (num_chunks + kRangeChunks - 1) / kRangeChunks;
}

ChunkRange range_at(std::uint64_t index, std::uint64_t num_chunks) {
  const std::uint64_t first = index * kRangeChunks;
  return {first, std::min(kRangeChunks, num_chunks - first)};
}

Result<void> count_all_exponents(MatrixView weights, ThreadPool& pool, TensorAnalyzer& analyzer) {
  if (weights.rows == 1 || weights.row_stride_elems == weights.cols) {
    const std::uint64_t elems = weights.rows * weights.cols;
    return pool.parallel_for(
        (elems + kPieceElems - 1) / kPieceElems, [&](std::size_t i, unsigned worker) {
          const std::uint64_t first = i * kPieceElems;
          analyzer.count_exponents(
              std::span(weights.data + first, std::min(kPieceElems, elems - first)), worker);
          return Result<void>();
        });
  }
  const std::uint64_t rows = std::max<std::uint64_t>(1, kPieceElems / weights.cols);
  return pool.parallel_for((weights.rows + rows - 1) / rows, [&](std::size_t i, unsigned worker) {
    const std::uint64_t first = i * rows;
    analyzer.count_exponents(
        SourceWindow{weights.data + first * weights.row_stride_elems, first,
                     std::min(rows, weights.rows - first), weights.row_stride_elems},
        worker);
    return Result<void>();
  });
}

// Encodes in waves of two ranges a thread, little enough to stay in cache from task to task. While
// a wave is being encoded, the one before it is put into the blob and the original is hashed, so
// that what cannot be spread over threads costs no time of its own; memory beyond the blob is two
// waves and, until it is appended, the last section.
class WaveEncoder {
 public:
  WaveEncoder(MatrixView weights, const codec::EncodePlan& plan, std::uint64_t num_verbatim_rows,
              std::uint64_t expected_bytes, bool self_check, ThreadPool& pool)
      : weights_(weights),
        plan_(plan),
        self_check_(self_check),
        pool_(pool),
        checks_(pool.num_threads()),
        writer_(plan, num_verbatim_rows,
                [this](std::uint64_t offset, std::span<const std::byte> bytes) {
                  return store(offset, bytes);
                }) {
    const auto last = plan.family == Family::kHuffman ? SectionId::kStream : SectionId::kCodes;
    tail_offset_ =
        section_layout(plan.family, plan.grid, num_verbatim_rows)[static_cast<std::size_t>(last)]
            .offset;
    const std::uint64_t most = expected_bytes + expected_bytes / 128;
    blob_.reserve(most);
    tail_.reserve(most - std::min(most, tail_offset_));
    prefer_huge_pages(blob_.data(), blob_.capacity());
    prefer_huge_pages(tail_.data(), tail_.capacity());
  }

  Result<std::vector<std::byte>> run() {
    const std::uint64_t ranges = num_ranges(plan_.grid.num_chunks());
    const std::uint64_t wave_ranges = std::min<std::uint64_t>(ranges, 2 * pool_.num_threads());
    encoding_.resize(wave_ranges);
    for (std::uint64_t first = 0; first < ranges; first += wave_ranges) {
      UNWEIGHT_TRY(run_wave(first, std::min(wave_ranges, ranges - first)));
      std::swap(encoding_, finished_);
      num_finished_ = std::min(wave_ranges, ranges - first);
      encoding_.resize(wave_ranges);
    }
    UNWEIGHT_TRY(append_finished());
    UNWEIGHT_TRY_ASSIGN([[maybe_unused]] const PackedHeader header,
                        writer_.finish(original_hash_.digest()));
    blob_.insert(blob_.end(), tail_.begin(), tail_.end());
    return std::move(blob_);
  }

 private:
  // Two sections grow side by side: sign_mantissa and, in a vector of its own, the last one. So
  // both grow at their ends, and nothing but index sections is filled with zeros first.
  Result<void> store(std::uint64_t offset, std::span<const std::byte> bytes) {
    const bool in_tail = offset >= tail_offset_;
    std::vector<std::byte>& part = in_tail ? tail_ : blob_;
    const std::uint64_t at = in_tail ? offset - tail_offset_ : offset;
    if (at > part.size()) part.resize(at);
    const std::uint64_t known = std::min<std::uint64_t>(part.size() - at, bytes.size());
    std::copy_n(bytes.begin(), known, part.begin() + static_cast<std::ptrdiff_t>(at));
    part.insert(part.end(), bytes.begin() + static_cast<std::ptrdiff_t>(known), bytes.end());
    return {};
  }

  Result<void> run_wave(std::uint64_t first_range, std::uint64_t count) {
    const std::uint64_t chunks = plan_.grid.num_chunks();
    const std::uint64_t last_chunks_first = first_range * kRangeChunks;
    const codec::RowRange rows = codec::rows_of_chunks(
        plan_.grid,
        {last_chunks_first, std::min(count * kRangeChunks, chunks - last_chunks_first)});
    return pool_.parallel_for(count + 2, [&](std::size_t i, unsigned worker) -> Result<void> {
      if (i == 0) return append_finished();
      if (i == 1) {
        hash_rows_until(rows.first + rows.count);
        return {};
      }
      codec::EncodedChunks& encoded = encoding_[i - 2];
      const ChunkRange range = range_at(first_range + i - 2, chunks);
      codec::encode_chunks(plan_, whole(weights_), range, encoded);
      if (!self_check_) return {};
      return checks_[worker].check(plan_, whole(weights_), range, encoded);
    });
  }

  Result<void> append_finished() {
    for (std::uint64_t i = 0; i < num_finished_; ++i) UNWEIGHT_TRY(writer_.append(finished_[i]));
    num_finished_ = 0;
    return {};
  }

  void hash_rows_until(std::uint64_t end_row) {
    if (weights_.row_stride_elems == weights_.cols) {
      const std::uint64_t first = hashed_rows_ * weights_.cols, end = end_row * weights_.cols;
      original_hash_.update(std::as_bytes(std::span(weights_.data + first, end - first)));
    } else {
      for (std::uint64_t r = hashed_rows_; r < end_row; ++r) {
        const std::uint16_t* row = weights_.data + r * weights_.row_stride_elems;
        original_hash_.update(std::as_bytes(std::span(row, weights_.cols)));
      }
    }
    hashed_rows_ = end_row;
  }

  MatrixView weights_;
  const codec::EncodePlan& plan_;
  bool self_check_;
  ThreadPool& pool_;
  std::vector<std::byte> blob_, tail_;
  std::uint64_t tail_offset_ = 0;                          // where the tail will stand in the blob
  std::vector<codec::EncodedChunks> encoding_, finished_;  // this wave, the one before
  std::uint64_t num_finished_ = 0;
  std::vector<ChunkSelfCheck> checks_;  // one per worker
  Xxh3Stream original_hash_;
  std::uint64_t hashed_rows_ = 0;
  PackedWriter writer_;
};

}  // namespace

unsigned useful_threads(unsigned requested, std::uint64_t num_chunks) {
  const unsigned most =
      requested != 0 ? requested : std::max(1u, std::thread::hardware_concurrency());
  const std::uint64_t tasks = std::max<std::uint64_t>(1, num_ranges(num_chunks));
  if (tasks < most) return static_cast<unsigned>(tasks);
  return requested;
}

Result<TensorAnalysis> run_analysis(MatrixView weights, ThreadPool& pool,
                                    TensorAnalyzer& analyzer) {
  const layout::TileGrid grid{weights.rows, weights.cols};
  if (grid.num_elems() != 0) UNWEIGHT_TRY(count_all_exponents(weights, pool, analyzer));
  UNWEIGHT_TRY(analyzer.finish_exponents());
  const std::uint64_t chunks = grid.num_chunks();
  UNWEIGHT_TRY(pool.parallel_for(num_ranges(chunks), [&](std::size_t i, unsigned worker) {
    analyzer.count_codes(whole(weights), range_at(i, chunks), worker);
    return Result<void>();
  }));
  return analyzer.finish();
}

Result<std::vector<std::byte>> encode_in_memory(MatrixView weights, const codec::EncodePlan& plan,
                                                std::uint64_t num_verbatim_rows,
                                                std::uint64_t expected_bytes, bool self_check,
                                                ThreadPool& pool) {
  return WaveEncoder(weights, plan, num_verbatim_rows, expected_bytes, self_check, pool).run();
}

}  // namespace unweight::packed
