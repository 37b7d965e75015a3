// SPDX-License-Identifier: BSD-3-Clause
#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace unweight {
namespace {

namespace fs = std::filesystem;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "unweight-file-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { fs::remove_all(dir_); }

  fs::path write(const std::string& name, std::string_view contents) const {
    std::ofstream(dir_ / name, std::ios::binary) << contents;
    return dir_ / name;
  }
  static std::string contents_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::size_t num_entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(dir_), {}));
  }

  fs::path dir_;
};

TEST_F(FileTest, ReadsExactRanges) {
  const auto file = InputFile::open(write("a", "0123456789"));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->bytes(), 10U);
  for (std::uint64_t offset = 0; offset <= 10; ++offset)
    for (std::size_t size = 0; offset + size <= 10; ++size) {
      std::string out(size, '?');
      ASSERT_TRUE(file->read_at(offset, std::as_writable_bytes(std::span(out))));
      ASSERT_EQ(out, std::string("0123456789").substr(offset, size));
    }
}

TEST_F(FileTest, RangesPastTheEndAreInvalidFormat) {
  const auto file = InputFile::open(write("a", "0123456789"));
  ASSERT_TRUE(file);
  std::vector<std::byte> out(4);
  for (const std::uint64_t offset : {std::uint64_t{7}, std::uint64_t{10}, std::uint64_t{11},
                                     std::uint64_t{1} << 63, ~std::uint64_t{0} - 1}) {
    const auto result = file->read_at(offset, out);
    ASSERT_FALSE(result) << offset;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidFormat);
    EXPECT_NE(result.error().message.find("past its end"), std::string::npos);
  }
}

TEST_F(FileTest, AFileThatShrinksIsSourceChanged) {
  const auto path = write("a", std::string(100000, 'x'));
  const auto file = InputFile::open(path);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->check_unchanged());
  fs::resize_file(path, 50000);
  std::vector<std::byte> out(60000);
  const auto result = file->read_at(0, out);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kSourceChanged);
  EXPECT_TRUE(file->read_at(0, std::span(out).first(50000)));
  ASSERT_FALSE(file->check_unchanged());
  EXPECT_EQ(file->check_unchanged().error().code, ErrorCode::kSourceChanged);
}

TEST_F(FileTest, NoticesTouchReplaceAndRemove) {
  const auto path = write("a", "same size");
  const auto touched = InputFile::open(path);
  ASSERT_TRUE(touched);
  fs::last_write_time(path, fs::last_write_time(path) + std::chrono::seconds(1));
  EXPECT_EQ(touched->check_unchanged().error().code, ErrorCode::kSourceChanged);

  const auto replaced = InputFile::open(path);
  ASSERT_TRUE(replaced);
  const auto time = fs::last_write_time(path);
  write("b", "SAME SIZE");
  fs::last_write_time(dir_ / "b", time);
  fs::rename(dir_ / "b", path);
  EXPECT_EQ(replaced->check_unchanged().error().code, ErrorCode::kSourceChanged);

  const auto removed = InputFile::open(path);
  ASSERT_TRUE(removed);
  fs::remove(path);
  EXPECT_EQ(removed->check_unchanged().error().code, ErrorCode::kSourceChanged);
}

TEST_F(FileTest, OpensOnlyRegularFilesAndNeverBlocks) {
  const auto missing = InputFile::open(dir_ / "missing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find("missing"), std::string::npos);
  EXPECT_EQ(InputFile::open(dir_).error().code, ErrorCode::kInvalidArgument);
  ASSERT_EQ(::mkfifo((dir_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(InputFile::open(dir_ / "fifo").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(InputFile::open(write("file", "") / "child").error().code, ErrorCode::kNotFound);
}

TEST_F(FileTest, InputFileMoves) {
  auto first = InputFile::open(write("a", "aaa"));
  auto second = InputFile::open(write("b", "b"));
  ASSERT_TRUE(first && second);
  *second = *std::move(first);
  std::string out(3, '?');
  ASSERT_TRUE(second->read_at(0, std::as_writable_bytes(std::span(out))));
  EXPECT_EQ(out, "aaa");
  second->drop_cache(0, 3);
  second->drop_cache(~std::uint64_t{0}, ~std::uint64_t{0});
}

// A sparse file of more than 4 GiB: sizes and offsets must be 64-bit.
TEST_F(FileTest, BeyondTwoAndFourGiB) {
  constexpr std::uint64_t kOffset = (std::uint64_t{1} << 32) + 12345;
  auto out = OutputFile::create(dir_ / "big");
  ASSERT_TRUE(out);
  ASSERT_TRUE(out->write_at(kOffset, bytes_of("far away")));
  ASSERT_TRUE(out->commit(false));
  const auto file = InputFile::open(dir_ / "big");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->bytes(), kOffset + 8);
  std::string text(8, '?');
  ASSERT_TRUE(file->read_at(kOffset, std::as_writable_bytes(std::span(text))));
  EXPECT_EQ(text, "far away");
}

TEST_F(FileTest, CommitMakesTheFileAppear) {
  auto out = OutputFile::create(dir_ / "a");
  ASSERT_TRUE(out);
  ASSERT_TRUE(out->write_at(3, bytes_of("def")));
  ASSERT_TRUE(out->write_at(0, bytes_of("abc")));
  std::string back(6, '?');
  ASSERT_TRUE(out->read_at(0, std::as_writable_bytes(std::span(back))));
  EXPECT_EQ(back, "abcdef");
  EXPECT_EQ(out->read_at(1, std::as_writable_bytes(std::span(back))).error().code, ErrorCode::kIo);
  EXPECT_FALSE(fs::exists(dir_ / "a")) << "nothing under the final name before commit";
  ASSERT_TRUE(out->truncate(5));
  ASSERT_TRUE(out->commit(false));
  EXPECT_EQ(contents_of(dir_ / "a"), "abcde");
  EXPECT_EQ(num_entries(), 1U);
  EXPECT_FALSE(out->commit(true)) << "twice";
}

TEST_F(FileTest, WithoutCommitNothingIsLeft) {
  {
    auto out = OutputFile::create(dir_ / "a");
    ASSERT_TRUE(out);
    ASSERT_TRUE(out->write_at(0, bytes_of("abc")));
    auto moved = *std::move(out);
    EXPECT_EQ(num_entries(), 1U);
    auto other = OutputFile::create(dir_ / "b");
    ASSERT_TRUE(other);
    EXPECT_EQ(num_entries(), 2U);
    moved = *std::move(other);
    EXPECT_EQ(num_entries(), 1U) << "assignment removes what it replaces";
  }
  EXPECT_EQ(num_entries(), 0U);
}

TEST_F(FileTest, OverwriteOnlyWhenAsked) {
  write("a", "old");
  {
    auto out = OutputFile::create(dir_ / "a");
    ASSERT_TRUE(out);
    ASSERT_TRUE(out->write_at(0, bytes_of("new")));
    const auto refused = out->commit(false);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kAlreadyExists);
  }
  EXPECT_EQ(contents_of(dir_ / "a"), "old");
  EXPECT_EQ(num_entries(), 1U);
  ASSERT_TRUE(write_small_file(dir_ / "a", bytes_of("new"), true));
  EXPECT_EQ(contents_of(dir_ / "a"), "new");
  EXPECT_EQ(write_small_file(dir_ / "a", bytes_of("x"), false).error().code,
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(num_entries(), 1U);
}

TEST_F(FileTest, TemporaryNamesOfADeadProcessAreSteppedOver) {
  // Take the names that the next files of this process would get.
  unsigned next = 0;
  {
    auto probe = OutputFile::create(dir_ / "a");
    ASSERT_TRUE(probe);
    const std::string name = fs::directory_iterator(dir_)->path().filename().string();
    next = static_cast<unsigned>(std::stoul(name.substr(name.rfind('-') + 1))) + 1;
  }
  for (unsigned i = 0; i < 5; ++i)
    write("a.tmp-" + std::to_string(::getpid()) + "-" + std::to_string(next + i), "stale");
  ASSERT_TRUE(write_small_file(dir_ / "a", bytes_of("fresh"), false));
  EXPECT_EQ(contents_of(dir_ / "a"), "fresh");
  EXPECT_EQ(num_entries(), 6U) << "stale files are not ours to remove";
}

TEST_F(FileTest, OnlyOneOfManyCommitsWinsWithoutOverwrite) {
  std::vector<std::thread> threads;
  std::atomic<int> wins{0};
  std::atomic<int> refusals{0};
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      const auto result = write_small_file(dir_ / "a", bytes_of("x"), false);
      if (result.ok()) ++wins;
      if (!result && result.error().code == ErrorCode::kAlreadyExists) ++refusals;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wins.load(), 1);
  EXPECT_EQ(refusals.load(), 7);
  EXPECT_EQ(num_entries(), 1U);
}

/// Lowers the largest file this process may write while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &saved_);
    saved_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, saved_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &saved_);
    std::signal(SIGXFSZ, saved_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit saved_{};
  void (*saved_handler_)(int) = nullptr;
};

TEST_F(FileTest, AFullDiskIsNoSpaceAndLeavesNothing) {
  {
    const FileSizeLimit limit(1 << 20);
    auto out = OutputFile::create(dir_ / "a");
    ASSERT_TRUE(out);
    const std::string data((1 << 20) + 1, 'x');  // written in two parts: the second is refused
    const auto result = out->write_at(0, bytes_of(data));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kNoSpace);
    EXPECT_EQ(out->truncate(2 << 20).error().code, ErrorCode::kNoSpace);
    const auto small = write_small_file(dir_ / "b", bytes_of(data), false);
    ASSERT_FALSE(small);
    EXPECT_EQ(small.error().code, ErrorCode::kNoSpace);
  }
  EXPECT_EQ(num_entries(), 0U);
}

TEST_F(FileTest, OffsetsBeyondTheSystemsAreErrors) {
  auto out = OutputFile::create(dir_ / "a");
  ASSERT_TRUE(out);
  std::byte one{};
  EXPECT_FALSE(out->write_at(~std::uint64_t{0}, std::span(&one, 1)));
  EXPECT_FALSE(out->write_at(std::uint64_t{1} << 63, std::span(&one, 1)));
  EXPECT_FALSE(out->read_at(~std::uint64_t{0}, std::span(&one, 1)));
  EXPECT_FALSE(out->truncate(~std::uint64_t{0}));
}

TEST_F(FileTest, SmallFilesHaveALimit) {
  const auto path = write("a", "0123456789");
  EXPECT_EQ(*read_small_file(path, 10), "0123456789");
  const auto refused = read_small_file(path, 9);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidFormat);
  EXPECT_EQ(*read_small_file(write("empty", ""), 0), "");
}

TEST_F(FileTest, DirectoriesSync) {
  EXPECT_TRUE(sync_directory(dir_));
  EXPECT_EQ(sync_directory(dir_ / "missing").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(OutputFile::create(dir_ / "missing" / "a").error().code, ErrorCode::kNotFound);
}

TEST_F(FileTest, ErrnoKinds) {
  EXPECT_EQ(errno_error(ENOSPC, "write", "x").code, ErrorCode::kNoSpace);
  EXPECT_EQ(errno_error(EDQUOT, "write", "x").code, ErrorCode::kNoSpace);
  EXPECT_EQ(errno_error(EACCES, "open", "x").code, ErrorCode::kIo);
  EXPECT_EQ(errno_error(ENOENT, "open", "x").message, "open x: No such file or directory");
}

}  // namespace
}  // namespace unweight
