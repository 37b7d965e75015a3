// SPDX-License-Identifier: BSD-3-Clause
//
// What becomes of decoded pairs: a table entry to one word, a tile's 16 words of a lane to memory.
//
//   kMatrix, kTiles   exponents of both weights in place: e0 << 7 | e1 << 23
//   kExponents        two bytes:                          e0      | e1 << 8
//   kCodes            codes where exponents would be:     c0 << 7 | c1 << 23
//
// Where the palette is a run, the exponents are the codes plus a constant. Any other palette costs
// a second look-up, in a table of 256 words.
#pragma once

#include <cstdint>

#include "kernels/decode/matrix_rows.cuh"
#include "kernels/tile_stage.cuh"

namespace unweight::kernels {

using Kind = DecodeTarget::Kind;

/// Word of a pair, for the table of a palette that is no run.
template <Kind kKind>
__device__ __forceinline__ std::uint32_t pair_word(const codec::Palette& palette,
                                                   std::uint32_t pair) {
  const std::uint32_t lo = palette[pair & 15], hi = palette[pair >> 4];
  return kKind == Kind::kExponents ? lo | hi << 8 : lo << 7 | hi << 23;
}

/// The codes of an entry at bits 10..7 and 26..23. The product has them there twice and the length
/// besides; nothing carries into the bits that are kept.
__device__ __forceinline__ std::uint32_t codes_in_place(std::uint32_t entry) {
  return entry * 0x1001u & 0x07800780u;
}

/// `run`: the run's first exponent at bits 7 and 23.
template <Kind kKind, bool kRun>
__device__ __forceinline__ std::uint32_t word_of_entry(std::uint32_t entry, std::uint32_t run,
                                                       const std::uint32_t* pair_words) {
  if constexpr (kKind == Kind::kCodes) return codes_in_place(entry);
  if constexpr (!kRun) return pair_words[pair_of_entry(entry)];
  const std::uint32_t exponents = codes_in_place(entry) + run;
  if constexpr (kKind == Kind::kExponents) return __byte_perm(exponents >> 7, 0, 0x4420);
  return exponents;
}

/// A lane's sign_mantissa bytes of a tile.
struct LaneBytes {
  uint4 half[2];
};
__device__ __forceinline__ LaneBytes load_lane_bytes(const std::uint8_t* section,
                                                     std::uint32_t tile, std::uint32_t lane) {
  const auto* p = reinterpret_cast<const uint4*>(section + std::uint64_t{tile} *
                                                               layout::kTileByteSectionBytes) +
                  lane;
  return {__ldcs(p), __ldcs(p + layout::kLanes)};
}

/// Weights of a register: its two exponents in place, its two sign_mantissa bytes (the low or the
/// high half of `bytes`) spread to bits 15, 6..0 of each half.
template <bool kHighHalf>
__device__ __forceinline__ std::uint32_t join_register(std::uint32_t exponents,
                                                       std::uint32_t bytes) {
  const std::uint32_t spread = __byte_perm(bytes, 0, kHighHalf ? 0x3322 : 0x1100);
  return (spread & 0x807f807fu) | exponents;
}

struct StepRegisters {
  std::uint32_t a[4];
};
/// Registers of step s from the pair words and sign_mantissa bytes of a tile.
template <std::uint32_t kStep>
__device__ __forceinline__ StepRegisters join_step(const std::uint32_t* exponents,
                                                   const LaneBytes& bytes) {
  const uint4& h = bytes.half[kStep / 2];
  const std::uint32_t b01 = kStep % 2 == 0 ? h.x : h.z, b23 = kStep % 2 == 0 ? h.y : h.w;
  return {{join_register<false>(exponents[0], b01), join_register<true>(exponents[1], b01),
           join_register<false>(exponents[2], b23), join_register<true>(exponents[3], b23)}};
}

/// Puts a tile into the warp's stage, for store_staged_tiles().
__device__ __forceinline__ void stage_tile(const std::uint32_t (&exponents)[16],
                                           const LaneBytes& bytes, std::uint32_t stage,
                                           std::uint32_t lane) {
  const auto put = [&](std::uint32_t step, const StepRegisters& r) {
    ptx::stmatrix_x4(stage + fragment_offset(lane, step), r.a[0], r.a[1], r.a[2], r.a[3]);
  };
  put(0, join_step<0>(exponents, bytes));
  put(1, join_step<1>(exponents + 4, bytes));
  put(2, join_step<2>(exponents + 8, bytes));
  put(3, join_step<3>(exponents + 12, bytes));
}

/// Puts a tile into the weight section.
__device__ __forceinline__ void store_weight_tile(const std::uint32_t (&exponents)[16],
                                                  const LaneBytes& bytes, void* out,
                                                  std::uint32_t tile, std::uint32_t lane) {
  auto* p = reinterpret_cast<uint4*>(static_cast<std::uint8_t*>(out) +
                                     std::uint64_t{tile} * layout::kTileWeightSectionBytes) +
            lane;
  const auto put = [&](std::uint32_t step, const StepRegisters& r) {
    __stcs(p + step * layout::kLanes, uint4{r.a[0], r.a[1], r.a[2], r.a[3]});
  };
  put(0, join_step<0>(exponents, bytes));
  put(1, join_step<1>(exponents + 4, bytes));
  put(2, join_step<2>(exponents + 8, bytes));
  put(3, join_step<3>(exponents + 12, bytes));
}

__device__ __forceinline__ void store_exponent_tile(const std::uint32_t (&words)[16], void* out,
                                                    std::uint32_t tile, std::uint32_t lane) {
  auto* p = reinterpret_cast<uint4*>(static_cast<std::uint8_t*>(out) +
                                     std::uint64_t{tile} * layout::kTileByteSectionBytes) +
            lane;
  const auto two = [&](std::uint32_t i) { return words[i] | words[i + 1] << 16; };
  __stcs(p, uint4{two(0), two(2), two(4), two(6)});
  __stcs(p + layout::kLanes, uint4{two(8), two(10), two(12), two(14)});
}

__device__ __forceinline__ void store_code_tile(const std::uint32_t (&words)[16], void* out,
                                                std::uint32_t tile, std::uint32_t lane) {
  // Register r's codes belong at bits 4r and 16 + 4r.
  const auto step = [&](std::uint32_t s) {
    return words[4 * s] >> 7 | words[4 * s + 1] >> 3 | words[4 * s + 2] << 1 |
           words[4 * s + 3] << 5;
  };
  __stcs(reinterpret_cast<uint4*>(static_cast<std::uint8_t*>(out) +
                                  std::uint64_t{tile} * layout::kTileCodeSectionBytes) +
             lane,
         uint4{step(0), step(1), step(2), step(3)});
}

}  // namespace unweight::kernels
