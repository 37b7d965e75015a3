// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/tensor_packer.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "base/try.h"

namespace unweight::bundle {
namespace {

constexpr std::uint64_t kMaxBatchBytes = std::uint64_t{4} << 20;
/// Encoded batches take at most 2.3 times their source (radix, all escapes), the self-check 1.
constexpr std::uint64_t kSlotFactor = 4;

Error source_changed() {
  return {ErrorCode::kSourceChanged, "the tensor changed while it was being compressed"};
}

}  // namespace

/// Batch and group size: all workers busy, two groups within the memory budget.
void TensorPacker::plan_batches() {
  const std::uint64_t budget = job_.limits.encode_budget_bytes / kSlotFactor;
  const std::uint64_t wanted = 2 * std::uint64_t{job_.pool.num_threads()};
  const std::uint64_t batch_bytes = std::min(kMaxBatchBytes, budget / (2 * wanted));
  batch_chunks_ = std::max<std::uint64_t>(1, batch_bytes / layout::kChunkWeightBytes);
  group_batches_ = std::clamp<std::uint64_t>(
      budget / (2 * batch_chunks_ * layout::kChunkWeightBytes), 1, wanted);
  for (Group& group : groups_) {
    group.slots.resize(group_batches_);
    group.used = 0;
  }
}

Result<void> TensorPacker::encode(const codec::EncodePlan& plan, const codec::SourceWindow& window,
                                  codec::ChunkRange chunks, Slot& slot) const {
  codec::encode_chunks(plan, window, chunks, slot.encoded);
  if (self_check_) UNWEIGHT_TRY(slot.check.check(plan, window, chunks, slot.encoded));
  return {};
}

// A plan fails on a source that is no longer what was analysed: that is not a bug of ours.
Result<packed::PackedHeader> TensorPacker::pack(TensorWindows& windows,
                                                const codec::EncodePlan& plan,
                                                const TensorSurvey& survey, packed::BlobSink sink) {
  Result<packed::PackedHeader> header = pack_windows(windows, plan, survey, std::move(sink));
  if (header || header.error().code != ErrorCode::kInternal || windows.count() < 2) return header;
  Xxh3Stream hash;
  for (std::size_t w = 0; w < windows.count(); ++w) {
    UNWEIGHT_TRY_ASSIGN(const codec::SourceWindow window, windows.load(w));
    hash.update(std::as_bytes(weights_of(window, windows.new_rows(w))));
    UNWEIGHT_TRY(job_.progress.add(0));
  }
  if (hash.digest() != survey.xxh3) return source_changed();
  return header;
}

Result<packed::PackedHeader> TensorPacker::pack_windows(TensorWindows& windows,
                                                        const codec::EncodePlan& plan,
                                                        const TensorSurvey& survey,
                                                        packed::BlobSink sink) {
  packed::PackedWriter writer(plan, packed::num_verbatim(survey.analysis, plan.family),
                              std::move(sink));
  plan_batches();
  Group* encoding = &groups_[0];
  Group* writing = &groups_[1];
  const bool hash_again = windows.count() > 1;
  Xxh3Stream hash;
  std::uint64_t bytes_left = plan.grid.num_elems() * sizeof(std::uint16_t);

  const auto write_finished = [&]() -> Result<void> {
    for (std::size_t i = 0; i < writing->used; ++i)
      UNWEIGHT_TRY(writer.append(writing->slots[i].encoded));
    writing->used = 0;
    return {};
  };
  for (std::size_t w = 0; w < windows.count(); ++w) {
    UNWEIGHT_TRY_ASSIGN(const codec::SourceWindow window, windows.load(w));
    const codec::ChunkRange chunks = windows.chunks(w);
    if (hash_again) hash.update(std::as_bytes(weights_of(window, windows.new_rows(w))));
    for (std::uint64_t at = 0; at < chunks.count;) {
      const std::uint64_t left = (chunks.count - at + batch_chunks_ - 1) / batch_chunks_;
      encoding->used = std::min<std::uint64_t>(group_batches_, left);
      const auto encode_batch = [&](std::size_t i) {
        const std::uint64_t first = at + i * batch_chunks_;
        return encode(plan, window,
                      {chunks.first + first, std::min(batch_chunks_, chunks.count - first)},
                      encoding->slots[i]);
      };
      const std::size_t writers = writing->used > 0 ? 1 : 0;
      UNWEIGHT_TRY(job_.pool.parallel_for(encoding->used + writers, [&](std::size_t i, unsigned) {
        return i < writers ? write_finished() : encode_batch(i - writers);
      }));
      const std::uint64_t done = std::min(chunks.count - at, encoding->used * batch_chunks_);
      at += done;
      std::swap(encoding, writing);
      const std::uint64_t bytes = std::min(bytes_left, done * layout::kChunkWeightBytes);
      bytes_left -= bytes;
      UNWEIGHT_TRY(job_.progress.add(bytes));
    }
  }
  UNWEIGHT_TRY(write_finished());
  if (hash_again && hash.digest() != survey.xxh3) return source_changed();
  return writer.finish(survey.xxh3);
}

}  // namespace unweight::bundle
