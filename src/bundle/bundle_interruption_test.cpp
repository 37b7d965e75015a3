// SPDX-License-Identifier: BSD-3-Clause
//
// Killed, cancelled, out of space, sources that change: what is left is either nothing or the right
// thing.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <thread>

#include "bundle/bundle_test_support.h"

namespace unweight {
namespace {

using namespace unweight::testing;
using Clock = std::chrono::steady_clock;

void write_sharded_model(const fs::path& root, int shards, std::uint64_t rows) {
  for (int i = 0; i < shards; ++i)
    write_file(root / ("shard-" + std::to_string(i) + ".safetensors"),
               small_model_file(static_cast<std::uint64_t>(i), rows));
  write_file(root / "config.json", "{\n  \"a\": 1\n}\n");
  write_file(root / "sub" / "notes.txt", "notes");
}

/// Runs `body` in a child and kills it after `delay`; whether it had finished by itself.
bool run_and_kill(std::chrono::microseconds delay, const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  std::this_thread::sleep_for(delay);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status);
}

TEST(BundleInterruption, KilledAnywhereAndRestartedGivesTheSameBytes) {
  const TempDir dir;
  write_sharded_model(dir / "model", 4, 3000);
  const auto begin = Clock::now();
  ASSERT_TRUE(compress(dir / "model", dir / "uninterrupted"));
  const auto whole =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin).count();
  const auto expected = read_tree(dir / "uninterrupted");
  std::mt19937_64 rng(1);
  std::uint64_t resumed = 0;
  // On a busy machine kills come too early or too late for a while.
  for (int round = 0; round < 12 || (resumed == 0 && round < 200); ++round) {
    for (int kills = 0; kills < 3 && !fs::exists(dir / "bundle"); ++kills) {
      const auto delay = static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(whole));
      run_and_kill(std::chrono::microseconds(delay),
                   [&] { (void)compress(dir / "model", dir / "bundle"); });
    }
    if (!fs::exists(dir / "bundle")) {
      const auto report = compress(dir / "model", dir / "bundle");
      ASSERT_TRUE(report) << report.error().message;
      resumed += report->num_files_resumed;
    }
    EXPECT_TRUE(read_tree(dir / "bundle") == expected) << round;
    fs::remove_all(dir / "bundle");
    fs::remove_all(dir / "bundle.unweight-partial");  // a kill between rename and clean-up
  }
  EXPECT_GT(resumed, 0u);  // otherwise nothing here was about resuming
}

TEST(BundleInterruption, KilledWhileReplacingLeavesTheOldOrTheNew) {
  const TempDir dir;
  write_sharded_model(dir / "model", 2, 200);
  ASSERT_TRUE(compress(dir / "model", dir / "expected"));
  const auto expected = read_tree(dir / "expected");
  write_file(dir / "bundle" / "old.txt", "old");
  const auto old = read_tree(dir / "bundle");
  CompressOptions overwrite;
  overwrite.overwrite = true;
  std::mt19937_64 rng(2);
  for (int round = 0; round < 30; ++round) {
    run_and_kill(std::chrono::microseconds(rng() % 60000),
                 [&] { (void)compress(dir / "model", dir / "bundle", overwrite); });
    const auto now = read_tree(dir / "bundle");
    EXPECT_TRUE(now == old || now == expected) << round;
  }
  ASSERT_TRUE(compress(dir / "model", dir / "bundle", overwrite));
  EXPECT_TRUE(read_tree(dir / "bundle") == expected);
  EXPECT_FALSE(fs::exists(dir / "bundle.unweight-partial"));
}

/// Stops the compression of a directory before its last shard.
void compress_partly(const TempDir& dir, const CompressOptions& options = {}) {
  CompressOptions cancelled = options;
  cancelled.progress = [](const Progress& p) { return p.item != "shard-2.safetensors"; };
  const auto result = compress(dir / "model", dir / "bundle", cancelled);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kCancelled);
  EXPECT_FALSE(fs::exists(dir / "bundle"));
}

TEST(BundleInterruption, ResumesOnlyWhatIsStillValid) {
  const TempDir dir;
  write_sharded_model(dir / "model", 3, 100);
  const fs::path kept = dir / "bundle.unweight-partial" / "bundle";
  const auto resumed_files = [&](const CompressOptions& options = {}) {
    const auto report = compress(dir / "model", dir / "bundle", options);
    EXPECT_TRUE(report) << report.error().message;
    EXPECT_TRUE(verify(dir / "bundle", dir / "model")->ok());
    fs::remove_all(dir / "bundle");
    return report ? report->num_files_resumed : 99;
  };
  compress_partly(dir);
  EXPECT_EQ(resumed_files(), 2u);

  compress_partly(dir);  // other options
  CompressOptions palette;
  palette.family = Family::kPalette;
  EXPECT_EQ(resumed_files(palette), 0u);

  compress_partly(dir);  // resume not wanted
  CompressOptions afresh;
  afresh.resume = false;
  EXPECT_EQ(resumed_files(afresh), 0u);

  compress_partly(dir);  // a stored file was damaged
  std::string bytes = read_file(kept / "shard-0.safetensors");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_file(kept / "shard-0.safetensors", bytes);
  EXPECT_EQ(resumed_files(), 1u);

  compress_partly(dir);  // a source changed, keeping its size
  write_file(dir / "model" / "shard-1.safetensors", small_model_file(50, 100));
  EXPECT_EQ(resumed_files(), 1u);

  compress_partly(dir);  // rubbish in the way
  write_file(kept / "rubbish" / "x", "x");
  write_file(kept / "shard-1.safetensors.tmp-1-0", "x");
  EXPECT_EQ(resumed_files(), 2u);
}

TEST(BundleInterruption, CancellingAFileLeavesNothing) {
  const TempDir dir;
  write_file(dir / "in.safetensors", small_model_file(1, 2000));
  CompressOptions options;
  options.progress = [](const Progress&) { return false; };
  EXPECT_EQ(compress(dir / "in.safetensors", dir / "b.safetensors", options).error().code,
            ErrorCode::kCancelled);
  ASSERT_TRUE(compress(dir / "in.safetensors", dir / "b.safetensors"));
  DecompressOptions decompress_options;
  decompress_options.progress = options.progress;
  EXPECT_EQ(decompress(dir / "b.safetensors", dir / "out", decompress_options).error().code,
            ErrorCode::kCancelled);
  VerifyOptions verify_options;
  verify_options.progress = options.progress;
  EXPECT_EQ(verify(dir / "b.safetensors", {}, verify_options).error().code, ErrorCode::kCancelled);
  options.progress = [](const Progress&) -> bool { throw 1; };
  EXPECT_EQ(compress(dir / "in.safetensors", dir / "c.safetensors", options).error().code,
            ErrorCode::kInternal);
  EXPECT_EQ(list_names(dir.path()).size(), 2u);
}

TEST(BundleInterruption, ASourceThatChangesIsNeverTakenForGood) {
  const std::string file = small_model_file(1, 2000);
  const std::vector<std::function<void(const fs::path&)>> changes = {
      [](const fs::path& path) { fs::resize_file(path, 5000); },
      [](const fs::path& path) { fs::resize_file(path, 0); },
      [](const fs::path& path) { fs::remove(path); },
      [&](const fs::path& path) {
        std::string other = file;
        other[other.size() / 2] = static_cast<char>(other[other.size() / 2] ^ 1);
        write_file(path, other);
      },
      [&](const fs::path& path) { write_file(path, file + "longer"); }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const TempDir dir;
    write_file(dir / "in.safetensors", file);
    CompressOptions options;
    bool changed = false;
    options.progress = [&](const Progress&) {  // the header has been read by then
      if (!std::exchange(changed, true)) changes[i](dir / "in.safetensors");
      return true;
    };
    const auto result = compress(dir / "in.safetensors", dir / "b.safetensors", options);
    ASSERT_FALSE(result) << i;
    EXPECT_EQ(result.error().code, ErrorCode::kSourceChanged) << i << result.error().message;
    EXPECT_FALSE(fs::exists(dir / "b.safetensors"));
  }
}

/// Largest file that this process may write, for a while: the same as a full disk to a writer.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

TEST(BundleInterruption, AFullDiskLeavesNothingUnderTheFinalName) {
  const TempDir dir;
  write_file(dir / "in.safetensors", small_model_file(1, 2000));
  ASSERT_TRUE(compress(dir / "in.safetensors", dir / "b.safetensors"));
  for (const rlim_t limit : {0, 100, 5000, 200000}) {
    const FileSizeLimit full(limit);
    EXPECT_EQ(compress(dir / "in.safetensors", dir / "c.safetensors").error().code,
              ErrorCode::kNoSpace);
    EXPECT_EQ(decompress(dir / "b.safetensors", dir / "out").error().code, ErrorCode::kNoSpace);
  }
  EXPECT_EQ(list_names(dir.path()).size(), 2u);
}

TEST(BundleInterruption, AFullDiskKeepsFinishedShardsAndSaysSo) {
  const TempDir dir;
  write_file(dir / "model" / "a.safetensors", small_model_file(1, 100));
  write_file(dir / "model" / "b.safetensors", small_model_file(2, 3000));
  {
    const FileSizeLimit full(200000);
    const auto result = compress(dir / "model", dir / "bundle");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kNoSpace);
    EXPECT_NE(result.error().message.find("finished files stay in"), std::string::npos);
    CompressOptions no_resume;
    no_resume.resume = false;
    EXPECT_FALSE(compress(dir / "model", dir / "other", no_resume));
    EXPECT_FALSE(fs::exists(dir / "other.unweight-partial"));
  }
  const auto report = compress(dir / "model", dir / "bundle");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->num_files_resumed, 1u);
}

TEST(BundleInterruption, AnUnwritablePlaceIsAnError) {
  const TempDir dir;
  write_file(dir / "in.safetensors", small_model_file());
  write_file(dir / "a-file", "x");
  for (const fs::path& target :
       {dir / "a-file/b.safetensors", fs::path("/proc/nowhere"), dir / std::string(300, 'x')}) {
    const auto result = compress(dir / "in.safetensors", target);
    ASSERT_FALSE(result) << target;
    EXPECT_TRUE(result.error().code == ErrorCode::kIo ||
                result.error().code == ErrorCode::kNotFound)
        << result.error().message;
  }
}

}  // namespace
}  // namespace unweight
