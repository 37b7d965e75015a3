// SPDX-License-Identifier: BSD-3-Clause
//
// The kernels in plain C++: for any little-endian machine, and the yardstick of the others.
#include <algorithm>
#include <array>
#include <cstring>

#include "codec/tile_kernel_tables.h"
#include "codec/tile_kernels_portable.h"

namespace unweight::codec {
namespace portable {
namespace {

using layout::kLanes;
using layout::kRowElems;
using layout::kTileCols;
using layout::kTileElems;
using layout::kTileRows;

void count_exponents(const std::uint16_t* weights, std::size_t n, std::uint64_t* counts) {
  // Equal neighbours would wait for each other's increment: four histograms take turns. A slice
  // keeps the 32-bit counters from wrapping.
  constexpr std::size_t kSliceElems = std::size_t{1} << 30;
  constexpr std::size_t kWorthHistograms = 2048;
  if (n < kWorthHistograms) {
    for (std::size_t i = 0; i < n; ++i) ++counts[exponent_of(weights[i])];
    return;
  }
  while (n > 0) {
    const std::size_t slice = std::min(n, kSliceElems);
    std::uint32_t histograms[4][256] = {};
    std::size_t i = 0;
    for (; i + 4 <= slice; i += 4) {
      for (std::size_t h = 0; h < 4; ++h) ++histograms[h][exponent_of(weights[i + h])];
    }
    for (; i < slice; ++i) ++histograms[0][exponent_of(weights[i])];
    for (std::size_t e = 0; e < 256; ++e) {
      for (const auto& histogram : histograms) counts[e] += histogram[e];
    }
    weights += slice;
    n -= slice;
  }
}

/// Calls fn(col, offset) for the 32 pairs of neighbouring weights of a tile's row: columns col and
/// col + 1, bytes offset and offset + 1 of a byte tile.
template <typename Fn>
inline void for_each_pair_of_row(std::uint32_t row, Fn fn) {
  for (std::uint32_t col = 0; col < kTileCols; col += 2) {
    fn(col, layout::byte_section_offset(layout::lane_position({row, col})));
  }
}

void split_tile(const std::uint16_t* source, std::size_t stride_elems, std::uint8_t* sign_mantissa,
                std::uint8_t* exponents) {
  for (std::uint32_t row = 0; row < kTileRows; ++row) {
    const std::uint16_t* weights = source + row * stride_elems;
    std::uint8_t row_sign_mantissa[kTileCols], row_exponents[kTileCols];
    for (std::uint32_t col = 0; col < kTileCols; ++col) {
      row_sign_mantissa[col] = sign_mantissa_of(weights[col]);
      row_exponents[col] = exponent_of(weights[col]);
    }
    for_each_pair_of_row(row, [&](std::uint32_t col, std::uint32_t offset) {
      std::memcpy(sign_mantissa + offset, row_sign_mantissa + col, 2);
      std::memcpy(exponents + offset, row_exponents + col, 2);
    });
  }
}

void join_tile(const std::uint8_t* sign_mantissa, const std::uint8_t* exponents,
               std::uint16_t* destination, std::size_t stride_elems) {
  for (std::uint32_t row = 0; row < kTileRows; ++row) {
    std::uint8_t row_sign_mantissa[kTileCols], row_exponents[kTileCols];
    for_each_pair_of_row(row, [&](std::uint32_t col, std::uint32_t offset) {
      std::memcpy(row_sign_mantissa + col, sign_mantissa + offset, 2);
      std::memcpy(row_exponents + col, exponents + offset, 2);
    });
    std::uint16_t* weights = destination + row * stride_elems;
    for (std::uint32_t col = 0; col < kTileCols; ++col) {
      weights[col] = join_weight(row_exponents[col], row_sign_mantissa[col]);
    }
  }
}

void join_palette_tile(const std::uint8_t* sign_mantissa, const std::uint8_t* codes,
                       const std::uint8_t* palette, std::uint16_t* destination,
                       std::size_t stride_elems) {
  std::uint8_t exponents[kTileElems];
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    for (std::uint32_t step = 0; step < kSteps; ++step) {
      const auto word = load<std::uint32_t>(codes + step_word_offset(lane, step));
      std::uint8_t* out = exponents + step_bytes_offset(lane, step);
      for (std::uint32_t r = 0; r < kRegisters; ++r) {
        out[2 * r] = palette[word >> 4 * r & kCodeMask];
        out[2 * r + 1] = palette[word >> (16 + 4 * r) & kCodeMask];
      }
    }
  }
  join_tile(sign_mantissa, exponents, destination, stride_elems);
}

/// The code word of one lane and step. `seen`: the union of the codes' bits.
std::uint32_t pack_step(const std::uint8_t* exponents, const std::uint8_t* code_of,
                        std::uint32_t& seen) {
  std::uint32_t word = 0;
  for (std::uint32_t r = 0; r < kRegisters; ++r) {
    const std::uint32_t low = code_of[exponents[2 * r]], high = code_of[exponents[2 * r + 1]];
    seen |= low | high;
    word |= (low & kCodeMask) << 4 * r | (high & kCodeMask) << (16 + 4 * r);
  }
  return word;
}

std::uint32_t pack_verbatim_step(const std::uint8_t* exponents, const std::uint8_t* code_of,
                                 std::uint32_t outside_code) {
  std::uint32_t word = 0;
  for (std::uint32_t i = 0; i < kRowElems; ++i) {
    const std::uint32_t code = code_of[exponents[i]];
    word |= (code == kNotInPalette ? outside_code : code) << (4 * (i / 2) + 16 * (i % 2));
  }
  return word;
}

void pack_codes(const std::uint8_t* exponents, const std::uint8_t* code_of,
                std::uint8_t outside_code, std::uint8_t* codes, std::uint32_t* verbatim_lanes) {
  for (std::uint32_t step = 0; step < kSteps; ++step) {
    std::uint32_t lanes = 0;
    for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
      const std::uint8_t* in = exponents + step_bytes_offset(lane, step);
      std::uint32_t seen = 0;
      std::uint32_t word = pack_step(in, code_of, seen);
      if (seen > kCodeMask) {  // rare
        lanes |= 1u << lane;
        word = pack_verbatim_step(in, code_of, outside_code);
      }
      store(codes + step_word_offset(lane, step), word);
    }
    verbatim_lanes[step] = lanes;
  }
}

}  // namespace
}  // namespace portable

const TileKernels kPortableKernels = {
    portable::count_exponents,      portable::split_tile,           portable::join_tile,
    portable::join_palette_tile,    portable::pack_codes,           portable::count_pairs,
    portable::huffman_encode_chunk, portable::huffman_decode_chunk,
};

}  // namespace unweight::codec
