// SPDX-License-Identifier: BSD-3-Clause
//
// How bytes get from a thread to the device: pinned slots that are filled one after the other while
// earlier ones are still being copied, on the thread's own stream.
//
//   slot 0  | filled | copied ......... | filled | ...        a slot is filled again once its event
//   slot 1           | filled | copied ......... | filled     says that its copy is done
//   slot 2                    | filled | copied .........
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "gpu/device_memory.h"
#include "unweight/gpu.h"
#include "unweight/result.h"

namespace unweight::load {

class StagingLane {
 public:
  static constexpr std::size_t kNumSlots = 3;

  /// `pinned`: kNumSlots * slot_bytes that outlive the lane. Of the current device.
  static Result<StagingLane> create(std::byte* pinned, std::uint64_t slot_bytes);

  /// Pinned room for 1 to `most` bytes that are to go to `destination` (device). Bytes that follow
  /// one another on the device share a slot, alignment gaps of up to 255 bytes become zeros. May
  /// wait for an earlier copy. Fill a beginning of it, then add().
  Result<std::span<std::byte>> room(std::byte* destination, std::uint64_t most);
  void add(std::uint64_t bytes) noexcept { used_ += bytes; }
  /// room() and add() for all of `bytes`, which may go away afterwards.
  Result<void> append(std::span<const std::byte> bytes, std::byte* destination);

  /// Enqueues the copy of what was added.
  Result<void> flush();
  /// flush(), then waits for the stream.
  Result<void> finish();
  /// The other way, through the same slots: everything enqueued, then `out.size()` bytes of device
  /// memory. Waits.
  Result<void> download(const std::byte* source, std::span<std::byte> out);
  /// Waits for the stream and forgets what was not flushed: after an error.
  void abandon() noexcept;

  [[nodiscard]] gpu::Stream stream() const noexcept { return stream_.get(); }
  [[nodiscard]] std::uint64_t slot_bytes() const noexcept { return slot_bytes_; }

 private:
  [[nodiscard]] std::byte* slot() const noexcept { return slot(current_); }
  [[nodiscard]] std::byte* slot(std::size_t i) const noexcept { return pinned_ + i * slot_bytes_; }

  std::byte* pinned_ = nullptr;
  std::uint64_t slot_bytes_ = 0;
  gpu::OwnedStream stream_;
  std::array<gpu::OwnedEvent, kNumSlots> copied_;
  std::size_t current_ = 0;
  std::byte* destination_ = nullptr;  ///< of the current slot's first byte
  std::uint64_t used_ = 0;            ///< of the current slot
};

}  // namespace unweight::load
