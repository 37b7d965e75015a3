// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/path_checks.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/file.h"
#include "base/try.h"
#include "bundle/partial_directory.h"

namespace unweight::bundle {
namespace {

namespace fs = std::filesystem;

Error refuse(const fs::path& path, const char* what) {
  return {ErrorCode::kInvalidArgument, path.string() + ": " + what};
}

bool is_inside_or_same(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first ==
         folder.end();
}

/// Parent resolved, last part as it is (a link there is replaced, not followed).
Result<fs::path> resolve_parent(const fs::path& path) {
  std::error_code error;
  fs::path absolute = fs::absolute(path, error).lexically_normal();
  if (error) return errno_error(error.value(), "resolve", path);
  if (!absolute.has_filename()) absolute = absolute.parent_path();  // a trailing slash
  if (!absolute.has_filename()) return refuse(path, "cannot be a destination");
  const fs::path parent = fs::canonical(absolute.parent_path(), error);
  if (error) return errno_error(error.value(), "open directory", absolute.parent_path());
  return parent / absolute.filename();
}

}  // namespace

Result<fs::path> check_destination(const fs::path& source, const fs::path& destination,
                                   bool source_is_directory, bool overwrite) {
  std::error_code error;
  const fs::path from = fs::canonical(source, error);
  if (error) return errno_error(error.value(), "open", source);
  if (destination.empty()) return refuse(destination, "empty destination");
  UNWEIGHT_TRY_ASSIGN(const fs::path to, resolve_parent(destination));
  fs::path followed = fs::weakly_canonical(to, error);
  if (error) followed = to;
  for (const fs::path& target : {to, followed}) {
    if (target == from) return refuse(destination, "is the source itself");
    if (source_is_directory && is_inside_or_same(target, from))
      return refuse(destination, "lies inside the source");
    if (is_inside_or_same(from, target)) return refuse(destination, "contains the source");
  }
  if (source_is_directory && is_inside_or_same(from, PartialDirectory::path_for(to)))
    return refuse(source, "is the unfinished directory of this destination");
  const fs::file_status status = fs::status(to, error);
  const fs::file_status own_status = fs::symlink_status(to, error);
  if (own_status.type() == fs::file_type::not_found) return to;
  if (own_status.type() == fs::file_type::none)
    return errno_error(error.value(), "look up", destination);
  if (fs::equivalent(to, from, error)) return refuse(destination, "is the source itself");
  if (!overwrite) return Error{ErrorCode::kAlreadyExists, destination.string() + " exists"};
  if (source_is_directory != (status.type() == fs::file_type::directory))
    return refuse(destination, source_is_directory ? "exists and is not a directory"
                                                   : "exists and is not a file");
  return to;
}

}  // namespace unweight::bundle
