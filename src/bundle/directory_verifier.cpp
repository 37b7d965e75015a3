// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/directory_verifier.h"

#include <set>
#include <string>
#include <utility>

#include "base/try.h"
#include "bundle/bundle_format.h"
#include "bundle/byte_copy.h"
#include "bundle/difference_counter.h"
#include "bundle/directory_manifest.h"
#include "bundle/file_verifier.h"
#include "safetensors/safetensors.h"

namespace unweight::bundle {
namespace {

namespace fs = std::filesystem;

class DirectoryVerifier {
 public:
  DirectoryVerifier(JobContext& job, const fs::path& root, const std::optional<fs::path>& original,
                    const DirectoryManifest& manifest, VerifyReport& report)
      : job_(job), root_(root), original_(original), manifest_(manifest), report_(report) {}

  Result<void> verify() {
    std::uint64_t total_bytes = 0;
    for (const DirectoryEntry& entry : manifest_.files) total_bytes += entry.original_bytes;
    job_.progress.set_total(total_bytes);
    std::uint64_t done_bytes = 0;
    for (const DirectoryEntry& entry : manifest_.files) {
      auto verified = verify_entry(entry);
      if (!verified) return std::move(verified).error().with_context(entry.path);
      done_bytes += entry.original_bytes;
      UNWEIGHT_TRY(job_.progress.reach(done_bytes));
    }
    UNWEIGHT_TRY(find_unlisted());
    job_.progress.finish();
    return {};
  }

 private:
  void problem(const std::string& file, const std::string& what) {
    report_.problems.push_back(file + ": " + what);
  }

  /// Opens a file that should be there; a missing one is a problem, not an error.
  Result<std::optional<InputFile>> open(const fs::path& path, const std::string& name,
                                        const char* what_if_missing) {
    auto file = InputFile::open(path);
    if (file) return std::optional<InputFile>(std::move(*file));
    if (file.error().code != ErrorCode::kNotFound) return std::move(file).error();
    problem(name, what_if_missing);
    return std::optional<InputFile>();
  }

  /// Size and checksum of a stored file against unweight.json.
  Result<void> check_stored(const fs::path& path, const std::string& name, std::uint64_t bytes,
                            std::uint64_t xxh3) {
    UNWEIGHT_TRY_ASSIGN(const std::optional<InputFile> file, open(path, name, "missing"));
    if (!file) return {};
    if (file->bytes() != bytes) {
      problem(name, "size is not the one in unweight.json");
      return {};
    }
    UNWEIGHT_TRY_ASSIGN(const std::uint64_t hash, hash_file(job_, *file));
    if (hash != xxh3) problem(name, "checksum mismatch");
    return {};
  }

  Result<void> verify_entry(const DirectoryEntry& entry) {
    UNWEIGHT_TRY(
        check_stored(root_ / entry.path, entry.path, entry.stored_bytes, entry.stored_xxh3));
    if (entry.role == FileRole::kWeights) return verify_weights(entry);
    fs::path source = entry.path;
    if (entry.role == FileRole::kRewritten) {
      source = fs::path(kOriginalsFolder) / entry.path;
      UNWEIGHT_TRY(check_stored(root_ / source, source.generic_string(), entry.original_bytes,
                                entry.original_xxh3));
    }
    report_.original_bytes += entry.original_bytes;
    report_.stored_bytes += entry.stored_bytes;
    return original_ ? compare_other(source, entry.path) : Result<void>{};
  }

  Result<void> verify_weights(const DirectoryEntry& entry) {
    std::error_code ignored;
    if (!fs::exists(root_ / entry.path, ignored)) return {};  // reported already
    std::optional<fs::path> original;
    if (original_) {
      original = *original_ / entry.path;
      UNWEIGHT_TRY_ASSIGN(const std::optional<InputFile> file,
                          open(*original, entry.path, "the original has no such file"));
      if (!file) original.reset();
    }
    const std::uint64_t bytes_before = report_.original_bytes;
    const std::size_t problems_before = report_.problems.size();
    UNWEIGHT_TRY(verify_file(job_, root_ / entry.path, original, entry.path, report_));
    if (report_.original_bytes - bytes_before != entry.original_bytes &&
        report_.problems.size() == problems_before)
      problem(entry.path, "original size is not the one in unweight.json");
    return {};
  }

  /// Bytes of a file that is not a weight file against the original directory's.
  Result<void> compare_other(const fs::path& stored, const std::string& name) {
    UNWEIGHT_TRY_ASSIGN(const std::optional<InputFile> original,
                        open(*original_ / name, name, "the original has no such file"));
    std::error_code ignored;
    if (!original || !fs::exists(root_ / stored, ignored)) return {};
    UNWEIGHT_TRY_ASSIGN(const InputFile file, InputFile::open(root_ / stored));
    if (original->bytes() != file.bytes()) problem(name, "size is not the original's");
    DifferenceCounter differences(*original);
    UNWEIGHT_TRY(for_each_piece(
        job_, file, 0, file.bytes(),
        [&](std::uint64_t at, std::span<const std::byte> piece) {
          return differences.compare(at, piece);
        },
        false));
    if (const auto summary = differences.summary()) problem(name, *summary);
    return {};
  }

  /// Files of the original that the bundle lacks, and weights in the bundle that it does not list.
  Result<void> find_unlisted() {
    std::set<std::string> listed;
    for (const DirectoryEntry& entry : manifest_.files) listed.insert(entry.path);
    UNWEIGHT_TRY_ASSIGN(const safetensors::ModelFiles stored, safetensors::list_model_files(root_));
    for (const fs::path& path : stored.weight_files)
      if (!listed.contains(path.generic_string()) && !is_reserved_path(path.generic_string()))
        problem(path.generic_string(), "weight file is not in unweight.json");
    if (!original_) return {};
    UNWEIGHT_TRY_ASSIGN(const safetensors::ModelFiles originals,
                        safetensors::list_model_files(*original_));
    for (const auto* files :
         {&originals.weight_files, &originals.other_files, &originals.index_files})
      for (const fs::path& path : *files)
        if (!listed.contains(path.generic_string()))
          problem(path.generic_string(), "is in the original, but not in the bundle");
    return {};
  }

  JobContext& job_;
  const fs::path& root_;
  const std::optional<fs::path>& original_;
  const DirectoryManifest& manifest_;
  VerifyReport& report_;
};

}  // namespace

Result<void> verify_directory(JobContext& job, const fs::path& root,
                              const std::optional<fs::path>& original, VerifyReport& report) {
  auto manifest = read_directory_manifest(root);
  if (!manifest) {
    const bool missing = manifest.error().code == ErrorCode::kNotFound;
    if (!missing && !is_damage(manifest.error())) return std::move(manifest).error();
    report.problems.push_back(missing ? std::string(kDirectoryManifest) + ": missing"
                                      : manifest.error().message);
    return {};
  }
  return DirectoryVerifier(job, root, original, *manifest, report).verify();
}

}  // namespace unweight::bundle
