// SPDX-License-Identifier: BSD-3-Clause
//
// XXH3 compiled once per instruction set: the xxHash library chooses its vector code by the
// compiler's target. The streaming state has the same layout in all of them. Internal to hash.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

namespace unweight {

struct HashKernels {
  std::uint64_t (*xxh3)(const void* bytes, std::size_t size);
  /// `state` is an XXH3_state_t.
  void (*update)(void* state, const void* bytes, std::size_t size);
};

extern const HashKernels kPortableHash;
#if defined(__x86_64__)
extern const HashKernels kAvx2Hash;
extern const HashKernels kAvx512Hash;
#endif

}  // namespace unweight
