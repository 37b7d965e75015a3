// SPDX-License-Identifier: BSD-3-Clause
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <new>
#include <system_error>
#include <utility>

#include "base/try.h"

namespace unweight {
namespace {

// Linux moves at most 2 GiB - 4 KiB per call; asking for less keeps every request whole.
constexpr std::size_t kMaxTransferBytes = std::size_t{1} << 30;
constexpr std::uint64_t kMaxFileOffset = std::numeric_limits<std::int64_t>::max();

template <typename Call>
auto retry_interrupted(Call&& call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

void close_fd(int& fd) noexcept {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

FileIdentity identity_of(const struct stat& status) {
  return {.bytes = static_cast<std::uint64_t>(status.st_size),
          .mtime_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
          .inode = status.st_ino};
}

/// Reads until out is full or the file ends; returns how much there was.
Result<std::size_t> read_up_to(int fd, std::uint64_t offset, std::span<std::byte> out,
                               const std::filesystem::path& path) {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t want = std::min(out.size() - done, kMaxTransferBytes);
    const ssize_t got = retry_interrupted(
        [&] { return ::pread(fd, out.data() + done, want, static_cast<off_t>(offset + done)); });
    if (got < 0) return errno_error(errno, "read", path);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

/// rename() that fails with EEXIST instead of replacing.
int rename_no_replace(const char* from, const char* to) {
  if (::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  // The file system cannot do it in one step; a hard link never replaces either.
  if (::link(from, to) != 0) return -1;
  ::unlink(from);
  return 0;
}

}  // namespace

Error errno_error(int error_number, const std::string& what, const std::filesystem::path& path) {
  ErrorCode code = ErrorCode::kIo;
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      code = ErrorCode::kNotFound;
      break;
    case EEXIST:
      code = ErrorCode::kAlreadyExists;
      break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:  // a limit on file size is a full disk to whoever writes
      code = ErrorCode::kNoSpace;
      break;
    case ENOMEM:
      code = ErrorCode::kOutOfMemory;
      break;
    default:
      break;
  }
  return {code, what + " " + path.string() + ": " + std::generic_category().message(error_number)};
}

Result<InputFile> InputFile::open(const std::filesystem::path& path) {
  InputFile file;
  file.path_ = path;
  // O_NONBLOCK: opening a FIFO must not wait for a writer. It means nothing for regular files.
  file.fd_ = retry_interrupted(
      [&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); });
  if (file.fd_ < 0) return errno_error(errno, "open", path);
  struct stat status {};
  if (::fstat(file.fd_, &status) != 0) return errno_error(errno, "stat", path);
  if (!S_ISREG(status.st_mode))
    return Error{ErrorCode::kInvalidArgument, "open " + path.string() + ": not a regular file"};
  file.identity_ = identity_of(status);
  return file;
}

InputFile::InputFile(InputFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      identity_(other.identity_),
      path_(std::move(other.path_)) {}

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  if (this == &other) return *this;
  close_fd(fd_);
  fd_ = std::exchange(other.fd_, -1);
  identity_ = other.identity_;
  path_ = std::move(other.path_);
  return *this;
}

InputFile::~InputFile() {
  close_fd(fd_);
}

Result<void> InputFile::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  if (offset > bytes() || out.size() > bytes() - offset)
    return Error{ErrorCode::kInvalidFormat, "read " + path_.string() + ": " +
                                                std::to_string(out.size()) + " bytes at offset " +
                                                std::to_string(offset) + " reach past its end (" +
                                                std::to_string(bytes()) + " bytes)"};
  UNWEIGHT_TRY_ASSIGN(const std::size_t got, read_up_to(fd_, offset, out, path_));
  if (got < out.size())
    return Error{ErrorCode::kSourceChanged,
                 "read " + path_.string() + ": the file became shorter while it was being read"};
  return {};
}

Result<void> InputFile::check_unchanged() const {
  // By name, not by descriptor: the descriptor's inode never changes, the name's does when the
  // file is replaced. While the descriptor is open its inode number cannot be used again.
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) {
    if (errno != ENOENT) return errno_error(errno, "stat", path_);
    return Error{ErrorCode::kSourceChanged,
                 path_.string() + " was removed while it was being read"};
  }
  if (identity_of(status) != identity_)
    return Error{ErrorCode::kSourceChanged, path_.string() + " changed while it was being read"};
  return {};
}

void InputFile::drop_cache(std::uint64_t offset, std::uint64_t bytes) const noexcept {
  if (offset > kMaxFileOffset || bytes > kMaxFileOffset - offset) return;
  ::posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_DONTNEED);
}

Result<OutputFile> OutputFile::create(const std::filesystem::path& path) {
  static std::atomic<unsigned> counter{0};
  constexpr int kAttempts = 1000;  // names may be taken by files that a killed process left
  OutputFile file;
  file.path_ = path;
  const std::string stem = path.string() + ".tmp-" + std::to_string(::getpid()) + "-";
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::string name = stem + std::to_string(counter.fetch_add(1));
    file.fd_ = retry_interrupted(
        [&] { return ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
    if (file.fd_ >= 0) {
      file.temporary_ = name;
      return file;
    }
    if (errno != EEXIST) return errno_error(errno, "create", name);
  }
  return Error{ErrorCode::kIo, "create " + path.string() + ": every temporary name is taken"};
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  OutputFile mine(std::move(*this));  // its destructor closes and removes what this one held
  fd_ = std::exchange(other.fd_, -1);
  path_ = std::move(other.path_);
  temporary_ = std::exchange(other.temporary_, {});
  return *this;
}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  close_fd(fd_);
}

Result<void> OutputFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (offset > kMaxFileOffset || bytes.size() > kMaxFileOffset - offset)
    return Error{ErrorCode::kInvalidArgument,
                 "write " + path_.string() + ": offset " + std::to_string(offset) + " too large"};
  for (std::size_t done = 0; done < bytes.size();) {
    const std::size_t want = std::min(bytes.size() - done, kMaxTransferBytes);
    const ssize_t put = retry_interrupted([&] {
      return ::pwrite(fd_, bytes.data() + done, want, static_cast<off_t>(offset + done));
    });
    if (put < 0) return errno_error(errno, "write", path_);
    if (put == 0) return errno_error(EIO, "write", path_);
    done += static_cast<std::size_t>(put);
  }
  return {};
}

Result<void> OutputFile::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  if (offset > kMaxFileOffset || out.size() > kMaxFileOffset - offset)
    return Error{ErrorCode::kInvalidArgument,
                 "read " + path_.string() + ": offset " + std::to_string(offset) + " too large"};
  UNWEIGHT_TRY_ASSIGN(const std::size_t got, read_up_to(fd_, offset, out, path_));
  if (got < out.size())
    return Error{ErrorCode::kIo, "read " + path_.string() + ": less there than was written"};
  return {};
}

Result<void> OutputFile::truncate(std::uint64_t bytes) {
  if (bytes > kMaxFileOffset) return errno_error(EFBIG, "truncate", path_);
  if (retry_interrupted([&] { return ::ftruncate(fd_, static_cast<off_t>(bytes)); }) != 0)
    return errno_error(errno, "truncate", path_);
  return {};
}

Result<void> OutputFile::commit(bool overwrite) {
  if (temporary_.empty())
    return Error{ErrorCode::kInvalidArgument, "commit " + path_.string() + ": done before"};
  if (retry_interrupted([&] { return ::fsync(fd_); }) != 0)
    return errno_error(errno, "sync", path_);
  const int renamed = overwrite ? ::rename(temporary_.c_str(), path_.c_str())
                                : rename_no_replace(temporary_.c_str(), path_.c_str());
  if (renamed != 0) return errno_error(errno, "rename to", path_);
  temporary_.clear();
  close_fd(fd_);
  return {};
}

Result<std::string> read_small_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  UNWEIGHT_TRY_ASSIGN(const InputFile file, InputFile::open(path));
  if (file.bytes() > max_bytes)
    return Error{ErrorCode::kInvalidFormat,
                 "read " + path.string() + ": " + std::to_string(file.bytes()) +
                     " bytes, more than the " + std::to_string(max_bytes) + " allowed"};
  std::string contents;
  try {
    contents.resize(file.bytes());
  } catch (const std::exception&) {  // bad_alloc or length_error
    return Error{ErrorCode::kOutOfMemory, "read " + path.string() + ": out of memory"};
  }
  UNWEIGHT_TRY(file.read_at(0, std::as_writable_bytes(std::span(contents))));
  return contents;
}

Result<void> write_small_file(const std::filesystem::path& path, std::span<const std::byte> bytes,
                              bool overwrite) {
  UNWEIGHT_TRY_ASSIGN(OutputFile file, OutputFile::create(path));
  UNWEIGHT_TRY(file.write_at(0, bytes));
  return file.commit(overwrite);
}

Result<void> sync_directory(const std::filesystem::path& path) {
  int fd =
      retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) return errno_error(errno, "open", path);
  const int synced = retry_interrupted([&] { return ::fsync(fd); });
  const int error_number = errno;
  close_fd(fd);
  // EINVAL: a file system that has nothing to sync for a directory.
  if (synced != 0 && error_number != EINVAL) return errno_error(error_number, "sync", path);
  return {};
}

}  // namespace unweight
