// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string_view>

#include "unweight/result.h"

namespace unweight {

/// Shell-style match of the whole text: * any run (dots and slashes too), ? one character,
/// [abc] [a-z] [!a] a class, \x the character x. Linear in practice, no recursion.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text) noexcept;
/// kInvalidArgument with the place, for an unclosed class or a trailing backslash.
[[nodiscard]] Result<void> check_glob(std::string_view pattern);

}  // namespace unweight
