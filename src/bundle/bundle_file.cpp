// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/bundle_file.h"

#include <fmt/format.h>

#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "base/try.h"
#include "bundle/bundle_format.h"
#include "bundle/packed_sections.h"

namespace unweight::bundle {
namespace {

using safetensors::Header;
using safetensors::TensorEntry;

Error bad_bundle(const std::string& what) {
  return {ErrorCode::kInvalidFormat, what};
}

/// Tensors of the bundle by name, each taken at most once.
class StoredNames {
 public:
  explicit StoredNames(const Header& header) {
    for (const TensorEntry& tensor : header.tensors) by_name_.emplace(tensor.name, &tensor);
  }
  Result<const TensorEntry*> take(const std::string& name) {
    const auto found = by_name_.find(name);
    if (found == by_name_.end())
      return bad_bundle("tensor " + name + " is missing, or named twice in the manifest");
    const TensorEntry* tensor = found->second;
    by_name_.erase(found);
    return tensor;
  }
  [[nodiscard]] Result<void> check_all_taken() const {
    if (by_name_.empty()) return {};
    return bad_bundle(fmt::format("tensor {} is not in the manifest", by_name_.begin()->first));
  }

 private:
  std::unordered_map<std::string_view, const TensorEntry*> by_name_;
};

/// Contents of one of our own tensors: one dimension of bytes.
Result<std::string> read_own_tensor(const BundleFile& bundle, const TensorEntry& tensor,
                                    std::uint64_t max_bytes) {
  if (tensor.dtype != "U8" || tensor.shape.size() != 1)
    return bad_bundle(tensor.name + " is not a U8 vector");
  if (tensor.bytes() > max_bytes)
    return bad_bundle(fmt::format("{} has {} bytes, at most {} are accepted", tensor.name,
                                  tensor.bytes(), max_bytes));
  std::string text(tensor.bytes(), '\0');
  UNWEIGHT_TRY(bundle.file.read_at(bundle.stored.data_begin + tensor.begin,
                                   std::as_writable_bytes(std::span(text))));
  return text;
}

Result<void> load_original_header(BundleFile& bundle, const std::string& json) {
  const FileManifest& manifest = bundle.manifest;
  if (xxh3(std::as_bytes(std::span(json))) != manifest.original_header_xxh3)
    return Error{ErrorCode::kChecksumMismatch, std::string(kHeaderTensor) + ": checksum mismatch"};
  const std::uint64_t data_begin = sizeof(std::uint64_t) + json.size();
  if (manifest.original_bytes < data_begin)
    return bad_bundle("original_bytes is less than the original header");
  auto header = safetensors::parse_header(json, manifest.original_bytes - data_begin);
  if (!header) return std::move(header).error().with_context("original header");
  bundle.original = std::move(header).value();
  return {};
}

Result<StoredTensor> locate(const BundleFile& bundle, const ManifestTensor& listed,
                            const TensorEntry& original, StoredNames& names) {
  if (listed.name != original.name)
    return bad_bundle("manifest has " + listed.name + " where the original has " + original.name);
  UNWEIGHT_TRY_ASSIGN(const TensorEntry* stored,
                      names.take(listed.packed ? listed.packed_name : listed.name));
  const StoredTensor located{listed.packed, bundle.stored.data_begin + stored->begin,
                             stored->bytes(), listed.xxh3};
  if (!listed.packed) {
    if (stored->dtype != original.dtype || stored->shape != original.shape ||
        stored->bytes() != original.bytes())
      return bad_bundle("carried tensor " + listed.name + " differs from the original's header");
    return located;
  }
  if (listed.packed_name != listed.name + std::string(kPackedSuffix) || original.dtype != "BF16" ||
      stored->dtype != "U8" || stored->shape.size() != 1 || original.num_elems() == 0)
    return bad_bundle("packed tensor " + listed.packed_name + " is not one of a BF16 tensor");
  if (located.stored_offset % kAlignment != 0)
    return bad_bundle("packed tensor " + listed.packed_name + " is not aligned to 256 bytes");
  return located;
}

Result<void> locate_tensors(BundleFile& bundle) {
  StoredNames names(bundle.stored);
  UNWEIGHT_TRY_ASSIGN(const TensorEntry* manifest, names.take(std::string(kManifestTensor)));
  UNWEIGHT_TRY_ASSIGN(const TensorEntry* header, names.take(std::string(kHeaderTensor)));
  UNWEIGHT_TRY_ASSIGN(const std::string manifest_json,
                      read_own_tensor(bundle, *manifest, kMaxManifestBytes));
  UNWEIGHT_TRY_ASSIGN(bundle.manifest, parse_file_manifest(manifest_json));
  UNWEIGHT_TRY_ASSIGN(const std::string header_json,
                      read_own_tensor(bundle, *header, safetensors::kMaxHeaderBytes));
  UNWEIGHT_TRY(load_original_header(bundle, header_json));
  const auto& listed = bundle.manifest.tensors;
  const auto& originals = bundle.original.tensors;
  if (listed.size() != originals.size())
    return bad_bundle(
        fmt::format("manifest has {} tensors, the original {}", listed.size(), originals.size()));
  for (std::size_t i = 0; i < listed.size(); ++i) {
    UNWEIGHT_TRY_ASSIGN(const StoredTensor tensor, locate(bundle, listed[i], originals[i], names));
    bundle.tensors.push_back(tensor);
  }
  return names.check_all_taken();
}

}  // namespace

bool is_bundle_header(const Header& header) {
  return header.metadata.contains(std::string(kVersionKey)) &&
         header.find(kManifestTensor) != nullptr;
}

std::map<std::string, std::string> bundle_metadata(const Header& original) {
  std::map<std::string, std::string> metadata = original.metadata;
  metadata.insert_or_assign(std::string(kVersionKey), std::string(kVersionValue));
  return metadata;
}

Result<BundleFile> open_bundle_file(const std::filesystem::path& path) {
  UNWEIGHT_TRY_ASSIGN(InputFile file, InputFile::open(path));
  BundleFile bundle{
      .file = std::move(file), .stored = {}, .original = {}, .manifest = {}, .tensors = {}};
  UNWEIGHT_TRY_ASSIGN(bundle.stored, safetensors::read_header(bundle.file));
  if (!is_bundle_header(bundle.stored))
    return bad_bundle("not an unweight bundle (a plain safetensors file)");
  const std::string& version = bundle.stored.metadata.at(std::string(kVersionKey));
  if (version != kVersionValue)
    return Error{ErrorCode::kUnsupported,
                 fmt::format("bundle format version {} (this is {})", version, kVersionValue)};
  UNWEIGHT_TRY(locate_tensors(bundle));
  return bundle;
}

Result<packed::PackedHeader> checked_packed_header(const BundleFile& bundle, std::size_t i) {
  const StoredTensor& tensor = bundle.tensors[i];
  UNWEIGHT_TRY_ASSIGN(const packed::PackedHeader header,
                      read_packed_header(bundle.file, tensor.stored_offset, tensor.stored_bytes));
  const MatrixDims dims = matrix_dims(bundle.original.tensors[i].shape);
  if (header.rows != dims.rows || header.cols != dims.cols)
    return bad_bundle(fmt::format("packed tensor is {} x {}, the original {} x {}", header.rows,
                                  header.cols, dims.rows, dims.cols));
  if (header.original_xxh3 != tensor.xxh3)
    return bad_bundle("packed tensor and manifest disagree about the original's checksum");
  return header;
}

Result<std::vector<TensorReport>> report_tensors(const BundleFile& bundle,
                                                 const std::string& file_name) {
  std::vector<TensorReport> reports;
  for (std::size_t i = 0; i < bundle.tensors.size(); ++i) {
    const TensorEntry& original = bundle.original.tensors[i];
    TensorReport report;
    report.name = original.name;
    report.dtype = original.dtype;
    report.shape = original.shape;
    report.file = file_name;
    report.num_elems = original.num_elems();
    report.original_bytes = original.bytes();
    report.stored_bytes = bundle.tensors[i].stored_bytes;
    if (bundle.tensors[i].packed) {
      auto header = checked_packed_header(bundle, i);
      if (!header) return std::move(header).error().with_context(original.name);
      report.family = static_cast<Family>(header->family);
    } else {
      report.reason = original.dtype == "BF16" ? "carried by the bundle" : "not BF16";
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace unweight::bundle
