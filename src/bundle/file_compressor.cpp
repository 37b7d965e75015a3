// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/file_compressor.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "base/try.h"
#include "bundle/bundle_file.h"
#include "bundle/bundle_format.h"
#include "bundle/byte_copy.h"
#include "bundle/tensor_choice.h"
#include "bundle/tensor_survey.h"

namespace unweight::bundle {
namespace {

using safetensors::Header;
using safetensors::TensorEntry;

TensorEntry byte_vector(std::string name, std::uint64_t begin, std::uint64_t bytes) {
  return {std::move(name), "U8", {bytes}, begin, begin + bytes};
}

/// Bytes to keep for the bundle's header, which is known only after the data: room for every tensor
/// under the longer of its two names, with the longer of its two shapes and the longest offsets.
std::uint64_t header_room(const Header& original, std::uint64_t file_bytes) {
  std::uint64_t longest = 9;  // 99..9, more than any offset: no tensor grows
  while (longest < file_bytes * 16 + (1 << 20)) longest = longest * 10 + 9;
  std::vector<TensorEntry> entries;
  for (const TensorEntry& tensor : original.tensors) {
    TensorEntry entry = tensor;
    entry.name += kPackedSuffix;
    entry.shape.push_back(longest);
    entry.begin = entry.end = longest;
    entries.push_back(std::move(entry));
  }
  for (const std::string_view name : {kHeaderTensor, kManifestTensor})
    entries.push_back({std::string(name), "U8", {longest}, longest, longest});
  return safetensors::serialize_header(entries, bundle_metadata(original), kAlignment).size();
}

Result<void> check_source(const Header& header) {
  if (is_bundle_header(header))
    return Error{ErrorCode::kInvalidArgument, "already an unweight bundle"};
  for (const TensorEntry& tensor : header.tensors) {
    if (tensor.name.starts_with(kReservedPrefix))
      return Error{ErrorCode::kUnsupported, fmt::format("tensor name {} is reserved: names that "
                                                        "begin with {} are the bundle's own",
                                                        tensor.name, kReservedPrefix)};
  }
  return {};
}

/// Natural alignment of a dtype in bytes; 1 for what has none or is unknown.
std::uint32_t alignment_of(const TensorEntry& tensor) {
  const std::uint32_t bits = safetensors::dtype_bits(tensor.dtype);
  return bits % 8 == 0 ? std::max(1u, bits / 8) : 1;
}

/// A source that changed explains every other error better.
Error prefer_source_changed(const InputFile& source, Error error) {
  if (error.code == ErrorCode::kInternal || error.code == ErrorCode::kInvalidFormat)
    if (auto unchanged = source.check_unchanged(); !unchanged) return unchanged.error();
  return error;
}

}  // namespace

Result<CompressedFile> FileCompressor::compress(const std::filesystem::path& source,
                                                const std::filesystem::path& destination,
                                                const std::string& name) {
  UNWEIGHT_TRY_ASSIGN(InputFile input, InputFile::open(source));
  Work work(std::move(input));
  UNWEIGHT_TRY_ASSIGN(work.header, safetensors::read_header(work.source));
  UNWEIGHT_TRY(check_source(work.header));
  job_.progress.set_total_if_unknown(work.source.bytes());
  work.progress_begin = job_.progress.done_bytes();
  UNWEIGHT_TRY(job_.progress.start_file(name));

  work.result.original_bytes = work.source.bytes();
  work.result.tensors =
      choose_tensors(work.header, name, options_.family, options_.filter, job_.limits);
  work.manifest.tool_version = kToolVersion;
  work.manifest.original_bytes = work.source.bytes();
  work.manifest.original_header_xxh3 = xxh3(std::as_bytes(std::span(work.header.json)));
  work.manifest.tensors.resize(work.header.tensors.size());
  work.data_begin = header_room(work.header, work.source.bytes());
  if (work.data_begin > safetensors::kMaxHeaderBytes)
    return Error{ErrorCode::kUnsupported, "the header leaves no room for the bundle's names"};

  std::optional<OutputFile> output;
  if (!options_.dry_run) {
    UNWEIGHT_TRY_ASSIGN(output, OutputFile::create(destination));
    work.output = &*output;
  }
  if (auto done = compress_tensors(work); !done)
    return prefer_source_changed(work.source, std::move(done).error());
  UNWEIGHT_TRY(work.source.check_unchanged());
  work.result.stored_bytes = work.data_begin + work.end;
  UNWEIGHT_TRY(job_.progress.reach(work.progress_begin + work.source.bytes()));
  if (output) {
    UNWEIGHT_TRY(output->truncate(work.result.stored_bytes));
    UNWEIGHT_TRY(output->commit(options_.overwrite));
  }
  return std::move(work.result);
}

Result<void> FileCompressor::compress_tensors(Work& work) {
  std::vector<std::size_t> carried;
  for (std::size_t i = 0; i < work.header.tensors.size(); ++i) {
    work.manifest.tensors[i].name = work.header.tensors[i].name;
    if (work.result.tensors[i].reason.empty()) {
      auto done = compress_tensor(work, i);
      if (!done) return std::move(done).error().with_context(work.header.tensors[i].name);
    }
    if (!work.manifest.tensors[i].packed) carried.push_back(i);
  }
  std::stable_sort(carried.begin(), carried.end(), [&](std::size_t a, std::size_t b) {
    return alignment_of(work.header.tensors[a]) > alignment_of(work.header.tensors[b]);
  });
  for (const std::size_t i : carried) UNWEIGHT_TRY(carry_tensor(work, i));
  UNWEIGHT_TRY(append_own_tensor(work, kHeaderTensor, work.header.json));
  UNWEIGHT_TRY_ASSIGN(const std::string manifest, serialize_file_manifest(work.manifest));
  if (manifest.size() > kMaxManifestBytes)
    return Error{ErrorCode::kUnsupported, "the tensor names make too large a manifest"};
  UNWEIGHT_TRY(append_own_tensor(work, kManifestTensor, manifest));
  return write_header(work);
}

/// Surveys tensor i and packs it if that pays.
Result<void> FileCompressor::compress_tensor(Work& work, std::size_t i) {
  const TensorEntry& tensor = work.header.tensors[i];
  UNWEIGHT_TRY(job_.progress.start_item(tensor.name));
  const MatrixDims dims = matrix_dims(tensor.shape);
  FileRows rows(job_, work.source, work.header.data_begin + tensor.begin, dims.cols);
  TensorWindows windows(job_, rows, {dims.rows, dims.cols});
  UNWEIGHT_TRY_ASSIGN(const TensorSurvey survey, compressor_->survey(windows));
  work.manifest.tensors[i].xxh3 = survey.xxh3;
  if (on_analysis_) on_analysis_(i, survey.analysis);
  const Family family = choose_family(survey.analysis, options_.family);
  if (family == Family::kRaw) {
    work.result.tensors[i].reason = kDoesNotShrink;
    return {};
  }
  return pack_tensor(work, i, family, windows, survey);
}

Result<void> FileCompressor::pack_tensor(Work& work, std::size_t i, Family family,
                                         TensorWindows& windows, const TensorSurvey& survey) {
  TensorReport& report = work.result.tensors[i];
  std::uint64_t blob_bytes = packed::estimated_bytes(survey.analysis, family);
  if (work.output != nullptr) {
    const auto sink = [&](std::uint64_t offset, std::span<const std::byte> bytes) {
      return work.output->write_at(work.data_begin + work.end + offset, bytes);
    };
    UNWEIGHT_TRY_ASSIGN(const packed::PackedHeader header,
                        compressor_->pack(windows, survey.plan_for(family), survey, sink));
    blob_bytes = header.packed_bytes;
  }
  if (blob_bytes >= report.original_bytes) {  // what was written will be overwritten
    report.reason = kDoesNotShrink;
    return {};
  }
  report.family = family;
  report.stored_bytes = blob_bytes;
  work.manifest.tensors[i].packed = true;
  work.manifest.tensors[i].packed_name = report.name + std::string(kPackedSuffix);
  work.entries.push_back(byte_vector(work.manifest.tensors[i].packed_name, work.end, blob_bytes));
  work.end += blob_bytes;
  return finish_tensor(work, i);
}

Result<void> FileCompressor::carry_tensor(Work& work, std::size_t i) {
  const TensorEntry& tensor = work.header.tensors[i];
  if (work.output != nullptr) {
    UNWEIGHT_TRY(job_.progress.start_item(tensor.name));
    UNWEIGHT_TRY_ASSIGN(const std::uint64_t hash,
                        copy_bytes(job_, work.source, work.header.data_begin + tensor.begin,
                                   tensor.bytes(), *work.output, work.data_begin + work.end));
    if (work.result.tensors[i].reason == kDoesNotShrink && work.manifest.tensors[i].xxh3 != hash)
      return Error{ErrorCode::kSourceChanged,
                   tensor.name + ": the tensor changed while it was being compressed"};
    work.manifest.tensors[i].xxh3 = hash;
  }
  TensorEntry entry = tensor;
  entry.begin = work.end;
  work.end += tensor.bytes();
  entry.end = work.end;
  work.entries.push_back(std::move(entry));
  return finish_tensor(work, i);
}

Result<void> FileCompressor::append_own_tensor(Work& work, std::string_view name,
                                               std::string_view bytes) {
  if (work.output != nullptr)
    UNWEIGHT_TRY(
        work.output->write_at(work.data_begin + work.end, std::as_bytes(std::span(bytes))));
  work.entries.push_back(byte_vector(std::string(name), work.end, bytes.size()));
  work.end += bytes.size();
  return {};
}

Result<void> FileCompressor::write_header(Work& work) {
  const std::string header = safetensors::serialize_header(
      work.entries, bundle_metadata(work.header), kAlignment, work.data_begin);
  if (header.size() != work.data_begin)
    return Error{ErrorCode::kInternal, fmt::format("header takes {} bytes, {} were kept for it",
                                                   header.size(), work.data_begin)};
  if (work.output == nullptr) return {};
  return work.output->write_at(0, std::as_bytes(std::span(header)));
}

Result<void> FileCompressor::finish_tensor(Work& work, std::size_t i) {
  work.progress += work.header.tensors[i].bytes();
  return job_.progress.reach(work.progress_begin + work.progress);
}

}  // namespace unweight::bundle
