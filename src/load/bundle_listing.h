// SPDX-License-Identifier: BSD-3-Clause
//
// The tensors of a bundle that are to be loaded, from all of its files, in two steps: headers,
// which say where everything will be, then indices, while GPU memory is allocated. No CUDA.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "bundle/bundle_file.h"
#include "packed/packed_format.h"
#include "unweight/bundle.h"
#include "unweight/result.h"

namespace unweight::load {

struct ListedFile {
  std::string name;  ///< relative to the directory, or the file's name
  bundle::BundleFile bundle;
};

struct ListedTensor {
  std::size_t file = 0;   ///< in BundleListing::files
  std::size_t index = 0;  ///< in that file's tensors
  bool packed = false;
  packed::PackedHeader header{};  ///< packed only
  /// Packed only: the blob from its first section to verbatim_rows, that is chunk_streams,
  /// verbatim_index and verbatim_positions with the gaps between them; offset 0 is the blob's 512.
  /// Empty until read_indices().
  std::vector<std::byte> indices;
};

struct BundleListing {
  std::vector<ListedFile> files;
  std::vector<ListedTensor> tensors;  ///< by file, then in data order of the original

  [[nodiscard]] const safetensors::TensorEntry& original(const ListedTensor& tensor) const {
    return files[tensor.file].bundle.original.tensors[tensor.index];
  }
  [[nodiscard]] const bundle::StoredTensor& stored(const ListedTensor& tensor) const {
    return files[tensor.file].bundle.tensors[tensor.index];
  }
  /// "file: tensor: message".
  [[nodiscard]] Error at(const ListedTensor& tensor, Error error) const;
};

/// Opens a bundle and validates its headers, on the pool. Errors: those of the bundle's reader,
/// kInvalidArgument (patterns), kInvalidFormat (a name in two files).
Result<BundleListing> list_bundle(const std::filesystem::path& path, const TensorFilter& filter,
                                  ThreadPool& pool);

/// Reads and validates the index sections of all packed tensors (structure always, checksums if
/// asked), and the zeros between sections and behind the stream, on the pool; `meanwhile` runs on
/// one of its threads. Errors: those of the bundle's reader, and what `meanwhile` returns.
Result<void> read_indices(BundleListing& listing, bool verify_checksums, ThreadPool& pool,
                          const std::function<Result<void>()>& meanwhile);

}  // namespace unweight::load
