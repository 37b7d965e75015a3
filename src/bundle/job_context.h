// SPDX-License-Identifier: BSD-3-Clause
//
// What one public call carries through all its files: threads, progress, reused memory, limits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/thread_pool.h"
#include "bundle/host_buffer.h"
#include "bundle/progress_meter.h"
#include "packed/packed_format.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// Memory of a call. The defaults keep the whole process below 1 GiB whatever the file holds.
struct Limits {
  std::uint64_t source_window_bytes = std::uint64_t{256} << 20;  ///< rows of a tensor being packed
  std::uint64_t decode_window_bytes = std::uint64_t{128} << 20;  ///< rows of one being unpacked
  std::uint64_t encode_budget_bytes = std::uint64_t{256} << 20;  ///< encoded chunks not yet written
  std::uint64_t copy_bytes = std::uint64_t{16} << 20;            ///< piece of a carried tensor
};

struct JobContext {
  JobContext(unsigned num_threads, ProgressFn callback, Limits memory = {})
      : pool(num_threads), progress(std::move(callback)), limits(memory) {}

  ThreadPool pool;
  ProgressMeter progress;
  Limits limits;
  HostBuffer window;                                      ///< rows of the tensor at work
  HostBuffer copy;                                        ///< bytes of the carried tensor at work
  std::array<HostBuffer, packed::kNumSections> sections;  ///< of the packed tensor being decoded
};

struct ReadRequest {
  std::uint64_t offset = 0;
  std::span<std::byte> out;
};
/// Reads all of them, cut into pieces that the workers share.
Result<void> read_pieces(JobContext& job, const InputFile& file,
                         const std::vector<ReadRequest>& requests);

}  // namespace unweight::bundle
