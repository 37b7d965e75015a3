// SPDX-License-Identifier: BSD-3-Clause
//
// The original bytes of one tensor of a bundle, streamed: what restoring and verifying share.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bundle/bundle_file.h"
#include "bundle/byte_copy.h"
#include "bundle/job_context.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// Calls consume(at, piece) for every byte of the original tensor, `at` relative to its begin.
/// Pieces come in any order and from several threads at a time. Returns what is wrong with the
/// stored bytes (checksums of sections, gaps, the original's checksum); nothing found means nothing
/// wrong. Errors: consume's, the file's, and kInvalidFormat or kChecksumMismatch where nothing can
/// be decoded.
Result<std::vector<std::string>> restore_tensor(JobContext& job, const BundleFile& bundle,
                                                std::size_t i, const PieceFn& consume);

}  // namespace unweight::bundle
