// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/file_restorer.h"

#include <array>
#include <bit>
#include <utility>

#include "base/try.h"
#include "bundle/bundle_file.h"
#include "bundle/tensor_restore.h"

namespace unweight::bundle {
namespace {

Result<void> write_original_header(const BundleFile& bundle, OutputFile& output) {
  const auto length = std::bit_cast<std::array<std::byte, sizeof(std::uint64_t)>>(
      std::uint64_t{bundle.original.json.size()});
  UNWEIGHT_TRY(output.write_at(0, length));
  return output.write_at(length.size(), std::as_bytes(std::span(bundle.original.json)));
}

Result<void> write_tensor(JobContext& job, const BundleFile& bundle, std::size_t i,
                          OutputFile& output) {
  const std::uint64_t begin = bundle.original.data_begin + bundle.original.tensors[i].begin;
  UNWEIGHT_TRY_ASSIGN(
      const std::vector<std::string> problems,
      restore_tensor(job, bundle, i, [&](std::uint64_t at, std::span<const std::byte> piece) {
        return output.write_at(begin + at, piece);
      }));
  if (!problems.empty()) return Error{ErrorCode::kChecksumMismatch, problems.front()};
  return {};
}

}  // namespace

Result<RestoredFile> restore_file(JobContext& job, const std::filesystem::path& bundle_path,
                                  const std::filesystem::path& destination, const std::string& name,
                                  const DecompressOptions& options) {
  UNWEIGHT_TRY_ASSIGN(const BundleFile bundle, open_bundle_file(bundle_path));
  const RestoredFile result{bundle.manifest.original_bytes, bundle.file.bytes()};
  const std::uint64_t progress_begin = job.progress.done_bytes();
  job.progress.set_total_if_unknown(result.restored_bytes);
  UNWEIGHT_TRY(job.progress.start_file(name));
  if (!options.dry_run) {
    UNWEIGHT_TRY_ASSIGN(OutputFile output, OutputFile::create(destination));
    UNWEIGHT_TRY(write_original_header(bundle, output));
    for (std::size_t i = 0; i < bundle.tensors.size(); ++i) {
      auto written = write_tensor(job, bundle, i, output);
      if (!written) return std::move(written).error().with_context(bundle.original.tensors[i].name);
    }
    UNWEIGHT_TRY(bundle.file.check_unchanged());
    UNWEIGHT_TRY(job.progress.reach(progress_begin + result.restored_bytes));
    UNWEIGHT_TRY(output.commit(options.overwrite));
    return result;
  }
  UNWEIGHT_TRY(job.progress.reach(progress_begin + result.restored_bytes));
  return result;
}

}  // namespace unweight::bundle
