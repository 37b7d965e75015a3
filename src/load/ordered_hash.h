// SPDX-License-Identifier: BSD-3-Clause
//
// XXH3 of bytes that several threads bring piece by piece: they read at the same time and hash in
// turn.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

#include "base/hash.h"

namespace unweight::load {

class OrderedHash {
 public:
  /// Waits until everything before `offset` was added, then adds `bytes`. False, and nothing added,
  /// after give_up(). Whoever waits needs the bytes before to be on their way: pieces must be begun
  /// in order.
  [[nodiscard]] bool add(std::uint64_t offset, std::span<const std::byte> bytes) {
    std::unique_lock lock(mutex_);
    turn_.wait(lock, [&] { return given_up_ || next_ == offset; });
    if (given_up_) return false;
    lock.unlock();  // nobody else has the turn
    hash_.update(bytes);
    lock.lock();
    next_ += bytes.size();
    turn_.notify_all();
    return true;
  }

  /// Nobody waits any more.
  void give_up() {
    const std::lock_guard lock(mutex_);
    given_up_ = true;
    turn_.notify_all();
  }

  /// By whoever added the last piece.
  [[nodiscard]] std::uint64_t digest() const { return hash_.digest(); }

 private:
  std::mutex mutex_;
  std::condition_variable turn_;
  std::uint64_t next_ = 0;
  bool given_up_ = false;
  Xxh3Stream hash_;
};

}  // namespace unweight::load
