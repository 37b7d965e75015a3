// SPDX-License-Identifier: BSD-3-Clause
//
// The tables that tile_kernels() chooses from, one per source file. A table may only be called on a
// machine that has its instruction set.
#pragma once

#include "codec/tile_kernels.h"

namespace unweight::codec {

extern const TileKernels kPortableKernels;
#if defined(__x86_64__)
extern const TileKernels kAvx2Kernels;
extern const TileKernels kAvx512Kernels;
#endif

}  // namespace unweight::codec
