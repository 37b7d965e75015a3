// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

namespace unweight::bundle {

/// A reusable piece of uninitialised memory, aligned for any vector instruction.
class HostBuffer {
 public:
  /// At least `bytes`; the content is lost when it has to grow. Throws std::bad_alloc.
  std::byte* ensure(std::size_t bytes) {
    if (bytes > bytes_) {
      release();
      data_.reset(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kAlign})));
      bytes_ = bytes;
    }
    return data_.get();
  }
  template <typename T>
  std::span<T> ensure_elems(std::size_t count) {
    return {reinterpret_cast<T*>(ensure(count * sizeof(T))), count};
  }
  void release() noexcept {
    data_.reset();
    bytes_ = 0;
  }

 private:
  static constexpr std::size_t kAlign = 64;
  struct Free {
    void operator()(std::byte* p) const noexcept {
      ::operator delete (p, std::align_val_t{kAlign});
    }
  };
  std::unique_ptr<std::byte, Free> data_;
  std::size_t bytes_ = 0;
};

}  // namespace unweight::bundle
