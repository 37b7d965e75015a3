// SPDX-License-Identifier: BSD-3-Clause
//
// The AVX-512 kernels, one topic a file; tile_kernels.h is their contract. Their files are compiled
// for AVX-512, so they use no inline function of the standard library or of a shared header at run
// time: the linker might keep that copy for everybody.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/families_format.h"

namespace unweight::codec::avx512 {

void count_exponents(const std::uint16_t* weights, std::size_t n, std::uint64_t* counts);

void split_tile(const std::uint16_t* source, std::size_t stride_elems, std::uint8_t* sign_mantissa,
                std::uint8_t* exponents);
void join_tile(const std::uint8_t* sign_mantissa, const std::uint8_t* exponents,
               std::uint16_t* destination, std::size_t stride_elems);
void join_palette_tile(const std::uint8_t* sign_mantissa, const std::uint8_t* codes,
                       const std::uint8_t* palette, std::uint16_t* destination,
                       std::size_t stride_elems);

void pack_codes(const std::uint8_t* exponents, const std::uint8_t* code_of,
                std::uint8_t outside_code, std::uint8_t* codes, std::uint32_t* verbatim_lanes);

ChunkStreamEntry huffman_encode_chunk(const std::uint8_t* codes, std::uint32_t num_tiles,
                                      const HuffmanCode& code, std::uint8_t* stream);
bool huffman_decode_chunk(const std::uint8_t* stream, const ChunkStreamEntry& entry,
                          std::uint32_t num_tiles, const DecodeTable& table, std::uint8_t* codes);

}  // namespace unweight::codec::avx512
