// SPDX-License-Identifier: BSD-3-Clause
//
// What one public call carries through all its files: threads, progress, reused memory, limits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/thread_pool.h"
#include "bundle/host_buffer.h"
#include "bundle/progress_meter.h"
#include "layout/tile_order.h"
#include "packed/packed_format.h"
#include "unweight/bundle.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// Memory of a call. The defaults keep the whole process below 1 GiB whatever the file holds.
struct Limits {
  std::uint64_t source_window_bytes = std::uint64_t{256} << 20;  ///< rows of a tensor being packed
  std::uint64_t decode_window_bytes = std::uint64_t{128} << 20;  ///< rows of one being unpacked
  std::uint64_t encode_budget_bytes = std::uint64_t{256} << 20;  ///< encoded chunks not yet written
  std::uint64_t copy_bytes = std::uint64_t{16} << 20;            ///< piece of a carried tensor
  /// Smaller tensors are not worth an engine's transfers and launches: the CPU codec is done with
  /// them in milliseconds.
  std::uint64_t min_engine_bytes = std::uint64_t{4} << 20;
};

struct JobContext {
  JobContext(unsigned num_threads, ProgressFn callback, Limits memory = {},
             std::shared_ptr<TensorEngine> tensor_engine = nullptr)
      : pool(num_threads),
        progress(std::move(callback)),
        limits(memory),
        engine(std::move(tensor_engine)) {}

  /// Whether there is an engine and the tensor large enough for it.
  [[nodiscard]] bool wants_engine(const layout::TileGrid& grid) const noexcept {
    return engine != nullptr && grid.num_elems() * sizeof(std::uint16_t) >= limits.min_engine_bytes;
  }

  ThreadPool pool;
  ProgressMeter progress;
  Limits limits;
  std::shared_ptr<TensorEngine> engine;                   ///< may be null
  HostBuffer window;                                      ///< rows of the tensor at work
  HostBuffer copy;                                        ///< bytes of the carried tensor at work
  std::array<HostBuffer, packed::kNumSections> sections;  ///< of the packed tensor being decoded
  std::array<HostBuffer, 2> uploads;  ///< pieces of it, on their way to the engine
};

struct ReadRequest {
  std::uint64_t offset = 0;
  std::span<std::byte> out;
};
/// The same reads cut into pieces, for workers to share.
std::vector<ReadRequest> cut_into_pieces(const std::vector<ReadRequest>& requests);
/// Reads all of them, cut into pieces that the workers share.
Result<void> read_pieces(JobContext& job, const InputFile& file,
                         const std::vector<ReadRequest>& requests);

}  // namespace unweight::bundle
