// SPDX-License-Identifier: BSD-3-Clause
//
// The pieces of validation that readers, tests and fuzzers share.
#pragma once

#include <cstddef>
#include <span>

#include "codec/families_format.h"
#include "packed/packed_format.h"
#include "unweight/result.h"

namespace unweight::packed {

/// "chunk_streams", "verbatim_index", ...: the words of the specification.
[[nodiscard]] const char* section_name(SectionId id) noexcept;

/// The 256 code lengths of a header (nibbles), whatever they are.
[[nodiscard]] codec::CodeLengths code_lengths(const PackedHeader& header) noexcept;

/// XXH3-64 of the header as stored in its last field.
[[nodiscard]] std::uint64_t header_checksum(const PackedHeader& header) noexcept;

/// kChecksumMismatch unless the section's bytes hash to what the header says. `blob` is whole, the
/// header parsed.
Result<void> check_section_checksum(const PackedHeader& header, SectionId id,
                                    std::span<const std::byte> blob);

/// kInvalidFormat unless the alignment gaps between the sections of a whole blob are zero.
Result<void> check_gaps(const PackedHeader& header, std::span<const std::byte> blob);

}  // namespace unweight::packed
