// SPDX-License-Identifier: BSD-3-Clause
#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace unweight {
namespace {

class ThreadPoolTest : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, testing::Values(1U, 2U, 3U, 8U, 33U));

TEST_P(ThreadPoolTest, RunsEveryIndexOnceOnAValidWorker) {
  ThreadPool pool(GetParam());
  EXPECT_LE(pool.num_threads(), GetParam());
  for (const std::size_t count : {0, 1, 2, 7, 100000}) {
    std::vector<std::atomic<int>> runs(count);
    // Plain integers: a worker number shared by two threads at once would be a data race.
    std::vector<std::size_t> per_worker(pool.num_threads());
    const auto result = pool.parallel_for(count, [&](std::size_t i, unsigned worker) {
      runs[i].fetch_add(1, std::memory_order_relaxed);
      ++per_worker.at(worker);
      return Result<void>();
    });
    ASSERT_TRUE(result);
    std::size_t total = 0;
    for (const std::size_t n : per_worker) total += n;
    EXPECT_EQ(total, count);
    for (const auto& n : runs) ASSERT_EQ(n.load(), 1);
  }
}

TEST_P(ThreadPoolTest, ResultsOfTasksAreVisibleAfterwards) {
  ThreadPool pool(GetParam());
  std::vector<std::size_t> squares(1000);
  for (std::size_t round = 0; round < 200; ++round) {
    ASSERT_TRUE(pool.parallel_for(squares.size(), [&](std::size_t i, unsigned) {
      squares[i] = i * i + round;
      return Result<void>();
    }));
    for (std::size_t i = 0; i < squares.size(); ++i) ASSERT_EQ(squares[i], i * i + round);
  }
}

TEST_P(ThreadPoolTest, TheLowestFailureWinsWhateverTheTiming) {
  ThreadPool pool(GetParam());
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> runs{0};
    const auto result = pool.parallel_for(20000, [&](std::size_t i, unsigned) -> Result<void> {
      runs.fetch_add(1, std::memory_order_relaxed);
      if (i == 5) std::this_thread::sleep_for(std::chrono::microseconds(200));  // fail late
      if (i >= 5) return Error{ErrorCode::kIo, "task " + std::to_string(i)};
      return {};
    });
    ASSERT_FALSE(result);
    ASSERT_EQ(result.error().code, ErrorCode::kIo);
    ASSERT_EQ(result.error().message, "task 5");
    ASSERT_LT(runs.load(), 20000) << "tasks after a failure are skipped";
  }
  ASSERT_TRUE(pool.parallel_for(10, [](std::size_t, unsigned) { return Result<void>(); }))
      << "the pool works on after a failure";
}

TEST_P(ThreadPoolTest, ExceptionsBecomeErrors) {
  ThreadPool pool(GetParam());
  const auto throwing = [&](auto&& thrower) {
    return pool.parallel_for(64, [&](std::size_t i, unsigned) -> Result<void> {
      if (i == 40) thrower();
      return {};
    });
  };
  const auto memory = throwing([] { throw std::bad_alloc(); });
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().code, ErrorCode::kOutOfMemory);
  const auto standard = throwing([] { throw std::runtime_error("lost a bit"); });
  ASSERT_FALSE(standard);
  EXPECT_EQ(standard.error().code, ErrorCode::kInternal);
  EXPECT_NE(standard.error().message.find("lost a bit"), std::string::npos);
  const auto other = throwing([] { throw 7; });
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kInternal);
}

/// Until the flag is set; false if that takes implausibly long.
bool wait_for(const std::atomic<bool>& flag) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!flag.load()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(ThreadPool, WorksInParallelAndALaterFailureDoesNotReplaceALowerOne) {
  ThreadPool pool(2);
  if (pool.num_threads() < 2) GTEST_SKIP() << "the system gives one thread";
  // Each task waits for the other to start: only two threads at once can finish.
  std::atomic<bool> started[2] = {false, false};
  const auto result = pool.parallel_for(2, [&](std::size_t i, unsigned) -> Result<void> {
    started[i] = true;
    if (!wait_for(started[1 - i])) return Error{ErrorCode::kInternal, "alone"};
    if (i == 1) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return Error{ErrorCode::kIo, "task " + std::to_string(i)};
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "task 0");
}

TEST(ThreadPool, RefusesToNest) {
  ThreadPool pool(2);
  const auto nothing = [](std::size_t, unsigned) { return Result<void>(); };
  const auto result =
      pool.parallel_for(1, [&](std::size_t, unsigned) { return pool.parallel_for(4, nothing); });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(pool.parallel_for(4, nothing));
}

TEST(ThreadPool, DefaultsToAtLeastTheCaller) {
  ThreadPool pool;
  EXPECT_GE(pool.num_threads(), 1U);
}

TEST(ThreadPool, ComesAndGoesWithoutWork) {
  for (int i = 0; i < 200; ++i) ThreadPool pool(4);
}

}  // namespace
}  // namespace unweight
