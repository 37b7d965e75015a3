// SPDX-License-Identifier: BSD-3-Clause
#include "gpu/device_memory.h"

namespace unweight::gpu {

Result<DeviceBuffer> DeviceBuffer::allocate(std::uint64_t bytes) {
  DeviceBuffer buffer;
  if (bytes == 0) return buffer;
  void* memory = nullptr;
  UNWEIGHT_TRY_CUDA(cudaMalloc(&memory, bytes));
  buffer.data_.reset(static_cast<std::byte*>(memory));
  buffer.bytes_ = bytes;
  return buffer;
}

Result<PinnedBuffer> PinnedBuffer::allocate(std::uint64_t bytes) {
  PinnedBuffer buffer;
  if (bytes == 0) return buffer;
  void* memory = nullptr;
  UNWEIGHT_TRY_CUDA(cudaMallocHost(&memory, bytes));
  buffer.data_.reset(static_cast<std::byte*>(memory));
  buffer.bytes_ = bytes;
  return buffer;
}

Result<OwnedStream> OwnedStream::create() {
  cudaStream_t stream = nullptr;
  UNWEIGHT_TRY_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  OwnedStream owned;
  owned.stream_.reset(stream);
  return owned;
}

Result<OwnedEvent> OwnedEvent::create() {
  cudaEvent_t event = nullptr;
  UNWEIGHT_TRY_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  OwnedEvent owned;
  owned.event_.reset(event);
  return owned;
}

}  // namespace unweight::gpu
