// SPDX-License-Identifier: BSD-3-Clause
//
// The one thread pool: a fixed set of workers that run index ranges.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "unweight/result.h"

namespace unweight {

class ThreadPool {
 public:
  /// 0: as many as the process may run on. The calling thread works too: n threads start n-1.
  /// Falls back to fewer (down to the caller alone) if the system refuses threads.
  explicit ThreadPool(unsigned num_threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] unsigned num_threads() const noexcept;

  /// Runs task(i, worker) for i in [0, count), worker in [0, num_threads()), each i exactly once,
  /// in any order; returns when all are done. The first Error (lowest i that failed) is returned,
  /// and tasks not yet started are then skipped. std::bad_alloc becomes kOutOfMemory, any other
  /// exception kInternal. One parallel_for at a time per pool (not reentrant).
  Result<void> parallel_for(std::size_t count,
                            const std::function<Result<void>(std::size_t, unsigned)>& task);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace unweight
