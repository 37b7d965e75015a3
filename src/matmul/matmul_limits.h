// SPDX-License-Identifier: BSD-3-Clause
//
// Limits of the kernels that plans have to keep. No CUDA.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "layout/tile_order.h"

namespace unweight::matmul {

inline constexpr std::uint32_t kMaxStages = 16;
inline constexpr std::uint32_t kMaxStripsPerTile = 16;
inline constexpr std::uint32_t kMaxKParts = 8;
/// Bytes of one token in a tile of activations, 64 columns: a row of a 128-byte swizzle.
inline constexpr std::uint32_t kTokenTileBytes = layout::kTileCols * 2;
/// Whether the mma kernel's tiles of so many rows are swizzled: of one or two, no lanes meet.
[[nodiscard]] UNWEIGHT_HOST_DEVICE constexpr bool is_swizzled(std::uint32_t token_rows) {
  return token_rows >= 8;
}

inline constexpr std::uint32_t kReservedSharedBytes = 1024;  ///< of every CTA, by the driver
/// full[kMaxStages], empty[kMaxStages], and the one that sums from other CTAs arrive on.
inline constexpr std::uint32_t kSumsBarrierOffset = 2 * kMaxStages * 8;
inline constexpr std::uint32_t kBarrierBytes = kSumsBarrierOffset + 16;
inline constexpr std::uint32_t kEscapeScratchBytes = 2048;  ///< radix: of a consumer warp, a tile

/// What a tensor copy brings to shared memory, a box, begins at a multiple of this.
inline constexpr std::uint32_t kBoxAlignment = 128;
/// Bytes behind a box of `bytes` until the next one may begin.
[[nodiscard]] constexpr std::uint32_t box_padding(std::uint32_t bytes) {
  return (0u - bytes) % kBoxAlignment;
}

/// Most warps that multiply in a CTA of the mma kernel. Two such CTAs, with their eighth warps 16
/// of 128 registers, are on an SM: the next kernel's first stages arrive while this one ends. (Nine
/// warps, of 96 registers: the tile at hand and the next one's bytes do not fit, 1 to 4 % slower.)
inline constexpr std::uint32_t kMmaMaxWarps = 7, kMmaCtasPerSm = 2;

/// The wgmma kernel: warpgroups that multiply, each with 64 output features (4 strips) and every
/// k_warps-th tile of K, and one that produces. As many as registers allow: while one waits, others
/// decode.
[[nodiscard]] UNWEIGHT_HOST_DEVICE constexpr std::uint32_t wgmma_max_groups(
    std::uint32_t tokens_per_tile) {
  return tokens_per_tile <= 64 ? 4 : tokens_per_tile == 128 ? 3 : 2;
}
/// Registers of a lane: what all get at the start, then those that multiply and the others. What a
/// CTA has from its start is all there is: asking for more waits forever.
struct WgmmaRegisters {
  std::uint32_t start, multiplying, producing;
};
[[nodiscard]] constexpr WgmmaRegisters wgmma_registers(std::uint32_t tokens_per_tile) {
  switch (wgmma_max_groups(tokens_per_tile)) {
    case 4:
      return {96, 112, 32};
    case 3:
      return {128, 160, 32};
    default:
      return {168, 224, 56};
  }
}
static_assert([] {
  for (const std::uint32_t tokens : {32u, 64u, 128u, 256u}) {
    const std::uint32_t groups = wgmma_max_groups(tokens);
    const WgmmaRegisters r = wgmma_registers(tokens);
    if (groups * r.multiplying + r.producing > (groups + 1) * r.start) return false;
    if ((groups + 1) * 128 * r.start > 65536) return false;
  }
  return true;
}());
/// Warpgroups of a tile of so many strips.
[[nodiscard]] UNWEIGHT_HOST_DEVICE constexpr std::uint32_t wgmma_groups(std::uint32_t strips,
                                                                        std::uint32_t k_warps) {
  return (strips + 3) / 4 * k_warps;
}
/// With tiles of 256 tokens, k_warps lack registers; and a stage is one tile of K.
inline constexpr std::uint32_t kMostTokensOfKWarps = 128;
[[nodiscard]] constexpr std::uint32_t wgmma_max_strips(std::uint32_t tokens_per_tile,
                                                       std::uint32_t k_warps) {
  return wgmma_max_groups(tokens_per_tile) / k_warps * 4;
}
/// Stream-K: CTAs that share the cut items, at most, and CTAs that have a part of the same one
/// where there are more than enough: the last one fetches the sums of all others.
inline constexpr std::uint32_t kMaxStreamCtas = 256, kCutsPerItem = 4;
/// Of a workspace, its beginning: one flag of 4 bytes for each of them.
inline constexpr std::uint64_t kSumFlagsBytes = kMaxStreamCtas * sizeof(std::uint32_t);
/// It loads from a stage before it has left the one behind, and one must be on its way.
inline constexpr std::uint32_t kMinWgmmaStages = 3;

}  // namespace unweight::matmul
