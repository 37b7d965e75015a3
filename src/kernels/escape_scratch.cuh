// SPDX-License-Identifier: BSD-3-Clause
//
// Escapes of the radix family into the exponents of a tile, without a branch on any of them. The
// scratch is 2 KiB of shared memory, a warp's own, laid out like a weight section: lanes that are
// hit put their exponents there, whoever holds an escape overwrites two bytes, who was hit takes
// them back.
#pragma once

#include <cstdint>

#include "codec/radix_format.h"
#include "kernels/ptx/shared_words.cuh"

namespace unweight::kernels {

/// Where the weight of an escape is in the scratch. The low 10 bits of a position are its place in
/// a weight section, in units of two bytes: whatever a position holds, it is a place in the
/// scratch.
[[nodiscard]] UNWEIGHT_HOST_DEVICE constexpr std::uint32_t escape_scratch_offset(
    std::uint32_t position) {
  return 2 * (position & (layout::kTileElems - 1));
}
static_assert(2 * layout::kTileElems == layout::kTileWeightSectionBytes);
static_assert([] {
  for (std::uint32_t p = 0; p < layout::kTileElems; ++p) {
    const auto place = codec::escape_place(static_cast<codec::EscapePosition>(p));
    if (layout::weight_section_offset(place) != escape_scratch_offset(p)) return false;
  }
  return true;
}());

/// By a whole warp. `holder_bit`: 1 << the lane that this lane's escape is for, 0 if it has none of
/// this tile; it then calls overwrite(), which stores the exponent. a[k16 step][register]:
/// exponents in place. The scratch may be used for something else after another __syncwarp.
template <typename Overwrite>
__device__ __forceinline__ void put_escapes(std::uint32_t holder_bit, std::uint32_t scratch,
                                            std::uint32_t lane,
                                            std::uint32_t (&a)[layout::kSteps][4],
                                            const Overwrite& overwrite) {
  constexpr std::uint32_t kStepBytes = layout::weight_section_offset({0, layout::kRowElems});
  const std::uint32_t lanes = __reduce_or_sync(~0u, holder_bit);
  if (lanes == 0) return;
  const bool is_hit = (lanes >> lane & 1) != 0;
  const std::uint32_t own = scratch + layout::weight_section_offset({lane, 0});
  if (is_hit) {
#pragma unroll
    for (std::uint32_t s = 0; s < layout::kSteps; ++s) {
      ptx::store_shared_16(own + kStepBytes * s, a[s]);
    }
  }
  __syncwarp();
  if (holder_bit != 0) overwrite();
  __syncwarp();
  if (is_hit) {
#pragma unroll
    for (std::uint32_t s = 0; s < layout::kSteps; ++s) {
      const uint4 v = ptx::load_shared_16(own + kStepBytes * s);
      a[s][0] = v.x;
      a[s][1] = v.y;
      a[s][2] = v.z;
      a[s][3] = v.w;
    }
  }
}

}  // namespace unweight::kernels
