// SPDX-License-Identifier: BSD-3-Clause
//
// One safetensors file -> one bundle file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "bundle/file_manifest.h"
#include "bundle/job_context.h"
#include "bundle/tensor_compressor.h"
#include "bundle/tensor_windows.h"
#include "safetensors/safetensors.h"
#include "unweight/bundle.h"
#include "unweight/result.h"

namespace unweight::bundle {

struct CompressedFile {
  std::vector<TensorReport> tensors;  ///< in data order of the original
  std::uint64_t original_bytes = 0;
  std::uint64_t stored_bytes = 0;  ///< an estimate in a dry run
};

/// Reuses its buffers from file to file.
class FileCompressor {
 public:
  FileCompressor(JobContext& job, const CompressOptions& options)
      : job_(job),
        options_(options),
        compressor_(make_tensor_compressor(job, options.self_check)) {}

  /// Called with every tensor's index and statistics.
  void on_analysis(std::function<void(std::size_t, const TensorAnalysis&)> callback) {
    on_analysis_ = std::move(callback);
  }

  /// `name` is the file's name in reports. In a dry run nothing is written.
  Result<CompressedFile> compress(const std::filesystem::path& source,
                                  const std::filesystem::path& destination,
                                  const std::string& name);

 private:
  /// State of the file at work.
  struct Work {
    explicit Work(InputFile file) : source(std::move(file)) {}

    InputFile source;
    safetensors::Header header;
    CompressedFile result;
    FileManifest manifest;
    OutputFile* output = nullptr;                    ///< null in a dry run
    std::uint64_t data_begin = 0;                    ///< of the bundle: space kept for its header
    std::uint64_t end = 0;                           ///< relative to data_begin: written so far
    std::vector<safetensors::TensorEntry> entries;   ///< of the bundle's header, in data order
    std::uint64_t progress_begin = 0, progress = 0;  ///< bytes of the call; tensor bytes done
  };

  Result<void> compress_tensors(Work& work);
  Result<void> compress_tensor(Work& work, std::size_t i);
  Result<void> pack_tensor(Work& work, std::size_t i, Family family, TensorWindows& windows,
                           const TensorSurvey& survey);
  Result<void> carry_tensor(Work& work, std::size_t i);
  Result<void> append_own_tensor(Work& work, std::string_view name, std::string_view bytes);
  Result<void> write_header(Work& work);
  Result<void> finish_tensor(Work& work, std::size_t i);

  JobContext& job_;
  const CompressOptions& options_;
  std::unique_ptr<TensorCompressor> compressor_;
  std::function<void(std::size_t, const TensorAnalysis&)> on_analysis_;
};

}  // namespace unweight::bundle
