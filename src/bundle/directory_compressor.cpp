// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/directory_compressor.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "base/try.h"
#include "bundle/bundle_file.h"
#include "bundle/bundle_format.h"
#include "bundle/byte_copy.h"
#include "bundle/record_json.h"
#include "bundle/tensor_choice.h"

namespace unweight::bundle {
namespace {

namespace fs = std::filesystem;

/// "" or the folder with a '/' behind it.
std::string folder_of(const fs::path& relative) {
  const std::string folder = relative.parent_path().generic_string();
  return folder.empty() ? folder : folder + "/";
}

bool is_index(const fs::path& relative) {
  return relative.native().ends_with(".safetensors.index.json");
}

Result<void> write_text(const fs::path& path, const std::string& text) {
  return write_small_file(path, std::as_bytes(std::span(text)), true);
}

std::uint64_t hash_text(const std::string& text) {
  return xxh3(std::as_bytes(std::span(text)));
}

/// A failed run says what it leaves behind.
Error with_leftovers(Error error, const PartialDirectory& partial, bool resume, bool any) {
  if (resume && any)
    error.message +=
        fmt::format(" (finished files stay in {} for the next run)", partial.root().string());
  return error;
}

}  // namespace

/// Inside the partial directory files of an earlier attempt are always replaced.
CompressOptions DirectoryCompressor::file_options(CompressOptions options) {
  options.overwrite = true;
  return options;
}

Result<void> DirectoryCompressor::check_model() const {
  for (const auto* files : {&model_.weight_files, &model_.other_files, &model_.index_files}) {
    for (const fs::path& path : *files) {
      if (is_reserved_path(path.generic_string()))
        return Error{ErrorCode::kInvalidArgument,
                     (model_.root / path).string() + ": the name is reserved for bundles"};
      UNWEIGHT_TRY(json_string(path.generic_string()));  // unweight.json has to name it
    }
  }
  if (model_.weight_files.empty())
    return Error{ErrorCode::kInvalidArgument,
                 model_.root.string() + ": no .safetensors file in it"};
  return {};
}

Result<std::uint64_t> DirectoryCompressor::sum_sizes() const {
  std::uint64_t sum = 0;
  for (const auto* files : {&model_.weight_files, &model_.other_files, &model_.index_files}) {
    for (const fs::path& path : *files) {
      std::error_code error;
      sum += fs::file_size(model_.root / path, error);
      if (error) return errno_error(error.value(), "stat", model_.root / path);
    }
  }
  return sum;
}

Result<CompressReport> DirectoryCompressor::compress(const fs::path& destination) {
  UNWEIGHT_TRY(check_model());
  UNWEIGHT_TRY_ASSIGN(const std::uint64_t total_bytes, sum_sizes());
  job_.progress.set_total(total_bytes);
  finished_.resize(model_.weight_files.size());
  if (options_.dry_run) {
    for (std::size_t i = 0; i < model_.weight_files.size(); ++i)
      UNWEIGHT_TRY(compress_weights(nullptr, i));
    for (const auto* files : {&model_.index_files, &model_.other_files})
      for (const fs::path& path : *files) UNWEIGHT_TRY(take_other(nullptr, path));
    job_.progress.finish();
    return std::move(report_);
  }
  UNWEIGHT_TRY_ASSIGN(PartialDirectory partial, PartialDirectory::open(destination));
  auto built = build(partial);
  if (built) return built;
  const bool any = std::any_of(finished_.begin(), finished_.end(),
                               [](const auto& file) { return file.has_value(); });
  if (!options_.resume || !any) partial.discard();
  return with_leftovers(std::move(built).error(), partial, options_.resume, any);
}

Result<CompressReport> DirectoryCompressor::build(PartialDirectory& partial) {
  UNWEIGHT_TRY(find_all_finished(partial));
  for (std::size_t i = 0; i < model_.weight_files.size(); ++i)
    UNWEIGHT_TRY(compress_weights(&partial, i));
  for (const auto* files : {&model_.index_files, &model_.other_files})
    for (const fs::path& path : *files) UNWEIGHT_TRY(take_other(&partial, path));
  UNWEIGHT_TRY(write_manifest(partial));
  UNWEIGHT_TRY(partial.publish(overwrite_));
  job_.progress.finish();
  return std::move(report_);
}

/// Keeps the weight files that an earlier run finished and removes everything else it left.
Result<void> DirectoryCompressor::find_all_finished(PartialDirectory& partial) {
  std::set<std::string> kept;
  if (options_.resume) {
    for (std::size_t i = 0; i < model_.weight_files.size(); ++i) {
      UNWEIGHT_TRY_ASSIGN(const InputFile source,
                          InputFile::open(model_.root / model_.weight_files[i]));
      const std::string name = model_.weight_files[i].generic_string();
      UNWEIGHT_TRY_ASSIGN(finished_[i],
                          find_finished(job_, partial, i,
                                        {name, source.bytes(), source.identity().mtime_ns,
                                         options_fingerprint(options_)}));
      if (finished_[i]) kept.insert(name);
    }
  } else {
    UNWEIGHT_TRY(partial.clear_state());
  }
  return partial.clean([&](const std::string& path) { return kept.contains(path); });
}

Result<CompressedFile> DirectoryCompressor::reopen_finished(const fs::path& path,
                                                            const std::string& name) const {
  UNWEIGHT_TRY_ASSIGN(const BundleFile bundle, open_bundle_file(path));
  UNWEIGHT_TRY_ASSIGN(std::vector<TensorReport> stored, report_tensors(bundle, name));
  CompressedFile file;
  file.original_bytes = bundle.manifest.original_bytes;
  file.stored_bytes = bundle.file.bytes();
  file.tensors =
      choose_tensors(bundle.original, name, options_.family, options_.filter, job_.limits);
  for (std::size_t i = 0; i < stored.size(); ++i) {
    if (stored[i].family == Family::kRaw) {
      if (file.tensors[i].reason.empty()) file.tensors[i].reason = kDoesNotShrink;
    } else {
      file.tensors[i] = std::move(stored[i]);
    }
  }
  return file;
}

/// Compresses weight file `number`, or takes it over from an earlier run.
Result<void> DirectoryCompressor::compress_weights(PartialDirectory* partial, std::size_t number) {
  const fs::path& relative = model_.weight_files[number];
  const std::string name = relative.generic_string();
  CompressedFile file;
  if (finished_[number]) {
    const std::uint64_t progress_begin = job_.progress.done_bytes();
    UNWEIGHT_TRY_ASSIGN(file, reopen_finished(partial->bundle() / relative, name));
    UNWEIGHT_TRY(job_.progress.reach(progress_begin + file.original_bytes));
    ++report_.num_files_resumed;
  } else {
    fs::path destination;
    SourceState source{name, 0, 0, options_fingerprint(options_)};
    if (partial != nullptr) {
      UNWEIGHT_TRY_ASSIGN(destination, partial->place(relative));
      // Before the first byte is read: a source that changes later is told by its identity.
      UNWEIGHT_TRY_ASSIGN(const InputFile input, InputFile::open(model_.root / relative));
      source.bytes = input.bytes();
      source.mtime_ns = input.identity().mtime_ns;
    }
    auto compressed = files_.compress(model_.root / relative, destination, name);
    if (!compressed) return std::move(compressed).error().with_context(name);
    file = std::move(*compressed);
    if (partial != nullptr) {
      UNWEIGHT_TRY_ASSIGN(const InputFile written, InputFile::open(destination));
      UNWEIGHT_TRY_ASSIGN(const std::uint64_t hash, hash_file(job_, written));
      finished_[number] = StoredFile{written.bytes(), hash};
      UNWEIGHT_TRY(record_finished(*partial, number, source, *finished_[number]));
    }
  }
  take_names(name, file);
  const std::uint64_t hash = finished_[number] ? finished_[number]->xxh3 : 0;
  manifest_.files.push_back(
      {name, FileRole::kWeights, file.stored_bytes, hash, file.original_bytes, 0});
  ++report_.num_files;
  report_.original_bytes += file.original_bytes;
  report_.stored_bytes += file.stored_bytes;
  std::move(file.tensors.begin(), file.tensors.end(), std::back_inserter(report_.tensors));
  return {};
}

void DirectoryCompressor::take_names(const std::string& name, const CompressedFile& file) {
  StoredNames& names = names_[name];
  for (const TensorReport& tensor : file.tensors) {
    const bool packed = tensor.family != Family::kRaw;
    names[tensor.name] = {packed ? tensor.name + std::string(kPackedSuffix) : tensor.name,
                          tensor.stored_bytes};
    if (packed) families_[folder_of(name)].insert(tensor.family);
  }
}

/// The bundle's text of config.json and shard indices; nothing for files that are copied.
Result<std::optional<std::string>> DirectoryCompressor::rewritten_text(const fs::path& relative) {
  const std::string name = relative.generic_string();
  const std::string folder = folder_of(relative);
  const bool is_config = relative.filename() == "config.json" && families_.contains(folder);
  if (!is_config && !is_index(relative)) return std::optional<std::string>();
  const auto text =
      read_small_file(model_.root / relative, is_config ? kMaxConfigBytes : kMaxIndexBytes);
  if (!text && text.error().code != ErrorCode::kInvalidFormat) return text.error();
  if (!text) {
    warn(name + ": copied as it is: " + text.error().message);
    return std::optional<std::string>();
  }
  if (is_config) {
    auto config = rewrite_config(*text, families_[folder]);
    if (!config) {
      warn(name + ": copied as it is: " + config.error().message);
      return std::optional<std::string>();
    }
    if (config->key_was_taken)
      warn(name + ": has a quantization_config already; ours is under unweight_config");
    return std::optional<std::string>(std::move(config->json));
  }
  auto index = rewrite_index(*text, folder, names_);
  if (!index) {
    warn(name + ": copied as it is: " + index.error().message);
    return std::optional<std::string>();
  }
  if (index->num_unknown > 0)
    warn(fmt::format("{}: {} entries name tensors that are in none of its files", name,
                     index->num_unknown));
  return std::optional<std::string>(std::move(index->json));
}

Result<void> DirectoryCompressor::copy(const PartialDirectory& partial, const fs::path& relative,
                                       const fs::path& destination, DirectoryEntry& entry) {
  UNWEIGHT_TRY(job_.progress.start_item(entry.path));
  UNWEIGHT_TRY_ASSIGN(const InputFile source, InputFile::open(model_.root / relative));
  UNWEIGHT_TRY_ASSIGN(const fs::path place, partial.place(destination));
  UNWEIGHT_TRY_ASSIGN(OutputFile output, OutputFile::create(place));
  UNWEIGHT_TRY_ASSIGN(entry.original_xxh3, copy_bytes(job_, source, 0, source.bytes(), output, 0));
  UNWEIGHT_TRY(source.check_unchanged());
  entry.original_bytes = source.bytes();
  return output.commit(true);
}

/// A file that is no weight file: copied, or rewritten with its original beside it.
Result<void> DirectoryCompressor::take_other(PartialDirectory* partial, const fs::path& relative) {
  DirectoryEntry entry;
  entry.path = relative.generic_string();
  UNWEIGHT_TRY_ASSIGN(const std::optional<std::string> text, rewritten_text(relative));
  if (text) entry.role = FileRole::kRewritten;
  if (partial == nullptr) {
    UNWEIGHT_TRY_ASSIGN(const InputFile source, InputFile::open(model_.root / relative));
    entry.original_bytes = source.bytes();
  } else {
    UNWEIGHT_TRY(
        copy(*partial, relative, text ? fs::path(kOriginalsFolder) / relative : relative, entry));
  }
  entry.stored_bytes = entry.original_bytes;
  entry.stored_xxh3 = entry.original_xxh3;
  report_.original_bytes += entry.original_bytes;
  report_.stored_bytes += entry.original_bytes;
  if (text) {
    entry.stored_bytes = text->size();
    entry.stored_xxh3 = hash_text(*text);
    report_.stored_bytes += text->size();
    if (partial != nullptr) {
      UNWEIGHT_TRY_ASSIGN(const fs::path place, partial->place(relative));
      UNWEIGHT_TRY(write_text(place, *text));
    }
  }
  manifest_.files.push_back(std::move(entry));
  return {};
}

Result<void> DirectoryCompressor::write_manifest(PartialDirectory& partial) {
  manifest_.tool_version = kToolVersion;
  std::sort(manifest_.files.begin(), manifest_.files.end(),
            [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.path < b.path; });
  UNWEIGHT_TRY_ASSIGN(const std::string json, serialize_directory_manifest(manifest_));
  report_.stored_bytes += json.size();
  return write_text(partial.bundle() / kDirectoryManifest, json);
}

}  // namespace unweight::bundle
