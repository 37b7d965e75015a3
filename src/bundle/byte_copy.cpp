// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/byte_copy.h"

#include <algorithm>

#include "base/hash.h"
#include "base/try.h"

namespace unweight::bundle {

Result<std::uint64_t> for_each_piece(JobContext& job, const InputFile& source, std::uint64_t from,
                                     std::uint64_t bytes, const PieceFn& consume,
                                     bool count_progress) {
  Xxh3Stream hash;
  for (std::uint64_t at = 0; at < bytes; at += job.limits.copy_bytes) {
    const std::uint64_t count = std::min(job.limits.copy_bytes, bytes - at);
    const std::span<std::byte> piece = job.copy.ensure_elems<std::byte>(count);
    UNWEIGHT_TRY(read_pieces(job, source, {{from + at, piece}}));
    UNWEIGHT_TRY(job.pool.parallel_for(2, [&](std::size_t i, unsigned) -> Result<void> {
      if (i == 1) return consume(at, piece);
      hash.update(piece);
      return {};
    }));
    UNWEIGHT_TRY(job.progress.add(count_progress ? count : 0));
  }
  return hash.digest();
}

Result<std::uint64_t> copy_bytes(JobContext& job, const InputFile& source, std::uint64_t from,
                                 std::uint64_t bytes, OutputFile& destination, std::uint64_t to) {
  return for_each_piece(job, source, from, bytes,
                        [&](std::uint64_t at, std::span<const std::byte> piece) {
                          return destination.write_at(to + at, piece);
                        });
}

Result<std::uint64_t> hash_file(JobContext& job, const InputFile& source) {
  return for_each_piece(
      job, source, 0, source.bytes(),
      [](std::uint64_t, std::span<const std::byte>) { return Result<void>{}; }, false);
}

}  // namespace unweight::bundle
