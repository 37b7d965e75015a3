// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/partial_directory.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/try.h"

namespace unweight::bundle {
namespace {

namespace fs = std::filesystem;

Result<void> make_directory(const fs::path& path) {
  if (::mkdir(path.c_str(), 0777) == 0) return {};
  if (errno != EEXIST) return errno_error(errno, "create directory", path);
  std::error_code error;
  if (fs::symlink_status(path, error).type() == fs::file_type::directory) return {};
  return Error{ErrorCode::kAlreadyExists, path.string() + " exists and is not a directory"};
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::symlink_status(path, error).type() != fs::file_type::not_found;
}

/// 0 or errno.
int try_rename(const fs::path& from, const fs::path& to, unsigned flags) {
  return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0 ? 0 : errno;
}

Result<void> rename_result(int error_number, const fs::path& from, const fs::path& to) {
  if (error_number == 0) return {};
  return errno_error(error_number, "rename " + from.string() + " to", to);
}

/// File systems that do not know the flags of renameat2.
bool knows_no_flags(int error_number) {
  return error_number == EINVAL || error_number == ENOSYS;
}

/// Paths below `root`, folders after what they contain.
Result<std::vector<fs::path>> list_below(const fs::path& root) {
  std::vector<fs::path> found;
  std::error_code error;
  fs::recursive_directory_iterator entries(root, error);
  for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error))
    found.push_back(entries->path());
  if (error) return errno_error(error.value(), "list", root);
  return std::vector<fs::path>(found.rbegin(), found.rend());
}

}  // namespace

fs::path PartialDirectory::path_for(const fs::path& destination) {
  fs::path path = destination;
  path += ".unweight-partial";
  return path;
}

PartialDirectory::PartialDirectory(PartialDirectory&& other) noexcept
    : destination_(std::move(other.destination_)),
      root_(std::move(other.root_)),
      lock_fd_(std::exchange(other.lock_fd_, -1)) {}

PartialDirectory::~PartialDirectory() {
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

Result<PartialDirectory> PartialDirectory::open(const fs::path& destination) {
  PartialDirectory partial(destination, path_for(destination));
  UNWEIGHT_TRY(make_directory(partial.root_));
  UNWEIGHT_TRY(partial.lock());
  UNWEIGHT_TRY(partial.recover());
  UNWEIGHT_TRY(make_directory(partial.bundle()));
  UNWEIGHT_TRY(make_directory(partial.state()));
  return partial;
}

Result<void> PartialDirectory::lock() {
  const fs::path path = root_ / "lock";
  lock_fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (lock_fd_ < 0) return errno_error(errno, "open", path);
  const Error busy{ErrorCode::kAlreadyExists, "another run is building " + destination_.string()};
  if (::flock(lock_fd_, LOCK_EX | LOCK_NB) != 0)
    return errno == EWOULDBLOCK ? busy : errno_error(errno, "lock", path);
  // The run that held the lock may have finished and removed the file in the meantime.
  struct stat mine {
  }, named{};
  if (::fstat(lock_fd_, &mine) != 0 || ::stat(path.c_str(), &named) != 0 ||
      mine.st_ino != named.st_ino)
    return busy;
  return {};
}

/// A run was killed between moving the old destination aside and naming the new one.
Result<void> PartialDirectory::recover() const {
  const fs::path replaced = root_ / "replaced";
  if (!is_there(replaced) || is_there(destination_)) return {};
  return rename_result(try_rename(replaced, destination_, 0), replaced, destination_);
}

Result<void> PartialDirectory::clean(const std::function<bool(const std::string&)>& keep) const {
  UNWEIGHT_TRY_ASSIGN(const std::vector<fs::path> paths, list_below(bundle()));
  for (const fs::path& path : paths) {
    std::error_code error;
    const bool is_folder = fs::symlink_status(path, error).type() == fs::file_type::directory;
    if (!is_folder && keep(path.lexically_relative(bundle()).generic_string())) continue;
    if (is_folder ? ::rmdir(path.c_str()) != 0 && errno != ENOTEMPTY : ::unlink(path.c_str()) != 0)
      return errno_error(errno, "remove", path);
  }
  return {};
}

Result<void> PartialDirectory::clear_state() const {
  UNWEIGHT_TRY_ASSIGN(const std::vector<fs::path> paths, list_below(state()));
  for (const fs::path& path : paths)
    if (::unlink(path.c_str()) != 0) return errno_error(errno, "remove", path);
  return {};
}

Result<fs::path> PartialDirectory::place(const fs::path& relative) const {
  fs::path folder = bundle();
  for (const fs::path& part : relative.parent_path()) {
    folder /= part;
    UNWEIGHT_TRY(make_directory(folder));
  }
  return bundle() / relative;
}

Result<void> PartialDirectory::sync_folders() const {
  UNWEIGHT_TRY_ASSIGN(const std::vector<fs::path> paths, list_below(bundle()));
  for (const fs::path& path : paths) {
    std::error_code error;
    if (fs::symlink_status(path, error).type() == fs::file_type::directory)
      UNWEIGHT_TRY(sync_directory(path));
  }
  return sync_directory(bundle());
}

Result<void> PartialDirectory::rename_to_destination(bool overwrite) const {
  const fs::path replaced = root_ / "replaced";
  const bool replaces = is_there(destination_);
  if (replaces && !overwrite)
    return Error{ErrorCode::kAlreadyExists, destination_.string() + " exists"};
  int error = try_rename(bundle(), destination_, replaces ? RENAME_EXCHANGE : RENAME_NOREPLACE);
  if (knows_no_flags(error)) {
    if (replaces)
      UNWEIGHT_TRY(rename_result(try_rename(destination_, replaced, 0), destination_, replaced));
    error = try_rename(bundle(), destination_, 0);
    if (error != 0) UNWEIGHT_TRY(recover());
  }
  return rename_result(error, bundle(), destination_);
}

Result<void> PartialDirectory::publish(bool overwrite) {
  UNWEIGHT_TRY(sync_folders());
  UNWEIGHT_TRY(rename_to_destination(overwrite));
  UNWEIGHT_TRY(sync_directory(destination_.parent_path()));
  discard();
  return {};
}

void PartialDirectory::discard() noexcept {
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

}  // namespace unweight::bundle
