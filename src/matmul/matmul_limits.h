// SPDX-License-Identifier: BSD-3-Clause
//
// Limits of the kernels that plans have to keep. No CUDA.
#pragma once

#include <cstdint>

namespace unweight::matmul {

inline constexpr std::uint32_t kMaxStages = 16;
inline constexpr std::uint32_t kMaxStripsPerTile = 16;
inline constexpr std::uint32_t kMaxKParts = 8;
inline constexpr std::uint32_t kReservedSharedBytes = 1024;         ///< of every CTA, by the driver
inline constexpr std::uint32_t kBarrierBytes = 2 * kMaxStages * 8;  ///< full[], empty[]
inline constexpr std::uint32_t kEscapeScratchBytes = 2048;  ///< radix: of a consumer warp, a tile

/// What a tensor copy brings to shared memory, a box, begins at a multiple of this.
inline constexpr std::uint32_t kBoxAlignment = 128;
/// Bytes behind a box of `bytes` until the next one may begin.
[[nodiscard]] constexpr std::uint32_t box_padding(std::uint32_t bytes) {
  return (0u - bytes) % kBoxAlignment;
}

/// Most consumer warps of the mma kernel, for which registers for accumulators (strips x tokens / 2
/// a lane) and fragments suffice. Where two CTAs fit on an SM, the next kernel's first stages
/// arrive while this one ends: with the producer 2 x 10 warps of 96 registers, 2 x 8 of 128; else
/// 12 of 168 or 8 of 255.
[[nodiscard]] constexpr std::uint32_t mma_max_warps(std::uint32_t tokens, std::uint32_t strips) {
  return tokens <= 16 && strips == 1 ? 9 : tokens * strips == 64 ? 11 : 7;
}
[[nodiscard]] constexpr std::uint32_t mma_ctas_per_sm(std::uint32_t tokens, std::uint32_t strips) {
  return tokens <= 16 || tokens * strips == 32 ? 2 : 1;
}

/// The wgmma kernel: two consumer warpgroups, each with one or two blocks of 64 output features (4
/// strips), and a warpgroup that produces.
inline constexpr std::uint32_t kWgmmaConsumerWarps = 8;
inline constexpr std::uint32_t kWgmmaThreads = (kWgmmaConsumerWarps + 4) * 32;
[[nodiscard]] constexpr std::uint32_t wgmma_blocks(std::uint32_t strips_per_tile) {
  return strips_per_tile <= kWgmmaConsumerWarps ? 1 : 2;
}
/// It loads from a stage before it has left the one behind, and one must be on its way.
inline constexpr std::uint32_t kMinWgmmaStages = 3;
/// Tokens that its epilogue brings to shared memory at a time: as fp32 sums, or as BF16 (64 output
/// features of each of two warpgroups). Few: a fifth stage fits beside them.
inline constexpr std::uint32_t kWgmmaEpilogueTokens = 8, kWgmmaPlainTokens = 16;
inline constexpr std::uint32_t kWgmmaPlainBytes = 2 * kWgmmaPlainTokens * 128;
/// Accumulators are blocks x tokens / 2 registers a lane; 64 x 2 and more leave too few for the
/// rest.
[[nodiscard]] constexpr bool wgmma_has(std::uint32_t tokens, std::uint32_t blocks) {
  return (tokens == 32 && blocks <= 2) ||
         ((tokens == 64 || tokens == 128 || tokens == 256) && blocks == 1);
}

}  // namespace unweight::matmul
