// SPDX-License-Identifier: BSD-3-Clause
//
// What may be written where, decided before anything is.
#pragma once

#include <filesystem>

#include "unweight/result.h"

namespace unweight::bundle {

/// `destination` with its parent resolved, ready to be created or replaced. Refuses a destination
/// that is the source, lies inside it or contains it, whose parent does not exist, that exists
/// without `overwrite`, or that is a folder where a file is to be written (and the reverse).
Result<std::filesystem::path> check_destination(const std::filesystem::path& source,
                                                const std::filesystem::path& destination,
                                                bool source_is_directory, bool overwrite);

}  // namespace unweight::bundle
