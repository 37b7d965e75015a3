// SPDX-License-Identifier: BSD-3-Clause
//
// Engines that fail, lie or are cancelled: the right bytes or an error, and nothing left behind.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "bundle/engine_call_test_support.h"

namespace unweight::bundle {
namespace {

using namespace unweight::testing;

/// Two tensors that are packed, the first in more than one window, range and piece.
void write_source(const TempDir& dir) {
  SafetensorsText file;
  file.add_bf16("large", {700, 640}, student_t_tensor(700, 640).weights);
  file.add_bf16("small", {64, 200}, normal_tensor(64, 200, 0.3f).weights);
  write_file(dir / "in", file.text());
  ASSERT_TRUE(EngineCalls{}.compress(dir / "in", dir / "expected"));
}

void expect_nothing_new(const TempDir& dir) {
  EXPECT_EQ(read_tree(dir.path()).size(), 2u) << "only in and expected";
}

/// How often each call comes in a run that does not fail.
std::map<EngineCall, int> count_calls(const TempDir& dir, const Limits& limits) {
  EngineScript script;
  const EngineCalls calls{&script, limits};
  EXPECT_TRUE(calls.compress(dir / "in", dir / "out"));
  fs::remove(dir / "out");
  EXPECT_TRUE(calls.restore(dir / "expected", dir / "out"));
  fs::remove(dir / "out");
  return script.calls;
}

/// The first, the second and the last of the calls of a kind.
std::vector<int> interesting(int count) {
  std::vector<int> numbers = {1, 2, count};
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  if (count == 1) numbers = {1};
  return numbers;
}

TEST(BundleEngineFailure, EveryCallOfCompressFailsInTurn) {
  const TempDir dir;
  write_source(dir);
  for (const Limits& limits : {kAllToEngine, kPiecesToEngine}) {
    auto counts = count_calls(dir, limits);
    for (const EngineCall call : kEncodeCalls) {
      ASSERT_GE(counts[call], 2);
      for (const int nth : interesting(counts[call])) {
        for (const ErrorCode code : {ErrorCode::kOutOfMemory, ErrorCode::kInternal}) {
          EngineScript script;
          script.failure = {call, nth, code};
          const auto made = EngineCalls{&script, limits, 2, {}}.compress(dir / "in", dir / "out");
          EXPECT_EQ(script.living, 0);
          if (code == ErrorCode::kOutOfMemory) {  // the CPU codec took the tensor
            ASSERT_TRUE(made) << made.error().message;
            EXPECT_TRUE(read_file(dir / "out") == read_file(dir / "expected"));
            fs::remove(dir / "out");
          } else {
            ASSERT_FALSE(made) << static_cast<int>(call) << " " << nth;
            EXPECT_EQ(made.error().code, code) << made.error().message;
          }
          expect_nothing_new(dir);
        }
      }
    }
  }
}

TEST(BundleEngineFailure, EveryCallOfDecompressAndVerifyFailsInTurn) {
  const TempDir dir;
  write_source(dir);
  for (const Limits& limits : {kAllToEngine, kPiecesToEngine}) {
    auto counts = count_calls(dir, limits);
    for (const EngineCall call : kDecodeCalls) {
      ASSERT_GE(counts[call], 2);
      for (const int nth : interesting(counts[call])) {
        for (const ErrorCode code : {ErrorCode::kOutOfMemory, ErrorCode::kInternal}) {
          EngineScript script;
          script.failure = {call, nth, code};
          const EngineCalls calls{&script, limits, 2, {}};
          const auto restored = calls.restore(dir / "expected", dir / "out");
          script.calls.clear();
          const auto problems = calls.verify(dir / "expected", dir / "in");
          EXPECT_EQ(script.living, 0);
          if (code == ErrorCode::kOutOfMemory) {
            ASSERT_TRUE(restored) << restored.error().message;
            EXPECT_TRUE(read_file(dir / "out") == read_file(dir / "in"));
            ASSERT_TRUE(problems) << problems.error().message;
            EXPECT_TRUE(problems->empty());
            fs::remove(dir / "out");
          } else {  // a bug of the engine's is no damage of the file
            ASSERT_FALSE(restored) << static_cast<int>(call) << " " << nth;
            EXPECT_EQ(restored.error().code, code) << restored.error().message;
            ASSERT_FALSE(problems);
            EXPECT_EQ(problems.error().code, code);
          }
          expect_nothing_new(dir);
        }
      }
    }
  }
}

TEST(BundleEngineFailure, StatisticsThatCannotBeAreNoticed) {
  const TempDir dir;
  write_source(dir);
  EngineScript script;
  script.wrong_statistics = true;
  const auto made = EngineCalls{&script}.compress(dir / "in", dir / "out");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kInternal);
  expect_nothing_new(dir);
}

TEST(BundleEngineFailure, WrongRowsAreNeverRestored) {
  const TempDir dir;
  write_source(dir);
  EngineScript script;
  script.wrong_rows = true;
  const auto restored = EngineCalls{&script}.restore(dir / "expected", dir / "out");
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code, ErrorCode::kChecksumMismatch);
  const auto problems = EngineCalls{&script}.verify(dir / "expected", dir / "in");
  ASSERT_TRUE(problems);
  EXPECT_FALSE(problems->empty());
  expect_nothing_new(dir);
}

TEST(BundleEngineFailure, CancelledInEveryCall) {
  const TempDir dir;
  write_source(dir);
  std::vector<EngineCall> all_calls(kEncodeCalls.begin(), kEncodeCalls.end());
  all_calls.insert(all_calls.end(), kDecodeCalls.begin(), kDecodeCalls.end());
  for (const EngineCall cancelled_in : all_calls) {
    bool cancel = false;
    EngineScript script;
    script.on_call = [&](EngineCall call) {
      if (call != cancelled_in || cancel) return;
      cancel = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(60));  // the next report is due
    };
    const EngineCalls calls{&script, kPiecesToEngine, 2, [&](const Progress&) { return !cancel; }};
    const bool encodes =
        static_cast<int>(cancelled_in) < static_cast<int>(EngineCall::kBeginDecode);
    const auto made = calls.compress(dir / "in", dir / "out");
    if (encodes) {
      ASSERT_FALSE(made) << static_cast<int>(cancelled_in);
      EXPECT_EQ(made.error().code, ErrorCode::kCancelled);
    } else {
      ASSERT_TRUE(made);
      fs::remove(dir / "out");
      const auto restored = calls.restore(dir / "expected", dir / "out");
      ASSERT_FALSE(restored) << static_cast<int>(cancelled_in);
      EXPECT_EQ(restored.error().code, ErrorCode::kCancelled);
    }
    EXPECT_EQ(script.living, 0);
    expect_nothing_new(dir);
  }
}

}  // namespace
}  // namespace unweight::bundle
