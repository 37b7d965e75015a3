// SPDX-License-Identifier: BSD-3-Clause
//
// Names and versions of the bundle format, in one place. docs/format/bundle.md is the
// specification.
#pragma once

#include <cstdint>
#include <string_view>

#include "packed/packed_format.h"
#include "unweight/version.h"

namespace unweight::bundle {

inline constexpr std::uint64_t kFormatVersion = 1;
inline constexpr std::string_view kToolVersion = UNWEIGHT_VERSION_STRING;

// A bundle of a file.
inline constexpr std::string_view kFileFormat = "unweight-bundle";
inline constexpr std::string_view kPackedSuffix = "_packed";
inline constexpr std::string_view kReservedPrefix = "unweight.";
inline constexpr std::string_view kHeaderTensor = "unweight.original_header";
inline constexpr std::string_view kManifestTensor = "unweight.manifest";
inline constexpr std::string_view kVersionKey = "unweight_format_version";  ///< in __metadata__
inline constexpr std::string_view kVersionValue = "1";

// A bundle of a directory.
inline constexpr std::string_view kDirectoryFormat = "unweight-bundle-directory";
inline constexpr std::string_view kDirectoryManifest = "unweight.json";
inline constexpr std::string_view kOriginalsFolder = "unweight_original";

/// Blobs start at multiples of this in the file, as sections do in a blob.
inline constexpr std::uint64_t kAlignment = packed::kAlignment;

/// Limits of what is read into memory as a whole.
inline constexpr std::uint64_t kMaxManifestBytes = 256'000'000;
inline constexpr std::uint64_t kMaxIndexBytes = 64'000'000;
inline constexpr std::uint64_t kMaxConfigBytes = 4'000'000;

}  // namespace unweight::bundle
