// SPDX-License-Identifier: BSD-3-Clause
#include "load/scratch_slots.h"

#include <algorithm>
#include <utility>

#include "base/try.h"

namespace unweight::load {

Result<void> ScratchSlots::allocate(const std::vector<std::uint64_t>& slot_bytes,
                                    ScratchSlots& slots) {
  std::uint64_t total = 0;
  for (const std::uint64_t bytes : slot_bytes) total += bytes;
  UNWEIGHT_TRY_ASSIGN(slots.memory_, gpu::DeviceBuffer::allocate(total));
  std::byte* memory = slots.memory_.data();
  for (const std::uint64_t bytes : slot_bytes) {
    UNWEIGHT_TRY_ASSIGN(gpu::OwnedEvent idle, gpu::OwnedEvent::create());
    slots.slots_.push_back({memory, bytes, std::move(idle), false});
    memory += bytes;
  }
  return {};
}

Result<std::size_t> ScratchSlots::take(std::uint64_t bytes, gpu::Stream stream) {
  std::size_t found = slots_.size();
  {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [&] {
      for (std::size_t i = slots_.size(); i-- > 0;) {
        if (slots_[i].taken || slots_[i].bytes < bytes) continue;
        found = i;
        return true;
      }
      return false;
    });
    slots_[found].taken = true;
  }
  if (const cudaError_t status = cudaStreamWaitEvent(stream, slots_[found].idle.get(), 0);
      status != cudaSuccess) {
    give_back(found, stream);
    return gpu::cuda_error(status, "cudaStreamWaitEvent");
  }
  return found;
}

void ScratchSlots::give_back(std::size_t slot, gpu::Stream stream) noexcept {
  if (cudaEventRecord(slots_[slot].idle.get(), stream) != cudaSuccess) cudaGetLastError();
  {
    const std::lock_guard lock(mutex_);
    slots_[slot].taken = false;
  }
  freed_.notify_all();
}

}  // namespace unweight::load
