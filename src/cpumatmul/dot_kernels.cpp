// SPDX-License-Identifier: BSD-3-Clause
#include "cpumatmul/dot_kernels.h"

#include <algorithm>

namespace unweight::cpumatmul {

DotRows dot_rows(Isa isa) {
  switch (std::min(isa, detected_isa())) {
#if defined(__x86_64__)
    case Isa::kAvx512:
      return dot_rows_avx512;
    case Isa::kAvx2:
      return dot_rows_avx2;
#endif
    default:
      return dot_rows_portable;
  }
}

}  // namespace unweight::cpumatmul
