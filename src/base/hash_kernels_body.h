// SPDX-License-Identifier: BSD-3-Clause
//
// Included once by each hash_<isa>.cpp, which names its table in UNWEIGHT_HASH_KERNELS and is
// compiled for its instruction set. XXH_INLINE_ALL makes every function of the library static, so
// no copy made for one instruction set can serve another.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/hash_kernels.h"

namespace unweight {

const HashKernels UNWEIGHT_HASH_KERNELS = {
    [](const void* bytes, std::size_t size) -> std::uint64_t { return XXH3_64bits(bytes, size); },
    [](void* state, const void* bytes, std::size_t size) {
      XXH3_64bits_update(static_cast<XXH3_state_t*>(state), bytes, size);
    },
};

}  // namespace unweight
