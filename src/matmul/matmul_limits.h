// SPDX-License-Identifier: BSD-3-Clause
//
// Limits of the kernels that plans have to keep. No CUDA.
#pragma once

#include <cstdint>

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

/// The wgmma kernel: two consumer warpgroups of 64 output features (4 strips) each, or, with
/// k_warps 2, of the same 64, and a warpgroup that produces.
inline constexpr std::uint32_t kWgmmaConsumerWarps = 8;
inline constexpr std::uint32_t kWgmmaThreads = (kWgmmaConsumerWarps + 4) * 32;
inline constexpr std::uint32_t kMostTokensOfKWarps = 128;  ///< with k_warps 2: more lack registers
[[nodiscard]] constexpr std::uint32_t wgmma_max_strips(std::uint32_t k_warps) {
  return kWgmmaConsumerWarps / k_warps;
}
/// It loads from a stage before it has left the one behind, and one must be on its way.
inline constexpr std::uint32_t kMinWgmmaStages = 3;
/// Tokens that its epilogue brings to shared memory at a time: as fp32 sums, or as BF16 (64 output
/// features of each of two warpgroups). Few: a fifth stage fits beside them.
inline constexpr std::uint32_t kWgmmaEpilogueTokens = 8, kWgmmaPlainTokens = 16;
inline constexpr std::uint32_t kWgmmaPlainBytes = 2 * kWgmmaPlainTokens * 128;

}  // namespace unweight::matmul
