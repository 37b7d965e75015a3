// SPDX-License-Identifier: BSD-3-Clause
//
// The device scratch that transcoding units share: slots of LoadPlan::scratch_slots.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "gpu/device_memory.h"
#include "unweight/gpu.h"
#include "unweight/result.h"

namespace unweight::load {

class ScratchSlots {
 public:
  static Result<void> allocate(const std::vector<std::uint64_t>& slot_bytes, ScratchSlots& slots);

  /// The smallest free slot of at least `bytes`; work enqueued on `stream` from now on runs after
  /// what its last user had enqueued. Waits for other threads; some slot must be large enough.
  Result<std::size_t> take(std::uint64_t bytes, gpu::Stream stream);
  [[nodiscard]] std::byte* memory(std::size_t slot) const noexcept { return slots_[slot].memory; }
  /// Free again for work enqueued after what is on `stream` now.
  void give_back(std::size_t slot, gpu::Stream stream) noexcept;

  [[nodiscard]] std::uint64_t bytes() const noexcept { return memory_.bytes(); }

 private:
  struct Slot {
    std::byte* memory = nullptr;
    std::uint64_t bytes = 0;
    gpu::OwnedEvent idle;
    bool taken = false;
  };
  gpu::DeviceBuffer memory_;
  std::vector<Slot> slots_;  ///< largest first
  std::mutex mutex_;         ///< guards Slot::taken
  std::condition_variable freed_;
};

}  // namespace unweight::load
