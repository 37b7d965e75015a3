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
//   kRadix      2 x 16 bytes of sign_mantissa, 8 + 4 + 2 of codes          4, and 2 for escapes
#pragma once

#include <cstdint>

#include "kernels/palette_codes.cuh"
#include "kernels/ptx/global_words.cuh"
#include "kernels/ptx/warp_moves.cuh"
#include "kernels/radix_digits.cuh"
#include "matmul/escape_stream.cuh"
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
    : kForm == WeightForm::kRadix     ? codec::kTileRadixSectionBytes
                                      : 0;
/// Bytes between what two lanes read of a tile's second section: of the last plane, where there are
/// several.
template <WeightForm kForm>
inline constexpr std::uint32_t kSecondLaneBytes = kForm == WeightForm::kRadix ? 2 : 16;

using kernels::multiply_add;
using kernels::ptx::load_shared_16;

/// Exponents of a step's codes (layout/tile_order.h), in place: a palette that is a run. Two masks
/// bring four registers: what else they let through ends up in bits of sign and mantissa, which
/// join() takes from elsewhere (or behind bit 31).
///
///   codes  | r3.hi | r2.hi | r1.hi | r0.hi | r3.lo | r2.lo | r1.lo | r0.lo |
///   even           | r2.hi |       | r0.hi |       | r2.lo |       | r0.lo |
///   odd    | r3.hi |       | r1.hi |       | r3.lo |       | r1.lo |
///
/// even x 128 has r0, and odd x 8 has r1, where exponents are: from bits 7 and 23 on.
__device__ __forceinline__ void exponents_of_run(std::uint32_t run_base, std::uint32_t codes,
                                                 std::uint32_t (&a)[4]) {
  const std::uint32_t even = codes & 0x0f0f0f0fu, odd = codes & 0xf0f0f0f0u;
  a[0] = multiply_add<128>(even, run_base);
  a[1] = multiply_add<8>(odd, run_base);
  a[2] = (even >> 1) + run_base;
  a[3] = (odd >> 5) + run_base;
}

/// Sign and mantissa from `bytes`, exponents from `exponents`, whatever else is in them: one
/// instruction wherever it stands.
__device__ __forceinline__ std::uint32_t join(std::uint32_t bytes, std::uint32_t exponents) {
#ifdef __CUDACC__
  std::uint32_t d;
  asm("lop3.b32 %0, %1, 0x807f807f, %2, 0xe2;" : "=r"(d) : "r"(bytes), "r"(exponents));
  return d;
#else
  return (bytes & 0x807f807fu) | (exponents & ~0x807f807fu);
#endif
}
/// Puts sign and mantissa, 8 bytes, to the exponents.
__device__ __forceinline__ void join_step(std::uint32_t low, std::uint32_t high,
                                          std::uint32_t (&a)[4]) {
  a[0] = join(__byte_perm(low, 0, 0x1100), a[0]);
  a[1] = join(__byte_perm(low, 0, 0x3322), a[1]);
  a[2] = join(__byte_perm(high, 0, 0x1100), a[2]);
  a[3] = join(__byte_perm(high, 0, 0x3322), a[3]);
}

/// A lane's fragments of a tile: a[k16 step][register].
using Fragments = std::uint32_t[layout::kSteps][4];

/// Sign and mantissa of a lane's weights of a tile.
struct SignMantissa {
  uint4 bytes[2];

  __device__ __forceinline__ void load(std::uint32_t first) {
    bytes[0] = load_shared_16(first);
    bytes[1] = load_shared_16(first + 512);
  }
  __device__ __forceinline__ void join(Fragments& a) const {
    join_step(bytes[0].x, bytes[0].y, a[0]);
    join_step(bytes[0].z, bytes[0].w, a[1]);
    join_step(bytes[1].x, bytes[1].y, a[2]);
    join_step(bytes[1].z, bytes[1].w, a[3]);
  }
};

/// A lane's bytes of a tile as they are stored. `first` and `second` of load(): 16 * lane and
/// kSecondLaneBytes * lane from where the tile's sections begin.
template <WeightForm kForm>
struct StoredTile;

template <>
struct StoredTile<WeightForm::kPalette> {
  SignMantissa sign_mantissa;
  uint4 codes;

  __device__ __forceinline__ void load(std::uint32_t first, std::uint32_t second, std::uint32_t) {
    sign_mantissa.load(first);
    codes = load_shared_16(second);
  }
  __device__ __forceinline__ void decode(std::uint32_t run_base, Fragments& a) const {
    exponents_of_run(run_base, codes.x, a[0]);
    exponents_of_run(run_base, codes.y, a[1]);
    exponents_of_run(run_base, codes.z, a[2]);
    exponents_of_run(run_base, codes.w, a[3]);
    sign_mantissa.join(a);
  }
  /// Of a palette that is no run.
  __device__ __forceinline__ void decode_any(const codec::Palette& palette, Fragments& a) const {
    const kernels::PaletteRegisters registers = kernels::load_palette(palette);
    kernels::step_exponents(registers, codes.x, a[0]);
    kernels::step_exponents(registers, codes.y, a[1]);
    kernels::step_exponents(registers, codes.z, a[2]);
    kernels::step_exponents(registers, codes.w, a[3]);
    sign_mantissa.join(a);
  }
};

template <>
struct StoredTile<WeightForm::kRadix> {
  SignMantissa sign_mantissa;
  uint2 words01;
  std::uint32_t word2, rest;

  __device__ __forceinline__ void load(std::uint32_t first, std::uint32_t second,
                                       std::uint32_t lane) {
    sign_mantissa.load(first);
    words01 = ptx::load_shared_8(second + 6 * lane);
    word2 = ptx::load_shared_4(second + 2 * lane + codec::kRadixPlane1);
    rest = ptx::load_shared_2(second + codec::kRadixPlane2);
  }
  /// Of all weights but the escapes, in place.
  __device__ __forceinline__ void exponents(std::uint32_t run_base, Fragments& a) const {
    std::uint32_t words[layout::kSteps];
    kernels::radix_step_words(words01.x, words01.y, word2, rest, words);
#pragma unroll
    for (std::uint32_t s = 0; s < layout::kSteps; ++s) {
      kernels::radix_exponents(run_base, words[s], a[s]);
    }
  }
};

template <>
struct StoredTile<WeightForm::kExponents> {
  SignMantissa sign_mantissa;
  uint4 exponents[2];

  __device__ __forceinline__ void load(std::uint32_t first, std::uint32_t second, std::uint32_t) {
    sign_mantissa.load(first);
    exponents[0] = load_shared_16(second);
    exponents[1] = load_shared_16(second + 512);
  }
  __device__ __forceinline__ void decode(std::uint32_t, Fragments& a) const {
#pragma unroll
    for (std::uint32_t i = 0; i < 2; ++i) {
      place_exponents(exponents[i].x, exponents[i].y, a[2 * i]);
      place_exponents(exponents[i].z, exponents[i].w, a[2 * i + 1]);
    }
    sign_mantissa.join(a);
  }
};

template <>
struct StoredTile<WeightForm::kTiles> {
  uint4 registers[layout::kSteps];

  __device__ __forceinline__ void load(std::uint32_t first, std::uint32_t, std::uint32_t) {
#pragma unroll
    for (std::uint32_t s = 0; s < layout::kSteps; ++s) {
      registers[s] = load_shared_16(first + 512 * s);
    }
  }
  __device__ __forceinline__ void decode(std::uint32_t, Fragments& a) const {
#pragma unroll
    for (std::uint32_t s = 0; s < layout::kSteps; ++s) {
      a[s][0] = registers[s].x;
      a[s][1] = registers[s].y;
      a[s][2] = registers[s].z;
      a[s][3] = registers[s].w;
    }
  }
};

/// Zeroes what lies behind column `cols` of the tile: padding may be any weight, and infinity
/// times the zeros that it meets would be NaN.
__device__ __forceinline__ void clear_padding(std::uint32_t cols, std::uint32_t lane,
                                              Fragments& a) {
#pragma unroll
  for (std::uint32_t s = 0; s < layout::kSteps; ++s) {
#pragma unroll
    for (std::uint32_t r = 0; r < 4; ++r) {
      const std::uint32_t col = 16 * s + 8 * (r >> 1) + 2 * (lane & 3);
      if (col >= cols) a[s][r] = 0;
      if (col + 1 >= cols) a[s][r] &= 0xffffu;
    }
  }
}

/// Decodes strips of one matrix, every step-th tile from some tile on: load(), then decode(). A
/// tile is special if it is anything but a whole tile of a palette that is a run, without verbatim
/// rows, or if it is the last of a chunk that is decoded: one bit a tile, one branch. Escapes are
/// nothing special.
///
/// Before the first tile come loads that depend on each other, each as long as memory takes. They
/// are asked for by one function and waited for by the next, so that something else can be done in
/// between: begin_matrix(), open_matrix(); begin_strip(), open_strip(), start_strip().
template <WeightForm kForm>
class StripDecoder {
 public:
  /// `params`: the kernel's own, so that what is read of them is read from constant memory.
  __device__ __forceinline__ explicit StripDecoder(const MatmulParams& params) : params_(params) {}

  /// `scratch`: kEscapeScratchBytes of the warp in shared memory, of kRadix.
  __device__ __forceinline__ void begin_matrix(std::uint32_t matrix, std::uint32_t scratch) {
    matrix_ = kForm == WeightForm::kRadix ? ptx::keep(matrix) : matrix;  // no spills
    scratch_ = scratch;
    if constexpr (kForm == WeightForm::kPalette || kForm == WeightForm::kRadix) {
      run_base_ = ptx::load_global_1(weights().record->palette.data());
    }
    if constexpr (kForm == WeightForm::kPalette) {
      is_run_ = ptx::load_global_1(&weights().record->palette_is_run);
      verbatim_.begin_matrix(weights());
    }
  }
  __device__ __forceinline__ void open_matrix() {
    if constexpr (kForm == WeightForm::kPalette || kForm == WeightForm::kRadix) {
      run_base_ = ptx::keep(kernels::radix_base(run_base_));
    }
    if constexpr (kForm == WeightForm::kPalette) verbatim_.open_matrix(weights());
  }

  /// `step`: 1 .. 31. The matrix has a tile.
  __device__ __forceinline__ void begin_strip(std::uint32_t strip, std::uint32_t first_tile,
                                              std::uint32_t step) {
    step_ = step;
    strip_tile_ = strip * params_.num_k_tiles;
    tile_ = ptx::keep(strip_tile_ + first_tile);
    const std::uint32_t chunk = tile_ / layout::kChunkTiles;
    if constexpr (kForm == WeightForm::kPalette) verbatim_.begin(weights(), num_chunks(), chunk);
    if constexpr (kForm == WeightForm::kRadix) escapes_.begin(weights(), num_chunks(), chunk);
  }
  __device__ __forceinline__ void open_strip(std::uint32_t lane) {
    if constexpr (kForm == WeightForm::kRadix) {
      escapes_.open(weights(), lane);
    } else {
      enter_chunk(tile_ / layout::kChunkTiles, tile_ % layout::kChunkTiles, lane);
    }
  }
  __device__ __forceinline__ void start_strip(std::uint32_t lane) {
    if constexpr (kForm == WeightForm::kRadix) {
      escapes_.start(weights(), lane);
      enter_chunk(tile_ / layout::kChunkTiles, tile_ % layout::kChunkTiles, lane);
    }
  }

  /// The bytes of the tile that decode() is called for next. `first` and `second` as for
  /// StoredTile.
  __device__ __forceinline__ void load(std::uint32_t first, std::uint32_t second,
                                       std::uint32_t lane) {
    stored_.load(first, second, lane);
  }
  /// reload() calls load() as it was called last: so a tile's bytes need no registers behind this.
  template <class Reload>
  __device__ __forceinline__ void decode(std::uint32_t lane, Fragments& a, Reload reload) {
    if constexpr (kForm == WeightForm::kRadix) {
      stored_.exponents(run_base_, a);
      escapes_.patch(weights(), tile_ % layout::kChunkTiles, scratch_, lane, a);
      stored_.sign_mantissa.join(a);
    } else {
      stored_.decode(run_base_, a);
    }
    const bool is_special = static_cast<std::int32_t>(special_tiles_) < 0;
    special_tiles_ <<= step_;
    if (is_special) [[unlikely]] {
      decode_special(lane, a, reload);
    }
    tile_ += step_;
  }

 private:
  [[nodiscard]] __device__ __forceinline__ const WeightPointers& weights() const {
    return params_.weights[matrix_];
  }
  [[nodiscard]] __device__ __forceinline__ std::uint32_t num_chunks() const {
    return (params_.num_strips * params_.num_k_tiles + layout::kChunkTiles - 1) /
           layout::kChunkTiles;
  }
  /// The tile at hand, once more, with everything that special tiles may be.
  template <class Reload>
  __device__ __forceinline__ void decode_special(std::uint32_t lane, Fragments& a, Reload reload) {
    const std::uint32_t in_chunk = tile_ % layout::kChunkTiles;
    const std::uint32_t chunk = tile_ / layout::kChunkTiles;
    if constexpr (kForm == WeightForm::kPalette) {
      if (is_run_ == 0) [[unlikely]] {
        reload();
        stored_.decode_any(weights().record->palette, a);
      }
      verbatim_.patch(weights(), in_chunk, lane, a);
    }
    if (params_.k % layout::kTileCols != 0) {
      const std::uint32_t cols = params_.k - (tile_ - strip_tile_) * layout::kTileCols;
      if (cols < layout::kTileCols) clear_padding(cols, lane, a);
    }
    const std::uint32_t next = in_chunk + step_;
    if (next >= layout::kChunkTiles) enter_chunk(chunk + 1, next - layout::kChunkTiles, lane);
  }
  /// `in_chunk`: of the first tile that is decoded.
  __device__ __forceinline__ void enter_chunk(std::uint32_t chunk, std::uint32_t in_chunk,
                                              std::uint32_t lane) {
    std::uint32_t special = 0;
    if constexpr (kForm == WeightForm::kPalette) {
      special = verbatim_.enter_chunk(weights(), num_chunks(), chunk, lane);
      if (is_run_ == 0) special = ~0u;
    }
    if constexpr (kForm == WeightForm::kRadix) {
      escapes_.enter_chunk(weights(), num_chunks(), chunk, lane);
    }
    if (params_.k % layout::kTileCols != 0) {  // the strip's last tile
      const std::uint32_t last = strip_tile_ + params_.num_k_tiles - 1;
      if (last / layout::kChunkTiles == chunk) special |= 1u << last % layout::kChunkTiles;
    }
    special |= ~0u << (layout::kChunkTiles - step_);
    special_tiles_ = __brev(special) << in_chunk;
  }

  const MatmulParams& params_;
  std::uint32_t matrix_ = 0;
  std::uint32_t run_base_ = 0;  ///< first exponent of a palette that is a run, in place, twice
  std::uint32_t scratch_ = 0;   ///< kRadix
  std::uint32_t is_run_ = 1;
  std::uint32_t strip_tile_ = 0;  ///< first tile of the strip, in the matrix
  std::uint32_t tile_ = 0;        ///< in the matrix
  std::uint32_t step_ = 1;
  std::uint32_t special_tiles_ = 0;  ///< of the chunk; bit 31: of the tile that is decoded next
  StoredTile<kForm> stored_;
  VerbatimRows verbatim_;  ///< kPalette
  EscapeStream escapes_;   ///< kRadix
};

}  // namespace unweight::matmul
