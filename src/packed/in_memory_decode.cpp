// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>

#include "base/thread_pool.h"
#include "base/try.h"
#include "codec/chunk_decoder.h"
#include "packed/header_checks.h"
#include "packed/in_memory_codec.h"
#include "packed/packed_reader.h"

namespace unweight::packed {
namespace {

constexpr std::uint64_t kMaxTaskChunks = 16;  // 1 MiB of weights
constexpr std::uint64_t kTasksPerThread = 8;

Result<void> check_all_checksums(const PackedHeader& header, std::span<const std::byte> blob,
                                 ThreadPool& pool) {
  return pool.parallel_for(kNumSections, [&](std::size_t i, unsigned) {
    return check_section_checksum(header, static_cast<SectionId>(i), blob);
  });
}

}  // namespace

Result<void> decode_in_memory(std::span<const std::byte> blob, MutableMatrixView out,
                              const DecodeOptions& options) {
  UNWEIGHT_TRY_ASSIGN(const PackedHeader header, parse_header(blob, blob.size()));
  if (header.rows != out.rows || header.cols != out.cols) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("packed tensor is {} x {}, the output matrix {} x {}", header.rows,
                             header.cols, out.rows, out.cols)};
  }
  const std::uint64_t chunks = layout::TileGrid{header.rows, header.cols}.num_chunks();
  ThreadPool pool(useful_threads(options.num_threads, chunks));
  if (options.verify_checksums) UNWEIGHT_TRY(check_all_checksums(header, blob, pool));
  UNWEIGHT_TRY_ASSIGN(const codec::EncodedView view, open_packed(blob, false));

  const codec::DestinationWindow destination{out.data, 0, out.rows, out.row_stride_elems};
  const std::uint64_t task_chunks =
      std::clamp<std::uint64_t>(chunks / (kTasksPerThread * pool.num_threads()), 1, kMaxTaskChunks);
  return pool.parallel_for((chunks + task_chunks - 1) / task_chunks, [&](std::size_t i, unsigned) {
    const std::uint64_t first = i * task_chunks;
    return codec::decode_chunks(view, first, std::min(task_chunks, chunks - first), destination);
  });
}

}  // namespace unweight::packed
