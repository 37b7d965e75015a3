// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/try.h"
#include "safetensors/safetensors.h"

namespace unweight::safetensors {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWeightSuffix = ".safetensors";
constexpr std::string_view kIndexSuffix = ".safetensors.index.json";

Error refuse(const fs::path& path, const char* what) {
  return {ErrorCode::kInvalidArgument, path.string() + " " + what};
}

/// What a name leads to, links followed.
Result<fs::file_type> target_type(const fs::path& path) {
  std::error_code error;
  const fs::file_type type = fs::status(path, error).type();
  if (type == fs::file_type::not_found) return errno_error(ENOENT, "open", path);
  if (type == fs::file_type::none) return errno_error(error.value(), "stat", path);
  return type;
}

/// One entry below root: sorts files by suffix, queues directories.
Result<void> take_entry(const fs::directory_entry& entry, ModelFiles& files,
                        std::vector<fs::path>& directories) {
  std::error_code error;
  const fs::path& path = entry.path();
  const bool is_link = entry.symlink_status(error).type() == fs::file_type::symlink;
  auto type = target_type(path);
  if (!type && is_link && type.error().code == ErrorCode::kNotFound)
    return Error{ErrorCode::kNotFound, path.string() + " is a dangling symbolic link"};
  if (!type) return std::move(type).error();
  if (*type == fs::file_type::directory) {
    if (is_link) return refuse(path, "is a symbolic link to a directory");
    directories.push_back(path);
    return {};
  }
  if (*type != fs::file_type::regular)
    return refuse(path, "is neither a regular file nor a directory");
  fs::path relative = path.lexically_relative(files.root);
  const std::string& name = relative.native();
  if (name.ends_with(kIndexSuffix)) {
    files.index_files.push_back(std::move(relative));
  } else if (name.ends_with(kWeightSuffix)) {
    files.weight_files.push_back(std::move(relative));
  } else {
    files.other_files.push_back(std::move(relative));
  }
  return {};
}

Result<ModelFiles> list(const fs::path& path) {
  UNWEIGHT_TRY_ASSIGN(const fs::file_type type, target_type(path));
  ModelFiles files;
  if (type == fs::file_type::regular) {
    files.root = path.has_parent_path() ? path.parent_path() : fs::path(".");
    files.weight_files.push_back(path.filename());
    return files;
  }
  if (type != fs::file_type::directory)
    return refuse(path, "is neither a regular file nor a directory");
  files.is_directory = true;
  files.root = path;
  std::vector<fs::path> directories{path};
  while (!directories.empty()) {
    const fs::path directory = std::move(directories.back());
    directories.pop_back();
    std::error_code error;
    fs::directory_iterator entries(directory, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error))
      UNWEIGHT_TRY(take_entry(*entries, files, directories));
    if (error) return errno_error(error.value(), "list", directory);
  }
  for (auto* const found : {&files.weight_files, &files.other_files, &files.index_files})
    std::sort(found->begin(), found->end());
  return files;
}

}  // namespace

Result<ModelFiles> list_model_files(const fs::path& path) {
  try {
    return list(path);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "out of memory"};
  }
}

}  // namespace unweight::safetensors
