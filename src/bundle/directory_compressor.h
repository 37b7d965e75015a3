// SPDX-License-Identifier: BSD-3-Clause
//
// One model directory -> one bundle directory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "bundle/directory_manifest.h"
#include "bundle/file_compressor.h"
#include "bundle/finished_files.h"
#include "bundle/job_context.h"
#include "bundle/model_rewrite.h"
#include "bundle/partial_directory.h"
#include "safetensors/safetensors.h"
#include "unweight/bundle.h"
#include "unweight/result.h"

namespace unweight::bundle {

class DirectoryCompressor {
 public:
  DirectoryCompressor(JobContext& job, const CompressOptions& options,
                      const safetensors::ModelFiles& model)
      : job_(job),
        options_(file_options(options)),
        overwrite_(options.overwrite),
        model_(model),
        files_(job, options_) {}

  /// Paths have been checked: `destination` may be created or replaced.
  Result<CompressReport> compress(const std::filesystem::path& destination);

 private:
  static CompressOptions file_options(CompressOptions options);
  Result<void> check_model() const;
  Result<std::uint64_t> sum_sizes() const;
  Result<CompressReport> build(PartialDirectory& partial);
  Result<void> find_all_finished(PartialDirectory& partial);
  Result<void> compress_weights(PartialDirectory* partial, std::size_t number);
  Result<CompressedFile> reopen_finished(const std::filesystem::path& path,
                                         const std::string& name) const;
  void take_names(const std::string& name, const CompressedFile& file);
  Result<void> take_other(PartialDirectory* partial, const std::filesystem::path& relative);
  Result<std::optional<std::string>> rewritten_text(const std::filesystem::path& relative);
  Result<void> copy(const PartialDirectory& partial, const std::filesystem::path& relative,
                    const std::filesystem::path& destination, DirectoryEntry& entry);
  Result<void> write_manifest(PartialDirectory& partial);
  void warn(std::string text) { report_.warnings.push_back(std::move(text)); }

  JobContext& job_;
  const CompressOptions options_;
  const bool overwrite_;
  const safetensors::ModelFiles& model_;
  FileCompressor files_;
  CompressReport report_;
  DirectoryManifest manifest_;
  FileStoredNames names_;
  std::map<std::string, std::set<Family>> families_;  ///< by folder, "" or ending in '/'
  std::vector<std::optional<StoredFile>> finished_;   ///< weight files of an earlier run
};

}  // namespace unweight::bundle
