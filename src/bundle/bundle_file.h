// SPDX-License-Identifier: BSD-3-Clause
//
// A bundle of one file, open and validated: what it says about itself is consistent, and everything
// it says lies inside the file. Nothing of the tensors has been read yet.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "bundle/file_manifest.h"
#include "packed/packed_format.h"
#include "safetensors/safetensors.h"
#include "unweight/bundle.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// One tensor of the original and where the bundle has it.
struct StoredTensor {
  bool packed = false;
  std::uint64_t stored_offset = 0;  ///< in the bundle file
  std::uint64_t stored_bytes = 0;
  std::uint64_t xxh3 = 0;  ///< of the original bytes
};

struct BundleFile {
  InputFile file;
  safetensors::Header stored;    ///< the bundle's own header
  safetensors::Header original;  ///< the original's, from its exact bytes
  FileManifest manifest;
  std::vector<StoredTensor> tensors;  ///< as original.tensors
};

/// Whether a header is a bundle's: a manifest tensor and our version key.
[[nodiscard]] bool is_bundle_header(const safetensors::Header& header);

/// __metadata__ of a bundle: the original's and our version key.
[[nodiscard]] std::map<std::string, std::string> bundle_metadata(
    const safetensors::Header& original);

/// Errors: kInvalidFormat, kChecksumMismatch, kUnsupported (newer version); those of InputFile.
Result<BundleFile> open_bundle_file(const std::filesystem::path& path);

/// Packed tensor header of tensor i (stored packed), checked against shape and manifest.
Result<packed::PackedHeader> checked_packed_header(const BundleFile& bundle, std::size_t i);

/// What the reports say about the tensors. Reads the header of every packed tensor.
Result<std::vector<TensorReport>> report_tensors(const BundleFile& bundle,
                                                 const std::string& file_name);

}  // namespace unweight::bundle
