// SPDX-License-Identifier: BSD-3-Clause
#include "base/memory_advice.h"

#include <sys/mman.h>

#include <bit>
#include <cstdint>

namespace unweight {

void prefer_huge_pages(void* data, std::size_t bytes) noexcept {
#if defined(MADV_HUGEPAGE)
  constexpr std::uintptr_t kHugePage = std::uintptr_t{2} << 20;
  const auto begin = std::bit_cast<std::uintptr_t>(data);
  const std::uintptr_t first = (begin + kHugePage - 1) / kHugePage * kHugePage;
  const std::uintptr_t end = (begin + bytes) / kHugePage * kHugePage;
  if (end < first + 4 * kHugePage) return;
  static_cast<void>(madvise(std::bit_cast<void*>(first), end - first, MADV_HUGEPAGE));
#endif
}

}  // namespace unweight
