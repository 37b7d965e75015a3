// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/directory_restorer.h"

#include <utility>

#include "base/try.h"
#include "bundle/bundle_format.h"
#include "bundle/byte_copy.h"
#include "bundle/directory_manifest.h"
#include "bundle/file_restorer.h"
#include "bundle/partial_directory.h"

namespace unweight::bundle {
namespace {

namespace fs = std::filesystem;

/// Where the bundle has the original bytes of a file that is not a weight file.
fs::path original_path(const fs::path& root, const DirectoryEntry& entry) {
  return entry.role == FileRole::kRewritten ? root / kOriginalsFolder / entry.path
                                            : root / entry.path;
}

/// Copies a file that is not a weight file. Without a destination only its size is checked.
Result<void> restore_other(JobContext& job, const fs::path& root, const DirectoryEntry& entry,
                           const PartialDirectory* partial) {
  UNWEIGHT_TRY(job.progress.start_item(entry.path));
  UNWEIGHT_TRY_ASSIGN(const InputFile source, InputFile::open(original_path(root, entry)));
  if (source.bytes() != entry.original_bytes)
    return Error{ErrorCode::kInvalidFormat, "size is not the one in unweight.json"};
  if (partial == nullptr) return job.progress.add(source.bytes());
  UNWEIGHT_TRY_ASSIGN(const fs::path place, partial->place(entry.path));
  UNWEIGHT_TRY_ASSIGN(OutputFile output, OutputFile::create(place));
  UNWEIGHT_TRY_ASSIGN(const std::uint64_t hash,
                      copy_bytes(job, source, 0, source.bytes(), output, 0));
  UNWEIGHT_TRY(source.check_unchanged());
  if (hash != entry.original_xxh3)
    return Error{ErrorCode::kChecksumMismatch, "bytes are not the original's (checksum mismatch)"};
  return output.commit(true);
}

Result<void> restore_weights(JobContext& job, const fs::path& root, const DirectoryEntry& entry,
                             const PartialDirectory* partial, DecompressOptions options) {
  options.overwrite = true;  // inside the partial directory
  fs::path place;
  if (partial != nullptr) {
    UNWEIGHT_TRY_ASSIGN(place, partial->place(entry.path));
  }
  UNWEIGHT_TRY_ASSIGN(const RestoredFile file,
                      restore_file(job, root / entry.path, place, entry.path, options));
  if (file.restored_bytes != entry.original_bytes || file.stored_bytes != entry.stored_bytes)
    return Error{ErrorCode::kInvalidFormat, "sizes are not the ones in unweight.json"};
  return {};
}

Result<void> restore_all(JobContext& job, const fs::path& root, const DirectoryManifest& manifest,
                         const PartialDirectory* partial, const DecompressOptions& options) {
  for (const DirectoryEntry& entry : manifest.files) {
    auto restored = entry.role == FileRole::kWeights
                        ? restore_weights(job, root, entry, partial, options)
                        : restore_other(job, root, entry, partial);
    if (!restored) return std::move(restored).error().with_context(entry.path);
  }
  return {};
}

}  // namespace

Result<DecompressReport> restore_directory(JobContext& job, const fs::path& root,
                                           const fs::path& destination,
                                           const DecompressOptions& options) {
  UNWEIGHT_TRY_ASSIGN(const DirectoryManifest manifest, read_directory_manifest(root));
  DecompressReport report;
  for (const DirectoryEntry& entry : manifest.files) {
    if (entry.role == FileRole::kWeights) ++report.num_files;
    report.restored_bytes += entry.original_bytes;
    report.stored_bytes += entry.stored_bytes;
    if (entry.role == FileRole::kRewritten) report.stored_bytes += entry.original_bytes;
  }
  job.progress.set_total(report.restored_bytes);
  if (options.dry_run) {
    UNWEIGHT_TRY(restore_all(job, root, manifest, nullptr, options));
  } else {
    UNWEIGHT_TRY_ASSIGN(PartialDirectory partial, PartialDirectory::open(destination));
    UNWEIGHT_TRY(partial.clear_state());
    UNWEIGHT_TRY(partial.clean([](const std::string&) { return false; }));
    auto built = restore_all(job, root, manifest, &partial, options);
    if (built) built = partial.publish(options.overwrite);
    if (!built) {
      partial.discard();
      return std::move(built).error();
    }
  }
  job.progress.finish();
  return report;
}

}  // namespace unweight::bundle
