// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/tensor_survey.h"

#include <algorithm>

#include "base/hash.h"
#include "base/try.h"
#include "packed/tensor_analyzer.h"

namespace unweight::bundle {
namespace {

constexpr std::uint64_t kTaskElems = std::uint64_t{1} << 19;  // 1 MiB of weights a task

/// Pass 1 over one window: every new row is hashed, in one task, and counted, in many.
Result<void> count_window(JobContext& job, std::span<const std::uint16_t> weights,
                          packed::TensorAnalyzer& analyzer, Xxh3Stream& hash) {
  const std::uint64_t num_tasks = (weights.size() + kTaskElems - 1) / kTaskElems;
  return job.pool.parallel_for(num_tasks + 1, [&](std::size_t i, unsigned worker) {
    if (i == 0) {
      hash.update(std::as_bytes(weights));
    } else {
      const std::size_t at = (i - 1) * kTaskElems;
      analyzer.count_exponents(weights.subspan(at, std::min(kTaskElems, weights.size() - at)),
                               worker);
    }
    return Result<void>{};
  });
}

/// Pass 2 over one window.
Result<void> count_codes(JobContext& job, const codec::SourceWindow& window,
                         codec::ChunkRange chunks, packed::TensorAnalyzer& analyzer) {
  constexpr std::uint64_t kStep = kTaskElems / layout::kChunkElems;
  return job.pool.parallel_for(
      (chunks.count + kStep - 1) / kStep, [&](std::size_t i, unsigned worker) {
        const std::uint64_t skip = i * kStep;
        analyzer.count_codes(window, {chunks.first + skip, std::min(kStep, chunks.count - skip)},
                             worker);
        return Result<void>{};
      });
}

}  // namespace

Result<TensorSurvey> survey_tensor(JobContext& job, TensorWindows& windows) {
  packed::TensorAnalyzer analyzer(windows.grid(), job.pool.num_threads());
  Xxh3Stream hash;
  for (std::size_t i = 0; i < windows.count(); ++i) {
    UNWEIGHT_TRY_ASSIGN(const codec::SourceWindow window, windows.load(i));
    UNWEIGHT_TRY(count_window(job, weights_of(window, windows.new_rows(i)), analyzer, hash));
    UNWEIGHT_TRY(job.progress.add(0));
  }
  UNWEIGHT_TRY(analyzer.finish_exponents());
  for (std::size_t i = 0; i < windows.count(); ++i) {
    UNWEIGHT_TRY_ASSIGN(const codec::SourceWindow window, windows.load(i));
    UNWEIGHT_TRY(count_codes(job, window, windows.chunks(i), analyzer));
    UNWEIGHT_TRY(job.progress.add(0));
  }
  TensorSurvey survey;
  UNWEIGHT_TRY_ASSIGN(survey.analysis, analyzer.finish());
  survey.huffman_plan = analyzer.plan(Family::kHuffman);
  survey.radix_plan = analyzer.plan(Family::kRadix);
  survey.xxh3 = hash.digest();
  return survey;
}

codec::EncodePlan TensorSurvey::plan_for(Family family) const {
  codec::EncodePlan plan = family == Family::kRadix ? radix_plan : huffman_plan;
  plan.family = family;
  return plan;
}

}  // namespace unweight::bundle
