// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>

namespace unweight {

/// Asks the system to back a large, not yet touched range with huge pages: touching 4 KiB pages one
/// by one costs a third of the time of encoding into them. A wish: nothing happens where the system
/// cannot, and ranges below a few huge pages are left alone.
void prefer_huge_pages(void* data, std::size_t bytes) noexcept;

}  // namespace unweight
