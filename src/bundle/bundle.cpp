// SPDX-License-Identifier: BSD-3-Clause
//
// The public calls: arguments are checked, the right worker is chosen, nothing is thrown out.
#include "unweight/bundle.h"

#include <chrono>
#include <new>
#include <utility>

#include "base/try.h"
#include "bundle/bundle_format.h"
#include "bundle/bundle_inspect.h"
#include "bundle/directory_compressor.h"
#include "bundle/directory_manifest.h"
#include "bundle/directory_restorer.h"
#include "bundle/directory_verifier.h"
#include "bundle/file_compressor.h"
#include "bundle/file_restorer.h"
#include "bundle/file_verifier.h"
#include "bundle/job_context.h"
#include "bundle/path_checks.h"
#include "bundle/tensor_choice.h"
#include "safetensors/safetensors.h"

namespace unweight {
namespace {

namespace fs = std::filesystem;
using bundle::JobContext;
using safetensors::ModelFiles;

/// Runs the body of a public call and fills in how long it took.
template <typename Report, typename Body>
Result<Report> timed_call(const Body& body) {
  const auto begin = std::chrono::steady_clock::now();
  Result<Report> result = [&]() -> Result<Report> {
    try {
      return body();
    } catch (const std::bad_alloc&) {
      return Error{ErrorCode::kOutOfMemory, "out of memory"};
    } catch (const fs::filesystem_error& error) {
      return Error{ErrorCode::kIo, error.what()};
    } catch (const std::exception& error) {
      return Error{ErrorCode::kInternal, std::string("unexpected exception: ") + error.what()};
    } catch (...) {  // a progress callback may throw anything
      return Error{ErrorCode::kInternal, "unexpected exception"};
    }
  }();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  if (result) result->seconds = elapsed.count();
  return result;
}

Error with_path(Error error, const fs::path& path) {
  const std::string text = path.string();
  if (error.message.find(text) != std::string::npos) return error;
  return std::move(error).with_context(text);
}

Result<CompressReport> compress_one_file(JobContext& job, const fs::path& source,
                                         const fs::path& destination,
                                         const CompressOptions& options) {
  bundle::FileCompressor compressor(job, options);
  auto file = compressor.compress(source, destination, source.filename().string());
  if (!file) return with_path(std::move(file).error(), source);
  CompressReport report;
  report.tensors = std::move(file->tensors);
  report.original_bytes = file->original_bytes;
  report.stored_bytes = file->stored_bytes;
  report.num_files = 1;
  job.progress.finish();
  return report;
}

Result<CompressReport> run_compress(const fs::path& source, const fs::path& destination,
                                    const CompressOptions& options) {
  UNWEIGHT_TRY(bundle::check_filter(options.filter));
  UNWEIGHT_TRY_ASSIGN(const ModelFiles model, safetensors::list_model_files(source));
  if (model.is_directory && bundle::is_bundle_directory(source))
    return Error{ErrorCode::kInvalidArgument, source.string() + ": already an unweight bundle"};
  fs::path target;
  if (!options.dry_run) {
    UNWEIGHT_TRY_ASSIGN(target, bundle::check_destination(source, destination, model.is_directory,
                                                          options.overwrite));
  }
  JobContext job(options.num_threads, options.progress, {}, options.engine);
  if (model.is_directory) return bundle::DirectoryCompressor(job, options, model).compress(target);
  return compress_one_file(job, source, target, options);
}

Result<DecompressReport> run_decompress(const fs::path& source, const fs::path& destination,
                                        const DecompressOptions& options) {
  std::error_code error;
  const bool is_directory = fs::is_directory(source, error);
  if (is_directory && !bundle::is_bundle_directory(source))
    return Error{ErrorCode::kInvalidFormat,
                 source.string() + ": not an unweight bundle (no unweight.json)"};
  fs::path target;
  if (!options.dry_run) {
    UNWEIGHT_TRY_ASSIGN(
        target, bundle::check_destination(source, destination, is_directory, options.overwrite));
  }
  JobContext job(options.num_threads, options.progress, {}, options.engine);
  if (is_directory) return bundle::restore_directory(job, source, target, options);
  auto file = bundle::restore_file(job, source, target, source.filename().string(), options);
  if (!file) return with_path(std::move(file).error(), source);
  job.progress.finish();
  DecompressReport report;
  report.restored_bytes = file->restored_bytes;
  report.stored_bytes = file->stored_bytes;
  report.num_files = 1;
  return report;
}

Result<VerifyReport> run_verify(const fs::path& source, const std::optional<fs::path>& original,
                                const VerifyOptions& options) {
  std::error_code error;
  const bool is_directory = fs::is_directory(source, error);
  if (original && fs::exists(*original, error) &&
      fs::is_directory(*original, error) != is_directory)
    return Error{ErrorCode::kInvalidArgument,
                 "a directory can only be compared with a directory, a file with a file"};
  VerifyReport report;
  report.compared_with_original = original.has_value();
  JobContext job(options.num_threads, options.progress, {}, options.engine);
  if (is_directory) {
    UNWEIGHT_TRY(bundle::verify_directory(job, source, original, report));
  } else {
    UNWEIGHT_TRY(bundle::verify_file(job, source, original, source.filename().string(), report));
    job.progress.finish();
  }
  return report;
}

/// Uncompressed bytes that an inspection goes through.
std::uint64_t inspection_bytes(const ModelFiles& model) {
  std::uint64_t sum = 0;
  if (const auto manifest = bundle::read_directory_manifest(model.root); manifest) {
    for (const bundle::DirectoryEntry& entry : manifest->files)
      if (entry.role == bundle::FileRole::kWeights) sum += entry.original_bytes;
    return sum;
  }
  std::error_code ignored;
  for (const fs::path& file : model.weight_files) sum += fs::file_size(model.root / file, ignored);
  return sum;
}

Result<InspectReport> run_inspect(const fs::path& path, const InspectOptions& options) {
  UNWEIGHT_TRY(bundle::check_filter(options.filter));
  UNWEIGHT_TRY_ASSIGN(const ModelFiles model, safetensors::list_model_files(path));
  InspectReport report;
  report.path = path.string();
  JobContext job(options.num_threads, options.progress);
  if (model.is_directory) job.progress.set_total(inspection_bytes(model));
  for (const fs::path& file : model.weight_files) {
    const std::string name = file.generic_string();
    if (model.is_directory && bundle::is_reserved_path(name)) continue;
    auto inspected = bundle::inspect_file(job, model.root / file, name, options, report);
    if (!inspected) return with_path(std::move(inspected).error(), model.root / file);
  }
  if (model.is_directory) report.is_bundle = bundle::is_bundle_directory(path);
  job.progress.finish();
  return report;
}

}  // namespace

Result<CompressReport> compress(const fs::path& source, const fs::path& destination,
                                const CompressOptions& options) {
  return timed_call<CompressReport>([&] { return run_compress(source, destination, options); });
}

Result<DecompressReport> decompress(const fs::path& bundle_path, const fs::path& destination,
                                    const DecompressOptions& options) {
  return timed_call<DecompressReport>(
      [&] { return run_decompress(bundle_path, destination, options); });
}

Result<VerifyReport> verify(const fs::path& bundle_path, const std::optional<fs::path>& original,
                            const VerifyOptions& options) {
  return timed_call<VerifyReport>([&] { return run_verify(bundle_path, original, options); });
}

Result<InspectReport> inspect(const fs::path& path, const InspectOptions& options) {
  return timed_call<InspectReport>([&] { return run_inspect(path, options); });
}

}  // namespace unweight
