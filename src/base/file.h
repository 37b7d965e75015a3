// SPDX-License-Identifier: BSD-3-Clause
//
// Files by positioned reads and writes (never by mapping: a file that shrinks under a mapping kills
// the process, a short read is an error value).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "unweight/result.h"

namespace unweight {

/// What identifies the state of a source file between two looks at it.
struct FileIdentity {
  std::uint64_t bytes = 0;
  std::int64_t mtime_ns = 0;
  std::uint64_t inode = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// A regular file open for reading (O_RDONLY, O_CLOEXEC). Thread-safe reads.
class InputFile {
 public:
  static Result<InputFile> open(const std::filesystem::path& path);
  InputFile(InputFile&&) noexcept;
  InputFile& operator=(InputFile&&) noexcept;
  ~InputFile();

  [[nodiscard]] std::uint64_t bytes() const noexcept { return identity_.bytes; }  ///< at open
  [[nodiscard]] const FileIdentity& identity() const noexcept { return identity_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  /// Reads exactly out.size() bytes at offset. A range past bytes() is kInvalidFormat; a file that
  /// became shorter since open() is kSourceChanged.
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const;
  /// kSourceChanged unless size, mtime and inode are what they were at open().
  Result<void> check_unchanged() const;
  /// Tells the kernel that this range will not be read again (keeps the page cache small).
  void drop_cache(std::uint64_t offset, std::uint64_t bytes) const noexcept;

 private:
  InputFile() = default;
  int fd_ = -1;
  FileIdentity identity_;
  std::filesystem::path path_;
};

/// A file being written under a temporary name beside its final one. commit() makes it appear;
/// destruction without commit() removes it.
class OutputFile {
 public:
  /// Creates "<path>.tmp-<pid>-<n>" (O_EXCL, 0666 & umask) in path's directory.
  static Result<OutputFile> create(const std::filesystem::path& path);
  OutputFile(OutputFile&&) noexcept;
  OutputFile& operator=(OutputFile&&) noexcept;
  ~OutputFile();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// Writes all bytes at offset. ENOSPC and EDQUOT are kNoSpace. Thread-safe.
  Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Reads back what was written (for self-checks).
  Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const;
  Result<void> truncate(std::uint64_t bytes);
  /// fsync, then rename to the final name: with overwrite it replaces a file there, without it an
  /// existing file is kAlreadyExists (checked without a race: renameat2 NOREPLACE or link).
  Result<void> commit(bool overwrite);

 private:
  OutputFile() = default;
  int fd_ = -1;
  std::filesystem::path path_, temporary_;
};

/// Small files: whole contents, refusing more than max_bytes (kInvalidFormat).
Result<std::string> read_small_file(const std::filesystem::path& path, std::uint64_t max_bytes);
/// Atomically, through OutputFile.
Result<void> write_small_file(const std::filesystem::path& path, std::span<const std::byte> bytes,
                              bool overwrite);
/// fsync of a directory, after renames in it.
Result<void> sync_directory(const std::filesystem::path& path);
/// kIo / kNoSpace / kNotFound / kAlreadyExists from errno: "what path: strerror".
[[nodiscard]] Error errno_error(int error_number, const std::string& what,
                                const std::filesystem::path& path);

}  // namespace unweight
