// SPDX-License-Identifier: BSD-3-Clause
//
// Bytes that pass through untouched: carried tensors and the other files of a model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "base/file.h"
#include "bundle/job_context.h"
#include "unweight/result.h"

namespace unweight::bundle {

using PieceFn = std::function<Result<void>(std::uint64_t at, std::span<const std::byte> piece)>;

/// Reads [from, from + bytes) piece by piece; `at` counts from `from`. Returns the XXH3-64 of all.
/// Progress counts the bytes if asked to.
Result<std::uint64_t> for_each_piece(JobContext& job, const InputFile& source, std::uint64_t from,
                                     std::uint64_t bytes, const PieceFn& consume,
                                     bool count_progress = true);

/// Copies and returns the XXH3-64 of what was copied.
Result<std::uint64_t> copy_bytes(JobContext& job, const InputFile& source, std::uint64_t from,
                                 std::uint64_t bytes, OutputFile& destination, std::uint64_t to);

/// XXH3-64 of a whole file; progress counts nothing.
Result<std::uint64_t> hash_file(JobContext& job, const InputFile& source);

}  // namespace unweight::bundle
