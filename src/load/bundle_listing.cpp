// SPDX-License-Identifier: BSD-3-Clause
#include "load/bundle_listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/hash.h"
#include "base/try.h"
#include "bundle/directory_manifest.h"
#include "bundle/tensor_choice.h"
#include "codec/families_format.h"
#include "packed/header_checks.h"
#include "packed/packed_reader.h"

namespace unweight::load {
namespace {

namespace fs = std::filesystem;
using packed::PackedHeader;
using packed::section_of;
using packed::SectionEntry;
using packed::SectionId;

Error in_file(Error error, const std::string& name) {
  return std::move(error).with_context(name);
}

Result<void> open_file(const fs::path& path, const std::string& name, BundleListing& listing) {
  auto opened = bundle::open_bundle_file(path);
  if (!opened) return in_file(std::move(opened).error(), name);
  listing.files.push_back({name, std::move(opened).value()});
  return {};
}

Result<void> open_files(const fs::path& path, BundleListing& listing) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    return open_file(path, path.filename().string(), listing);
  }
  if (!bundle::is_bundle_directory(path)) {
    return Error{ErrorCode::kInvalidFormat,
                 path.string() + ": not an unweight bundle (no unweight.json)"};
  }
  UNWEIGHT_TRY_ASSIGN(const bundle::DirectoryManifest manifest,
                      bundle::read_directory_manifest(path));
  for (const bundle::DirectoryEntry& entry : manifest.files) {
    if (entry.role != bundle::FileRole::kWeights) continue;
    UNWEIGHT_TRY(open_file(path / entry.path, entry.path, listing));
    const bundle::BundleFile& file = listing.files.back().bundle;
    if (file.file.bytes() != entry.stored_bytes ||
        file.manifest.original_bytes != entry.original_bytes) {
      return in_file({ErrorCode::kInvalidFormat, "sizes are not the ones in unweight.json"},
                     entry.path);
    }
  }
  return {};
}

Result<void> list_tensors(const TensorFilter& filter, BundleListing& listing) {
  std::unordered_set<std::string_view> names;
  for (std::size_t f = 0; f < listing.files.size(); ++f) {
    const bundle::BundleFile& file = listing.files[f].bundle;
    for (std::size_t i = 0; i < file.tensors.size(); ++i) {
      const std::string& name = file.original.tensors[i].name;
      if (!bundle::filter_takes(filter, name)) continue;
      if (!names.insert(name).second) {
        return in_file({ErrorCode::kInvalidFormat, "tensor " + name + " is in another file, too"},
                       listing.files[f].name);
      }
      listing.tensors.push_back({f, i, file.tensors[i].packed, {}, {}});
    }
  }
  return {};
}

bool all_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

template <typename T>
std::span<const T> entries(const ListedTensor& tensor, SectionId id) {
  const SectionEntry& section = section_of(tensor.header, id);
  const std::byte* first = tensor.indices.data() + (section.offset - sizeof(PackedHeader));
  return {reinterpret_cast<const T*>(first), static_cast<std::size_t>(section.bytes / sizeof(T))};
}

/// The sections that are in `indices`: checksums, gaps, and every entry against the header.
Result<void> check_index_sections(const ListedTensor& tensor, bool verify_checksums) {
  const std::span<const std::byte> indices = tensor.indices;
  for (const SectionId id :
       {SectionId::kChunkStreams, SectionId::kVerbatimIndex, SectionId::kVerbatimPositions}) {
    const SectionEntry& section = section_of(tensor.header, id);
    const std::uint64_t begin = section.offset - sizeof(PackedHeader);
    const std::uint64_t end = begin + section.bytes;
    if (verify_checksums && xxh3(indices.subspan(begin, section.bytes)) != section.xxh3) {
      return Error{ErrorCode::kChecksumMismatch,
                   fmt::format("section {}: checksum mismatch", packed::section_name(id))};
    }
    if (!all_zero(indices.subspan(end, packed::align_up(end) - end))) {
      return Error{ErrorCode::kInvalidFormat,
                   fmt::format("gap behind section {} is not zero", packed::section_name(id))};
    }
  }
  return packed::check_indices(
      tensor.header, entries<codec::ChunkStreamEntry>(tensor, SectionId::kChunkStreams),
      entries<codec::VerbatimIndexEntry>(tensor, SectionId::kVerbatimIndex),
      entries<codec::VerbatimPosition>(tensor, SectionId::kVerbatimPositions));
}

/// The gap behind one of the other sections; for the stream its tail as well.
Result<void> check_zeros_behind(const InputFile& file, std::uint64_t blob, const ListedTensor& t,
                                SectionId id) {
  const SectionEntry& section = section_of(t.header, id);
  const std::uint64_t tail =
      id == SectionId::kStream && section.bytes != 0 ? codec::kStreamTailBytes : 0;
  const std::uint64_t begin = section.offset + section.bytes - tail;
  const std::uint64_t bytes = packed::align_up(section.offset + section.bytes) - begin;
  std::array<std::byte, packed::kAlignment + codec::kStreamTailBytes> memory;
  const auto zeros = std::span(memory).first(bytes);
  UNWEIGHT_TRY(file.read_at(blob + begin, zeros));
  if (all_zero(zeros)) return {};
  return Error{
      ErrorCode::kInvalidFormat,
      fmt::format("tail of, or gap behind, section {} is not zero", packed::section_name(id))};
}

Result<void> read_indices_of(const BundleListing& listing, ListedTensor& tensor,
                             bool verify_checksums) {
  const bundle::BundleFile& file = listing.files[tensor.file].bundle;
  const std::uint64_t blob = file.tensors[tensor.index].stored_offset;
  tensor.indices.resize(section_of(tensor.header, SectionId::kVerbatimRows).offset -
                        sizeof(PackedHeader));
  UNWEIGHT_TRY(file.file.read_at(blob + sizeof(PackedHeader), tensor.indices));
  UNWEIGHT_TRY(check_index_sections(tensor, verify_checksums));
  for (const SectionId id : {SectionId::kVerbatimRows, SectionId::kSignMantissa, SectionId::kCodes,
                             SectionId::kStream}) {
    UNWEIGHT_TRY(check_zeros_behind(file.file, blob, tensor, id));
  }
  return {};
}

}  // namespace

Error BundleListing::at(const ListedTensor& tensor, Error error) const {
  return in_file(std::move(error).with_context(original(tensor).name), files[tensor.file].name);
}

Result<BundleListing> list_bundle(const fs::path& path, const TensorFilter& filter,
                                  ThreadPool& pool) {
  UNWEIGHT_TRY(bundle::check_filter(filter));
  BundleListing listing;
  UNWEIGHT_TRY(open_files(path, listing));
  UNWEIGHT_TRY(list_tensors(filter, listing));
  UNWEIGHT_TRY(
      pool.parallel_for(listing.tensors.size(), [&](std::size_t i, unsigned) -> Result<void> {
        ListedTensor& tensor = listing.tensors[i];
        if (!tensor.packed) return {};
        auto header =
            bundle::checked_packed_header(listing.files[tensor.file].bundle, tensor.index);
        if (!header) return listing.at(tensor, std::move(header).error());
        tensor.header = header.value();
        return {};
      }));
  return listing;
}

Result<void> read_indices(BundleListing& listing, bool verify_checksums, ThreadPool& pool,
                          const std::function<Result<void>()>& meanwhile) {
  return pool.parallel_for(listing.tensors.size() + 1,
                           [&](std::size_t i, unsigned) -> Result<void> {
                             if (i == 0) return meanwhile();
                             ListedTensor& tensor = listing.tensors[i - 1];
                             if (!tensor.packed) return {};
                             auto read = read_indices_of(listing, tensor, verify_checksums);
                             if (!read) return listing.at(tensor, std::move(read).error());
                             return {};
                           });
}

}  // namespace unweight::load
