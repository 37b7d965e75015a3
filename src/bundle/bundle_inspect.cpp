// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/bundle_inspect.h"

#include <map>
#include <utility>

#include "base/try.h"
#include "bundle/bundle_file.h"
#include "bundle/file_compressor.h"
#include "bundle/packed_stream.h"
#include "bundle/tensor_choice.h"
#include "bundle/tensor_survey.h"

namespace unweight::bundle {
namespace {

constexpr const char* kBf16 = "BF16";

/// An original: what a dry run of compress finds, or only its header.
Result<void> inspect_original(JobContext& job, const std::filesystem::path& path,
                              const std::string& name, const InspectOptions& options,
                              InspectReport& report) {
  if (!options.statistics) {
    UNWEIGHT_TRY_ASSIGN(const InputFile file, InputFile::open(path));
    UNWEIGHT_TRY_ASSIGN(const safetensors::Header header, safetensors::read_header(file));
    for (TensorReport& tensor : choose_tensors(header, name, {}, options.filter, job.limits))
      if (filter_takes(options.filter, tensor.name))
        report.tensors.push_back({std::move(tensor), {}});
    report.original_bytes += file.bytes();
    report.stored_bytes += file.bytes();
    return {};
  }
  CompressOptions compress_options;
  compress_options.dry_run = true;
  compress_options.filter = options.filter;
  std::map<std::size_t, TensorAnalysis> analyses;
  FileCompressor compressor(job, compress_options);
  compressor.on_analysis(
      [&](std::size_t i, const TensorAnalysis& analysis) { analyses.emplace(i, analysis); });
  UNWEIGHT_TRY_ASSIGN(CompressedFile file, compressor.compress(path, {}, name));
  for (std::size_t i = 0; i < file.tensors.size(); ++i) {
    if (!filter_takes(options.filter, file.tensors[i].name)) continue;
    TensorInspection inspection{std::move(file.tensors[i]), {}};
    const auto found = analyses.find(i);
    if (found != analyses.end()) inspection.analysis = found->second;
    report.tensors.push_back(std::move(inspection));
  }
  report.original_bytes += file.original_bytes;
  report.stored_bytes += file.stored_bytes;
  return {};
}

/// Statistics of a tensor of a bundle, decoded window by window.
Result<std::optional<TensorAnalysis>> analyze_stored(JobContext& job, const BundleFile& bundle,
                                                     std::size_t i) {
  const StoredTensor& tensor = bundle.tensors[i];
  const MatrixDims dims = matrix_dims(bundle.original.tensors[i].shape);
  const layout::TileGrid grid{dims.rows, dims.cols};
  if (!grid.representable() || grid.num_elems() == 0 ||
      !TensorWindows::can_window(grid, job.limits))
    return std::optional<TensorAnalysis>();
  std::optional<PackedStream> packed;
  FileRows carried(job, bundle.file, tensor.stored_offset, dims.cols);
  RowSource* rows = &carried;
  if (tensor.packed) {
    UNWEIGHT_TRY_ASSIGN(
        packed, PackedStream::open(job, bundle.file, tensor.stored_offset, tensor.stored_bytes));
    rows = &*packed;
  }
  TensorWindows windows(job, *rows, grid);
  UNWEIGHT_TRY_ASSIGN(const TensorSurvey survey, survey_tensor(job, windows));
  if (survey.xxh3 != tensor.xxh3)
    return Error{ErrorCode::kChecksumMismatch, "bytes are not the original's (checksum mismatch)"};
  UNWEIGHT_TRY(job.progress.add(bundle.original.tensors[i].bytes()));
  return std::optional<TensorAnalysis>(survey.analysis);
}

Result<void> inspect_bundle(JobContext& job, const BundleFile& bundle, const std::string& name,
                            const InspectOptions& options, InspectReport& report) {
  UNWEIGHT_TRY_ASSIGN(std::vector<TensorReport> tensors, report_tensors(bundle, name));
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    TensorInspection inspection{std::move(tensors[i]), {}};
    if (!filter_takes(options.filter, inspection.report.name)) continue;
    if (options.statistics && inspection.report.dtype == kBf16) {
      UNWEIGHT_TRY(job.progress.start_item(inspection.report.name));
      auto analysis = analyze_stored(job, bundle, i);
      if (!analysis) return std::move(analysis).error().with_context(inspection.report.name);
      inspection.analysis = *analysis;
    }
    report.tensors.push_back(std::move(inspection));
  }
  report.original_bytes += bundle.manifest.original_bytes;
  report.stored_bytes += bundle.file.bytes();
  return {};
}

}  // namespace

Result<void> inspect_file(JobContext& job, const std::filesystem::path& path,
                          const std::string& name, const InspectOptions& options,
                          InspectReport& report) {
  const std::uint64_t progress_begin = job.progress.done_bytes();
  bool is_bundle = false;
  {
    UNWEIGHT_TRY_ASSIGN(const InputFile file, InputFile::open(path));
    UNWEIGHT_TRY_ASSIGN(const safetensors::Header header, safetensors::read_header(file));
    is_bundle = is_bundle_header(header);
  }
  if (!is_bundle) return inspect_original(job, path, name, options, report);
  report.is_bundle = true;
  UNWEIGHT_TRY_ASSIGN(const BundleFile bundle, open_bundle_file(path));
  job.progress.set_total_if_unknown(bundle.manifest.original_bytes);
  UNWEIGHT_TRY(job.progress.start_file(name));
  UNWEIGHT_TRY(inspect_bundle(job, bundle, name, options, report));
  return job.progress.reach(progress_begin + bundle.manifest.original_bytes);
}

}  // namespace unweight::bundle
