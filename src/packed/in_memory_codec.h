// SPDX-License-Identifier: BSD-3-Clause
//
// Whole matrices in memory, on a pool of threads: the passes behind analyze(), encode(), decode().
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "packed/tensor_analyzer.h"
#include "unweight/codec.h"
#include "unweight/result.h"

namespace unweight::packed {

/// Threads worth starting for so many chunks; `requested` 0 means all cores.
[[nodiscard]] unsigned useful_threads(unsigned requested, std::uint64_t num_chunks);

/// Both passes of `analyzer` over a checked matrix.
Result<TensorAnalysis> run_analysis(MatrixView weights, ThreadPool& pool, TensorAnalyzer& analyzer);

/// The blob. `plan` and `num_verbatim_rows` must come from this matrix.
Result<std::vector<std::byte>> encode_in_memory(MatrixView weights, const codec::EncodePlan& plan,
                                                std::uint64_t num_verbatim_rows,
                                                std::uint64_t expected_bytes, bool self_check,
                                                ThreadPool& pool);

/// `blob` is 8-byte aligned, `out` was checked.
Result<void> decode_in_memory(std::span<const std::byte> blob, MutableMatrixView out,
                              const DecodeOptions& options);

}  // namespace unweight::packed
