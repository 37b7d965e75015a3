// SPDX-License-Identifier: BSD-3-Clause
//
// Validation of packed tensors: nothing in a blob reaches a decoder before it was checked here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "codec/chunk_decoder.h"
#include "packed/packed_format.h"
#include "unweight/codec.h"
#include "unweight/result.h"

namespace unweight::packed {

/// Header and section table alone (first 512 bytes; `blob_bytes` = size the container gives the
/// blob). Checks: magic, version, reserved fields, header checksum, family, palette strictly
/// ascending, code lengths complete, dimensions representable, every section exactly where and as
/// long as the header's own numbers say, packed_bytes == blob_bytes.
Result<PackedHeader> parse_header(std::span<const std::byte> first_bytes, std::uint64_t blob_bytes);

/// Grid, palette and decode table of a parsed header, with empty spans: what streaming readers
/// fill.
Result<codec::EncodedView> view_without_sections(const PackedHeader& header);

/// The index sections against each other and against the header, for the *whole* tensor: chunk
/// streams follow one another and end at the stream's length, lanes no longer than their codes can
/// be; verbatim positions or escapes ascend, lie in tiles that exist, and are the ones that the
/// index names.
Result<void> check_indices(const PackedHeader& header,
                           std::span<const codec::ChunkStreamEntry> chunk_streams,
                           std::span<const codec::VerbatimIndexEntry> verbatim_index,
                           std::span<const std::uint16_t> verbatim_positions);

/// A whole blob in memory: header, indices and (if asked) every section's checksum. `blob` must be
/// 8-byte aligned and outlive the view.
Result<codec::EncodedView> open_packed(std::span<const std::byte> blob, bool verify_checksums);

}  // namespace unweight::packed
