// SPDX-License-Identifier: BSD-3-Clause
#include "codec/tile_kernels.h"

#include <algorithm>

#include "codec/tile_kernel_tables.h"

namespace unweight::codec {

const TileKernels& tile_kernels(Isa isa) {
  switch (std::min(isa, detected_isa())) {
#if defined(__x86_64__)
    case Isa::kAvx512:
      return kAvx512Kernels;
    case Isa::kAvx2:
      return kAvx2Kernels;
#endif
    default:
      return kPortableKernels;
  }
}

}  // namespace unweight::codec
