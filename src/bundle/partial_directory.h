// SPDX-License-Identifier: BSD-3-Clause
//
// A destination directory while it is being built, in "<destination>.unweight-partial":
//
//   lock      held by the run that is building (flock)
//   bundle/   the directory itself; renamed to the destination when it is complete
//   state/    what a later run needs to know about finished files
//   replaced/ the old destination, for a moment, where the system cannot exchange two names
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "unweight/result.h"

namespace unweight::bundle {

class PartialDirectory {
 public:
  [[nodiscard]] static std::filesystem::path path_for(const std::filesystem::path& destination);

  /// Creates it or takes over what an earlier run left. kAlreadyExists if another run holds it.
  static Result<PartialDirectory> open(const std::filesystem::path& destination);
  PartialDirectory(PartialDirectory&& other) noexcept;
  PartialDirectory& operator=(PartialDirectory&&) = delete;
  /// Leaves the files for a later run, unless they were published or discarded.
  ~PartialDirectory();

  [[nodiscard]] std::filesystem::path bundle() const { return root_ / "bundle"; }
  [[nodiscard]] std::filesystem::path state() const { return root_ / "state"; }
  [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_; }

  /// Removes every file for which keep(path relative to bundle()) is false, and empty folders.
  Result<void> clean(const std::function<bool(const std::string&)>& keep) const;
  /// Forgets all finished files.
  Result<void> clear_state() const;
  /// bundle() / relative, its folders created.
  Result<std::filesystem::path> place(const std::filesystem::path& relative) const;

  /// Syncs everything, gives the directory its final name and removes the rest.
  Result<void> publish(bool overwrite);
  /// Removes everything.
  void discard() noexcept;

 private:
  PartialDirectory(std::filesystem::path destination, std::filesystem::path root)
      : destination_(std::move(destination)), root_(std::move(root)) {}
  Result<void> lock();
  Result<void> recover() const;
  Result<void> sync_folders() const;
  Result<void> rename_to_destination(bool overwrite) const;

  std::filesystem::path destination_, root_;
  int lock_fd_ = -1;
};

}  // namespace unweight::bundle
