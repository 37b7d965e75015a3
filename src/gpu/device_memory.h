// SPDX-License-Identifier: BSD-3-Clause
//
// Owners of what CUDA hands out: device memory, pinned host memory, streams, events. Move-only; the
// destructor releases.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "gpu/cuda_result.h"
#include "unweight/result.h"

namespace unweight::gpu {

/// Memory of the current device, 256-byte aligned, contents undefined.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  /// 0 bytes: no memory, data() is null. Errors: kOutOfMemory.
  static Result<DeviceBuffer> allocate(std::uint64_t bytes);

  [[nodiscard]] std::byte* data() const noexcept { return data_.get(); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  template <typename T>
  [[nodiscard]] T* as() const noexcept {
    return reinterpret_cast<T*>(data_.get());
  }

 private:
  struct Free {
    void operator()(std::byte* p) const noexcept { cudaFree(p); }
  };
  std::unique_ptr<std::byte, Free> data_;
  std::uint64_t bytes_ = 0;
};

/// Page-locked host memory: what asynchronous copies need.
class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  static Result<PinnedBuffer> allocate(std::uint64_t bytes);

  [[nodiscard]] std::byte* data() const noexcept { return data_.get(); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* p) const noexcept { cudaFreeHost(p); }
  };
  std::unique_ptr<std::byte, Free> data_;
  std::uint64_t bytes_ = 0;
};

/// A stream that does not wait for the default stream.
class OwnedStream {
 public:
  static Result<OwnedStream> create();
  [[nodiscard]] cudaStream_t get() const noexcept { return stream_.get(); }

 private:
  struct Destroy {
    void operator()(cudaStream_t s) const noexcept { cudaStreamDestroy(s); }
  };
  std::unique_ptr<CUstream_st, Destroy> stream_;
};

/// An event without timing.
class OwnedEvent {
 public:
  static Result<OwnedEvent> create();
  [[nodiscard]] cudaEvent_t get() const noexcept { return event_.get(); }

 private:
  struct Destroy {
    void operator()(cudaEvent_t e) const noexcept { cudaEventDestroy(e); }
  };
  std::unique_ptr<CUevent_st, Destroy> event_;
};

}  // namespace unweight::gpu
