// SPDX-License-Identifier: BSD-3-Clause
//
// Which tensors of a file are packed, and why the others are not.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bundle/job_context.h"
#include "safetensors/safetensors.h"
#include "unweight/bundle.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// Patterns that are well-formed: check before the first match.
Result<void> check_filter(const TensorFilter& filter);

/// Whether a tensor's name passes: an include (or there is none) and no exclude.
[[nodiscard]] bool filter_takes(const TensorFilter& filter, const std::string& name);

/// A report for every tensor, all filled but family and stored_bytes. `reason` is empty for tensors
/// to survey, and says why for those that are carried whatever their bytes are. `family` kRaw
/// carries everything.
std::vector<TensorReport> choose_tensors(const safetensors::Header& header,
                                         const std::string& file_name, std::optional<Family> family,
                                         const TensorFilter& filter, const Limits& limits);

/// The family to store a surveyed tensor in; kRaw when nothing is gained.
[[nodiscard]] Family choose_family(const TensorAnalysis& analysis, std::optional<Family> forced);

inline constexpr const char* kDoesNotShrink = "does not shrink";

}  // namespace unweight::bundle
