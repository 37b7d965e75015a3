// SPDX-License-Identifier: BSD-3-Clause
//
// The one tile order: where weight (row, col) of an N x K matrix lives, on disk, in GPU memory and
// in the kernels. Written down once, here; docs/format/packed-tensor.md draws it; CPU code, kernels
// and tests include this file. Nothing in it depends on a kernel's tile.
//
//   matrix  N x K, padded to multiples of 16 rows and 64 columns
//   strip   16 rows, all of K                           strip = row / 16
//   tile    16 rows x 64 columns, 1024 weights          tile  = strip * tiles_per_strip + col / 64
//   chunk   32 consecutive tiles, 32768 weights         chunk = tile / 32 (may cross strips)
//   row     the 8 weights that one lane feeds to one k16 step (the unit that is coded or verbatim)
//
// Inside a tile: the A-operand fragments of mma.m16n8k16 (and of wgmma m64nNk16 with A in
// registers; warp w of the warpgroup takes strip 4*i + w). Lane = 4*g + t, g = 0..7, t = 0..3, owns
//
//   weight i = 8*s + 2*r + j    s = k16 step 0..3, r = register 0..3, j = half of the register 0..1
//     row in tile = g + 8*(r & 1)
//     col in tile = 16*s + 8*(r >> 1) + 2*t + j
//
// so the 8 weights of step s are the four 32-bit registers a0..a3 that the instruction wants.
//
// Byte section (sign_mantissa, exponents): 1024 bytes a tile, lane-major in two halves of 16 bytes,
// so that a warp reads each half with one conflict-free 16-byte load per lane:
//
//   byte = 512*(i / 16) + 16*lane + i % 16
//
// Code section (palette codes, 4 bits): 512 bytes a tile, 16 bytes a lane, one 32-bit word a k16
// step; register r has its low weight's code at bits 4r..4r+3 and its high weight's at
// 16+4r..19+4r, so that one shift brings both codes of a register under one mask:
//
//   word at byte 16*lane + 4*s:   31   28 27   24 23   20 19   16 15   12 11    8 7     4 3     0
//                                 | r3.hi | r2.hi | r1.hi | r0.hi | r3.lo | r2.lo | r1.lo | r0.lo |
//
// Weight section (BF16 in tile order; in GPU memory only): 2048 bytes a tile, for each k16 step 16
// bytes a lane, its registers a0..a3:
//
//   byte = 512*(i / 8) + 16*lane + 2*(i % 8)
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__CUDACC__)
#define UNWEIGHT_HOST_DEVICE __host__ __device__
#else
#define UNWEIGHT_HOST_DEVICE
#endif

namespace unweight::layout {

inline constexpr std::uint32_t kTileRows = 16;
inline constexpr std::uint32_t kTileCols = 64;
inline constexpr std::uint32_t kTileElems = kTileRows * kTileCols;  // 1024
inline constexpr std::uint32_t kLanes = 32;
inline constexpr std::uint32_t kLaneElems = kTileElems / kLanes;  // 32 weights of a tile a lane
inline constexpr std::uint32_t kSteps = 4;                        // k16 steps of a tile
inline constexpr std::uint32_t kRowElems = kLaneElems / kSteps;   // 8 weights: i = 8*s .. 8*s + 7
inline constexpr std::uint32_t kChunkTiles = 32;                  // tiles of a chunk
inline constexpr std::uint32_t kChunkElems = kChunkTiles * kTileElems;    // 32768
inline constexpr std::uint32_t kChunkWeightBytes = kChunkElems * 2;       // 65536
inline constexpr std::uint32_t kTileByteSectionBytes = kTileElems;        // 1024
inline constexpr std::uint32_t kTileCodeSectionBytes = kTileElems / 2;    // 512
inline constexpr std::uint32_t kTileWeightSectionBytes = kTileElems * 2;  // 2048

/// Most weights of one tensor, padding included (64 GiB of BF16): rows are counted in 32 bits.
inline constexpr std::uint64_t kMaxPaddedElems = std::uint64_t{1} << 35;

/// Position of a weight inside its tile.
struct TilePosition {
  std::uint32_t row;  ///< 0..15
  std::uint32_t col;  ///< 0..63
};

/// Owner of a weight inside its tile.
struct LanePosition {
  std::uint32_t lane;  ///< 0..31
  std::uint32_t i;     ///< 0..31: 8*s + 2*r + j
};

UNWEIGHT_HOST_DEVICE constexpr TilePosition tile_position(LanePosition p) {
  const std::uint32_t g = p.lane >> 2, t = p.lane & 3;
  const std::uint32_t s = p.i >> 3, r = (p.i >> 1) & 3, j = p.i & 1;
  return {g + 8 * (r & 1), 16 * s + 8 * (r >> 1) + 2 * t + j};
}

UNWEIGHT_HOST_DEVICE constexpr LanePosition lane_position(TilePosition p) {
  const std::uint32_t g = p.row & 7, t = (p.col >> 1) & 3;
  const std::uint32_t r = (p.row >> 3) | ((p.col >> 3) & 1) << 1;
  return {4 * g + t, 8 * (p.col >> 4) + 2 * r + (p.col & 1)};
}

/// Byte offset inside a tile of a byte section (sign_mantissa, exponents).
UNWEIGHT_HOST_DEVICE constexpr std::uint32_t byte_section_offset(LanePosition p) {
  return 512 * (p.i >> 4) + 16 * p.lane + (p.i & 15);
}

/// Byte offset inside a tile of the weight section.
UNWEIGHT_HOST_DEVICE constexpr std::uint32_t weight_section_offset(LanePosition p) {
  return 512 * (p.i >> 3) + 16 * p.lane + 2 * (p.i & 7);
}

/// Bit offset inside a tile of the code section (4-bit codes): byte * 8 + bit, little-endian words.
UNWEIGHT_HOST_DEVICE constexpr std::uint32_t code_section_bit(LanePosition p) {
  const std::uint32_t s = p.i >> 3, r = (p.i >> 1) & 3, j = p.i & 1;
  return 8 * (16 * p.lane + 4 * s) + 4 * r + 16 * j;
}

/// Extent of a matrix in tile order. Plain data; check() before use on untrusted dimensions.
struct TileGrid {
  std::uint64_t rows = 0;  ///< N, output features
  std::uint64_t cols = 0;  ///< K, input features

  /// Dimensions whose padded element count does not exceed kMaxPaddedElems (0 rows or cols are
  /// fine).
  UNWEIGHT_HOST_DEVICE constexpr bool representable() const {
    if (rows > kMaxPaddedElems || cols > kMaxPaddedElems) return false;
    const std::uint64_t strips = num_strips(), tiles = tiles_per_strip();
    return strips == 0 || tiles <= kMaxPaddedElems / kTileElems / strips;
  }
  UNWEIGHT_HOST_DEVICE constexpr std::uint64_t num_strips() const {
    return (rows + kTileRows - 1) / kTileRows;
  }
  UNWEIGHT_HOST_DEVICE constexpr std::uint64_t tiles_per_strip() const {
    return (cols + kTileCols - 1) / kTileCols;
  }
  UNWEIGHT_HOST_DEVICE constexpr std::uint64_t num_tiles() const {
    return num_strips() * tiles_per_strip();
  }
  UNWEIGHT_HOST_DEVICE constexpr std::uint64_t num_chunks() const {
    return (num_tiles() + kChunkTiles - 1) / kChunkTiles;
  }
  /// Tiles of one chunk: kChunkTiles, or fewer in the last.
  UNWEIGHT_HOST_DEVICE constexpr std::uint32_t chunk_tiles(std::uint64_t chunk) const {
    const std::uint64_t left = num_tiles() - chunk * kChunkTiles;
    return left < kChunkTiles ? static_cast<std::uint32_t>(left) : kChunkTiles;
  }
  UNWEIGHT_HOST_DEVICE constexpr std::uint64_t num_elems() const { return rows * cols; }
  UNWEIGHT_HOST_DEVICE constexpr std::uint64_t padded_elems() const {
    return num_tiles() * kTileElems;
  }
};

}  // namespace unweight::layout
