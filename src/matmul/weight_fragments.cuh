// SPDX-License-Identifier: BSD-3-Clause
//
// The one decode abstraction of the matmuls: a lane's bytes of a tile in shared memory -> its
// A-operand registers of four k16 steps, the same for every kernel and every form of the weights.
//
//   kPalette    2 x 16 bytes of sign_mantissa, 16 bytes of codes a lane    2.5 instructions a
//   weight
//               (a palette that is a run of exponents), or 4.3 (any other)
//   kExponents  2 x 16 bytes of sign_mantissa, 2 x 16 of exponents         1.5
//   kTiles      4 x 16 bytes: the registers themselves                     0
#pragma once

#include <cstdint>

#include "kernels/palette_codes.cuh"
#include "matmul/matmul_params.h"
#include "matmul/verbatim_fragments.cuh"

namespace unweight::matmul {

using gpu::WeightForm;

/// Bytes a tile of the two sections that a form is read from.
template <WeightForm kForm>
inline constexpr std::uint32_t kFirstBytes =
    kForm == WeightForm::kTiles ? layout::kTileWeightSectionBytes : layout::kTileByteSectionBytes;
template <WeightForm kForm>
inline constexpr std::uint32_t kSecondBytes =
    kForm == WeightForm::kPalette     ? layout::kTileCodeSectionBytes
    : kForm == WeightForm::kExponents ? layout::kTileByteSectionBytes
                                      : 0;

__device__ __forceinline__ uint4 load_shared_16(std::uint32_t address) {
  uint4 v;
  asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(address)
               : "memory");
  return v;
}

/// How codes become exponents: nearly always a palette is a run of exponents, which is cheap.
/// kEither asks every time: for kernels that have no registers or code to spare.
enum class Lookup : std::uint8_t { kRun, kAny, kEither };

/// What of a record the decode needs, in registers.
struct PaletteDecoder {
  kernels::PaletteRegisters palette;  ///< kAny
  std::uint32_t run_base;             ///< kRun: first exponent in both halves, in place
  bool is_run;                        ///< kEither

  template <Lookup kLookup>
  __device__ __forceinline__ void load(const kernels::TensorRecord& record) {
    if constexpr (kLookup != Lookup::kAny) run_base = record.palette[0] * 0x00800080u;
    if constexpr (kLookup != Lookup::kRun) palette = kernels::load_palette(record.palette);
    if constexpr (kLookup == Lookup::kEither) is_run = record.palette_is_run != 0;
  }
};

/// Exponents of a step's codes (layout/tile_order.h), in place: a palette that is a run. A product
/// shifts and adds the base at once, on a pipe that is idle otherwise.
__device__ __forceinline__ void exponents_of_run(std::uint32_t run_base, std::uint32_t codes,
                                                 std::uint32_t (&a)[4]) {
  const std::uint32_t upper = codes >> 8;
  a[0] = (codes & 0x000f000fu) * 0x80u + run_base;
  a[1] = (codes & 0x00f000f0u) * 0x08u + run_base;
  a[2] = (upper & 0x000f000fu) * 0x80u + run_base;
  a[3] = (upper & 0x00f000f0u) * 0x08u + run_base;
}

/// 8 exponent bytes -> in place: as bytes 1 and 3 of a register, shifted by one.
__device__ __forceinline__ void place_exponents(std::uint32_t low, std::uint32_t high,
                                                std::uint32_t (&a)[4]) {
  a[0] = __byte_perm(low, 0, 0x1404) >> 1;
  a[1] = __byte_perm(low, 0, 0x3424) >> 1;
  a[2] = __byte_perm(high, 0, 0x1404) >> 1;
  a[3] = __byte_perm(high, 0, 0x3424) >> 1;
}

/// Puts sign and mantissa, 8 bytes, to the exponents.
__device__ __forceinline__ void join_step(std::uint32_t low, std::uint32_t high,
                                          std::uint32_t (&a)[4]) {
  a[0] |= __byte_perm(low, 0, 0x1100) & 0x807f807fu;
  a[1] |= __byte_perm(low, 0, 0x3322) & 0x807f807fu;
  a[2] |= __byte_perm(high, 0, 0x1100) & 0x807f807fu;
  a[3] |= __byte_perm(high, 0, 0x3322) & 0x807f807fu;
}

__device__ __forceinline__ uint2 load_shared_8(std::uint32_t address) {
  uint2 v;
  asm volatile("ld.shared.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "r"(address) : "memory");
  return v;
}

/// A lane's fragments of two k16 steps, 2 * half and 2 * half + 1 of a tile: a[step][register].
/// `first` and `second`: this lane's bytes of the tile's sections, 16 * lane from where they begin.
/// Half a tile at a time: few registers are in use at once, and the pipes overlap.
template <WeightForm kForm, Lookup kLookup>
__device__ __forceinline__ void decode_half(const PaletteDecoder& decoder, std::uint32_t first,
                                            std::uint32_t second, std::uint32_t half,
                                            std::uint32_t (&a)[2][4]) {
  if constexpr (kForm == WeightForm::kTiles) {
#pragma unroll
    for (std::uint32_t s = 0; s < 2; ++s) {
      const uint4 v = load_shared_16(first + 512 * (2 * half + s));
      a[s][0] = v.x;
      a[s][1] = v.y;
      a[s][2] = v.z;
      a[s][3] = v.w;
    }
  } else {
    const uint4 bytes = load_shared_16(first + 512 * half);
    if constexpr (kForm == WeightForm::kPalette) {
      const uint2 codes = load_shared_8(second + 8 * half);
      if (kLookup == Lookup::kRun || (kLookup == Lookup::kEither && decoder.is_run)) {
        exponents_of_run(decoder.run_base, codes.x, a[0]);
        exponents_of_run(decoder.run_base, codes.y, a[1]);
      } else {
        kernels::step_exponents(decoder.palette, codes.x, a[0]);
        kernels::step_exponents(decoder.palette, codes.y, a[1]);
      }
    } else {
      const uint4 e = load_shared_16(second + 512 * half);
      place_exponents(e.x, e.y, a[0]);
      place_exponents(e.z, e.w, a[1]);
    }
    join_step(bytes.x, bytes.y, a[0]);
    join_step(bytes.z, bytes.w, a[1]);
  }
}

/// Zeroes what lies behind column `cols` of the tile: padding may be any weight, and infinity
/// times the zeros that it meets would be NaN.
__device__ __forceinline__ void clear_padding(std::uint32_t cols, std::uint32_t half,
                                              std::uint32_t lane, std::uint32_t (&a)[2][4]) {
#pragma unroll
  for (std::uint32_t s = 0; s < 2; ++s) {
#pragma unroll
    for (std::uint32_t r = 0; r < 4; ++r) {
      const std::uint32_t col = 32 * half + 16 * s + 8 * (r >> 1) + 2 * (lane & 3);
      if (col >= cols) a[s][r] = 0;
      if (col + 1 >= cols) a[s][r] &= 0xffffu;
    }
  }
}

/// Decodes strips of one matrix, tile after tile.
template <WeightForm kForm>
class StripDecoder {
 public:
  __device__ __forceinline__ void begin_matrix(const MatmulParams& params, std::uint32_t matrix) {
    params_ = &params;
    weights_ = &params.weights[matrix];
  }

  [[nodiscard]] __device__ __forceinline__ bool has_run() const {
    return kForm != WeightForm::kPalette || weights_->record->palette_is_run != 0;
  }
  /// Before decode<kLookup>().
  template <Lookup kLookup>
  __device__ __forceinline__ void load_palette() {
    if constexpr (kForm == WeightForm::kPalette) palette_.load<kLookup>(*weights_->record);
  }

  __device__ __forceinline__ void begin_strip(std::uint32_t strip, std::uint32_t first_tile,
                                              std::uint32_t lane) {
    strip_tile_ = strip * params_->num_k_tiles;
    if constexpr (kForm == WeightForm::kPalette) {
      verbatim_.begin(*weights_, num_chunks(), strip_tile_ + first_tile, lane);
    }
  }

  /// Before the halves of `tile` of K; tiles ascend.
  __device__ __forceinline__ void begin_tile(std::uint32_t tile, std::uint32_t lane) {
    tile_ = tile;
    is_special_ = params_->k - tile * layout::kTileCols < layout::kTileCols;
    if constexpr (kForm == WeightForm::kPalette) {
      is_special_ |= verbatim_.test(*weights_, num_chunks(), strip_tile_ + tile, lane);
    }
  }
  /// Half of the tile; first and second as for decode_half().
  template <Lookup kLookup>
  __device__ __forceinline__ void decode(std::uint32_t first, std::uint32_t second,
                                         std::uint32_t half, std::uint32_t lane,
                                         std::uint32_t (&a)[2][4]) {
    decode_half<kForm, kLookup>(palette_, first, second, half, a);
    if (is_special_) [[unlikely]] {
      if constexpr (kForm == WeightForm::kPalette) {
        verbatim_.patch(*weights_, strip_tile_ + tile_, half, lane, a);
      }
      const std::uint32_t cols = params_->k - tile_ * layout::kTileCols;
      if (cols < layout::kTileCols) clear_padding(cols, half, lane, a);
    }
  }

 private:
  [[nodiscard]] __device__ __forceinline__ std::uint32_t num_chunks() const {
    return (params_->num_strips * params_->num_k_tiles + layout::kChunkTiles - 1) /
           layout::kChunkTiles;
  }

  const MatmulParams* params_ = nullptr;
  const WeightPointers* weights_ = nullptr;
  PaletteDecoder palette_{};
  std::uint32_t strip_tile_ = 0, tile_ = 0;
  bool is_special_ = false;  ///< verbatim rows, or padding
  VerbatimRows verbatim_;
};

}  // namespace unweight::matmul
