// SPDX-License-Identifier: BSD-3-Clause
#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <limits>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace unweight {
namespace {

using Task = std::function<Result<void>(std::size_t, unsigned)>;

constexpr unsigned kMaxThreads = 1024;
constexpr std::size_t kNoFailure = std::numeric_limits<std::size_t>::max();

/// What the scheduler lets this process use, which in a container is often less than the machine.
unsigned usable_cpus() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
    return static_cast<unsigned>(std::max(1, CPU_COUNT(&cpus)));
  return std::max(1U, std::thread::hardware_concurrency());
}

/// The task with every exception turned into an Error, even one thrown while making the message.
Result<void> run_guarded(const Task& task, std::size_t i, unsigned worker) noexcept {
  try {
    try {
      return task(i, worker);
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& e) {
      return Error{ErrorCode::kInternal, std::string("unexpected exception: ") + e.what()};
    } catch (...) {
      return Error{ErrorCode::kInternal, "unexpected exception"};
    }
  } catch (...) {
    return Error{ErrorCode::kOutOfMemory, "out of memory"};  // short: needs no allocation
  }
}

/// One parallel_for. Indices are claimed in ascending order, and an index below the lowest failure
/// so far still runs: the error returned does not depend on timing.
class Job {
 public:
  Job(std::size_t count, const Task& task) : count_(count), task_(task) {}

  void work(unsigned worker) noexcept {
    for (;;) {
      const std::size_t i = next_.fetch_add(1, std::memory_order_relaxed);
      if (i >= count_ || i > lowest_failure_.load(std::memory_order_relaxed)) return;
      auto result = run_guarded(task_, i, worker);
      if (!result) record_failure(i, std::move(result).error());
    }
  }

  /// Only after every worker has left work().
  Result<void> take_result() {
    if (lowest_failure_.load() == kNoFailure) return {};
    return std::move(error_);
  }

 private:
  void record_failure(std::size_t i, Error&& error) noexcept {
    const std::lock_guard lock(mutex_);
    if (i >= lowest_failure_.load(std::memory_order_relaxed)) return;
    error_ = std::move(error);
    lowest_failure_.store(i, std::memory_order_relaxed);
  }

  const std::size_t count_;
  const Task& task_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> lowest_failure_{kNoFailure};
  std::mutex mutex_;  // guards error_
  Error error_;
};

}  // namespace

struct ThreadPool::Impl {
  std::mutex mutex;
  std::condition_variable wake;  // a new job, or stop
  std::condition_variable idle;  // busy became 0
  Job* job = nullptr;
  std::uint64_t generation = 0;  // number of jobs so far: a worker joins each at most once
  unsigned busy = 0;             // workers inside job->work()
  bool running = false;
  bool stop = false;
  std::vector<std::thread> workers;

  void worker_loop(unsigned worker) noexcept {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [&] { return stop || (job != nullptr && generation != seen); });
      if (stop) return;
      seen = generation;
      Job* const mine = job;
      ++busy;
      lock.unlock();
      mine->work(worker);
      lock.lock();
      if (--busy == 0) idle.notify_one();
    }
  }
};

ThreadPool::ThreadPool(unsigned num_threads) : impl_(std::make_unique<Impl>()) {
  const unsigned wanted = std::min(num_threads == 0 ? usable_cpus() : num_threads, kMaxThreads);
  try {
    impl_->workers.reserve(wanted - 1);
    for (unsigned worker = 1; worker < wanted; ++worker)
      impl_->workers.emplace_back([impl = impl_.get(), worker] { impl->worker_loop(worker); });
  } catch (const std::system_error&) {
    // The system refuses more threads: the ones that started, and the caller, do the work.
  } catch (const std::bad_alloc&) {
    // The same, for memory.
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
  }
  impl_->wake.notify_all();
  for (auto& worker : impl_->workers) worker.join();
}

unsigned ThreadPool::num_threads() const noexcept {
  return static_cast<unsigned>(impl_->workers.size()) + 1;
}

Result<void> ThreadPool::parallel_for(std::size_t count, const Task& task) {
  Job job(count, task);
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->running)
      return Error{ErrorCode::kInvalidArgument, "thread pool: parallel_for is already running"};
    impl_->running = true;
    if (count > 1) {
      impl_->job = &job;
      ++impl_->generation;
    }
  }
  if (count > 1) impl_->wake.notify_all();
  job.work(0);
  {
    std::unique_lock lock(impl_->mutex);
    impl_->job = nullptr;  // a worker that wakes only now finds nothing to join
    impl_->idle.wait(lock, [&] { return impl_->busy == 0; });
    impl_->running = false;
  }
  return job.take_result();
}

}  // namespace unweight
