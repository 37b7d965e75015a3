// SPDX-License-Identifier: BSD-3-Clause
//
// Carries a plan out: the units of work, on a thread's staging lane each.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "bundle/progress_meter.h"
#include "gpu/device_memory.h"
#include "load/bundle_listing.h"
#include "load/load_plan.h"
#include "load/ordered_hash.h"
#include "load/scratch_slots.h"
#include "load/staging.h"
#include "unweight/gpu_load.h"

namespace unweight::load {

/// Progress from many threads. Whoever finds the meter busy leaves its bytes to the next.
class SharedProgress {
 public:
  SharedProgress(const ProgressFn& callback, std::uint64_t total_bytes) : meter_(callback) {
    meter_.set_total(total_bytes);
  }
  /// kCancelled once the callback has returned false.
  Result<void> add(std::uint64_t bytes, const std::string& item);
  void finish() { meter_.finish(); }

 private:
  std::atomic<std::uint64_t> waiting_bytes_{0};
  std::mutex mutex_;  ///< guards meter_
  bundle::ProgressMeter meter_;
};

/// One load. `arena` and `scratch` are as large as the plan says.
class LoadRun {
 public:
  LoadRun(const BundleListing& listing, const LoadPlan& plan, std::byte* arena,
          ScratchSlots& scratch, std::uint32_t* status, SharedProgress& progress)
      : listing_(listing),
        plan_(plan),
        arena_(arena),
        scratch_(scratch),
        status_(status),
        progress_(progress),
        chains_(plan.num_chains) {}

  /// Unit i, enqueued to the end when this returns (not yet done: StagingLane::finish). After any
  /// unit has failed, the others stop early and say nothing.
  Result<void> run_unit(std::size_t i, StagingLane& lane);

  /// After everything enqueued is done: kInvalidFormat for a tensor whose transcode noticed that
  /// its stream is not what an encoder writes.
  Result<void> check_status() const;

 private:
  [[nodiscard]] const std::string& name_of(const WorkUnit& unit) const {
    return listing_.original(listing_.tensors[unit.tensor]).name;
  }
  Result<void> copy_parts(const WorkUnit& unit, std::byte* scratch, StagingLane& lane);
  Result<void> copy_memory(const WorkUnit& unit, std::span<const std::byte> bytes,
                           std::byte* target, StagingLane& lane);
  Result<void> copy_chain_piece(const WorkUnit& unit, const CopyPart& part, std::byte* target,
                                StagingLane& lane);
  Result<void> copy_file(const WorkUnit& unit, const CopyPart& part, std::byte* target,
                         StagingLane& lane);
  void stop() noexcept;
  Result<void> transcode_unit(const WorkUnit& unit, StagingLane& lane);
  Result<void> transcode(const WorkUnit& unit, std::byte* scratch, StagingLane& lane);

  const BundleListing& listing_;
  const LoadPlan& plan_;
  std::byte* arena_;
  ScratchSlots& scratch_;
  std::uint32_t*
      status_;  ///< device: a word a tensor, zero at first; null if nothing is transcoded
  SharedProgress& progress_;
  std::vector<OrderedHash> chains_;  ///< as the plan numbers them
  std::atomic<bool> stopped_{false};
};

}  // namespace unweight::load
