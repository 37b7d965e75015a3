// SPDX-License-Identifier: BSD-3-Clause
#include "load/staging.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/try.h"

namespace unweight::load {
namespace {

constexpr std::uint64_t kMostGapBytes = 255;

}  // namespace

Result<StagingLane> StagingLane::create(std::byte* pinned, std::uint64_t slot_bytes) {
  StagingLane lane;
  lane.pinned_ = pinned;
  lane.slot_bytes_ = slot_bytes;
  UNWEIGHT_TRY_ASSIGN(lane.stream_, gpu::OwnedStream::create());
  for (gpu::OwnedEvent& event : lane.copied_) {
    UNWEIGHT_TRY_ASSIGN(event, gpu::OwnedEvent::create());
  }
  return lane;
}

Result<std::span<std::byte>> StagingLane::room(std::byte* destination, std::uint64_t most) {
  if (used_ != 0) {
    const std::byte* const next = destination_ + used_;
    const std::uint64_t gap = reinterpret_cast<std::uintptr_t>(destination) -
                              reinterpret_cast<std::uintptr_t>(next);  // huge if it lies before
    if (gap > kMostGapBytes || used_ + gap >= slot_bytes_) {
      UNWEIGHT_TRY(flush());
    } else {
      std::memset(slot() + used_, 0, gap);
      used_ += gap;
    }
  }
  if (used_ == 0) {
    UNWEIGHT_TRY_CUDA(cudaEventSynchronize(copied_[current_].get()));
    destination_ = destination;
  }
  return std::span(slot() + used_, std::min(most, slot_bytes_ - used_));
}

Result<void> StagingLane::append(std::span<const std::byte> bytes, std::byte* destination) {
  while (!bytes.empty()) {
    UNWEIGHT_TRY_ASSIGN(const std::span<std::byte> free, room(destination, bytes.size()));
    std::memcpy(free.data(), bytes.data(), free.size());
    add(free.size());
    bytes = bytes.subspan(free.size());
    destination += free.size();
  }
  return {};
}

Result<void> StagingLane::flush() {
  if (used_ == 0) return {};
  UNWEIGHT_TRY_CUDA(
      cudaMemcpyAsync(destination_, slot(), used_, cudaMemcpyHostToDevice, stream_.get()));
  UNWEIGHT_TRY_CUDA(cudaEventRecord(copied_[current_].get(), stream_.get()));
  current_ = (current_ + 1) % kNumSlots;
  used_ = 0;
  return {};
}

Result<void> StagingLane::finish() {
  UNWEIGHT_TRY(flush());
  UNWEIGHT_TRY_CUDA(cudaStreamSynchronize(stream_.get()));
  return {};
}

// Slot i % kNumSlots has piece i. Each is emptied while the next ones are on their way.
Result<void> StagingLane::download(const std::byte* source, std::span<std::byte> out) {
  UNWEIGHT_TRY(finish());
  const std::uint64_t num_pieces = (out.size() + slot_bytes_ - 1) / slot_bytes_;
  const auto piece_of = [&](std::uint64_t i) {
    const std::uint64_t begin = i * slot_bytes_;
    return out.subspan(begin, std::min<std::uint64_t>(slot_bytes_, out.size() - begin));
  };
  const auto request = [&](std::uint64_t i) -> Result<void> {
    if (i >= num_pieces) return {};
    const std::size_t s = i % kNumSlots;
    UNWEIGHT_TRY_CUDA(cudaMemcpyAsync(slot(s), source + i * slot_bytes_, piece_of(i).size(),
                                      cudaMemcpyDeviceToHost, stream_.get()));
    UNWEIGHT_TRY_CUDA(cudaEventRecord(copied_[s].get(), stream_.get()));
    return {};
  };
  for (std::uint64_t i = 0; i < kNumSlots; ++i) UNWEIGHT_TRY(request(i));
  for (std::uint64_t i = 0; i < num_pieces; ++i) {
    const std::size_t s = i % kNumSlots;
    UNWEIGHT_TRY_CUDA(cudaEventSynchronize(copied_[s].get()));
    const std::span<std::byte> piece = piece_of(i);
    std::memcpy(piece.data(), slot(s), piece.size());
    UNWEIGHT_TRY(request(i + kNumSlots));
  }
  return {};
}

void StagingLane::abandon() noexcept {
  used_ = 0;
  cudaStreamSynchronize(stream_.get());
  cudaGetLastError();
}

}  // namespace unweight::load
