// SPDX-License-Identifier: BSD-3-Clause
//
// Code tiles -> interleaved Huffman stream, AVX-512, in two passes over the chunk.
//
//   forwards   follow the decoder's counts: which lanes ask for a word before each pair of weights.
//              Only lengths matter; the answers (32 bits a pair) are kept.
//   backwards  undo the decoder: put each pair's codes in front of what a lane will still read, and
//              where it asked for a word take that word out of the top of its buffer. A word is
//              complete at that moment, so words leave in stream order, from the last to the first.
#include <immintrin.h>

#include "codec/tile_kernels_avx512.h"
#include "layout/tile_order.h"

namespace unweight::codec::avx512 {
namespace {

constexpr std::uint32_t kSteps = 4, kRegisters = 4;
constexpr std::uint32_t kPairs = kSteps * kRegisters;

/// Lanes that ask for a word before each pair of weights, for every tile of a chunk.
struct Requests {
  std::uint32_t lanes[layout::kChunkTiles][kPairs];
};

/// Code words of a tile: step[half][s] has one double word for each of 16 lanes.
struct StepWords {
  __m512i step[2][kSteps];
};

struct alignas(64) WordIndex {
  std::uint32_t at[16];
};

/// From lanes 0..3 | 4..7 (four words each): steps s of the eight lanes, then their steps s + 1.
consteval WordIndex two_steps(std::uint32_t s) {
  WordIndex index{};
  for (std::uint32_t i = 0; i < 16; ++i) index.at[i] = 4 * (i % 8) + s + i / 8;
  return index;
}
constexpr WordIndex kSteps01 = two_steps(0), kSteps23 = two_steps(2);

StepWords load_steps(const std::uint8_t* codes) {
  const __m512i index01 = _mm512_load_si512(&kSteps01);
  const __m512i index23 = _mm512_load_si512(&kSteps23);
  StepWords words;
  for (std::uint32_t half = 0; half < 2; ++half) {
    const std::uint8_t* at = codes + 256 * half;
    const __m512i a = _mm512_loadu_si512(at), b = _mm512_loadu_si512(at + 64);
    const __m512i c = _mm512_loadu_si512(at + 128), d = _mm512_loadu_si512(at + 192);
    const __m512i lower01 = _mm512_permutex2var_epi32(a, index01, b);
    const __m512i upper01 = _mm512_permutex2var_epi32(c, index01, d);
    const __m512i lower23 = _mm512_permutex2var_epi32(a, index23, b);
    const __m512i upper23 = _mm512_permutex2var_epi32(c, index23, d);
    words.step[half][0] = _mm512_shuffle_i64x2(lower01, upper01, 0x44);
    words.step[half][1] = _mm512_shuffle_i64x2(lower01, upper01, 0xee);
    words.step[half][2] = _mm512_shuffle_i64x2(lower23, upper23, 0x44);
    words.step[half][3] = _mm512_shuffle_i64x2(lower23, upper23, 0xee);
  }
  return words;
}

__mmask16 coded_lanes(std::uint32_t verbatim, std::uint32_t half) {
  return static_cast<__mmask16>(~verbatim >> 16 * half);
}

/// 16 table entries as double words: a permute looks only at the lowest four bits of an index.
__m512i load_table(const void* bytes) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(bytes)));
}

struct Counts {
  __m512i half[2];
};

/// Returns the number of words the tile's lanes ask for.
std::uint32_t follow_tile(const StepWords& words, std::uint32_t verbatim, __m512i lengths,
                          __m512i threshold, Counts& counts, std::uint32_t* requests) {
  const __m512i word_bits = _mm512_set1_epi32(kStreamWordBits);
  std::uint32_t num_words = 0;
  for (std::uint32_t s = 0; s < kSteps; ++s) {
    __m512i code[2] = {words.step[0][s], words.step[1][s]};
    for (std::uint32_t r = 0; r < kRegisters; ++r) {
      __mmask16 ask[2];
      for (std::uint32_t half = 0; half < 2; ++half) {
        const __mmask16 coded = coded_lanes(verbatim, half);
        __m512i& count = counts.half[half];
        ask[half] = _mm512_mask_cmplt_epu32_mask(coded, count, threshold);
        const __m512i low = _mm512_maskz_permutexvar_epi32(coded, code[half], lengths);
        const __m512i high =
            _mm512_maskz_permutexvar_epi32(coded, _mm512_srli_epi32(code[half], 16), lengths);
        count = _mm512_mask_add_epi32(count, ask[half], count, word_bits);
        count = _mm512_sub_epi32(count, _mm512_add_epi32(low, high));
        code[half] = _mm512_srli_epi32(code[half], 4);
      }
      const std::uint32_t lanes = _mm512_kunpackw(ask[1], ask[0]);
      requests[kRegisters * s + r] = lanes;
      num_words += static_cast<std::uint32_t>(_mm_popcnt_u32(lanes));
    }
  }
  return num_words;
}

struct CodeTable {
  __m512i bits, lengths;
};
struct Lanes {
  __m512i bits, count;
};

/// Puts one code in front of each coded lane's buffer; `index` has it in its lowest four bits.
void prepend(const CodeTable& table, __mmask16 coded, __m512i index, Lanes& lanes) {
  const __m512i length = _mm512_maskz_permutexvar_epi32(coded, index, table.lengths);
  const __m512i bits = _mm512_maskz_permutexvar_epi32(coded, index, table.bits);
  lanes.bits = _mm512_or_si512(_mm512_sllv_epi32(lanes.bits, length), bits);
  lanes.count = _mm512_add_epi32(lanes.count, length);
}

/// Takes the word that was asked for last out of the buffers of lanes `ask`. What other lanes
/// return means nothing.
__m256i take_words(__mmask16 ask, Lanes& lanes) {
  lanes.count =
      _mm512_mask_sub_epi32(lanes.count, ask, lanes.count, _mm512_set1_epi32(kStreamWordBits));
  const __m512i words = _mm512_srlv_epi32(lanes.bits, lanes.count);
  const __m512i gone = _mm512_sllv_epi32(_mm512_set1_epi32(-1), lanes.count);
  lanes.bits = _mm512_andnot_si512(gone, lanes.bits);
  return _mm512_cvtepi32_epi16(words);
}

/// Writes the words of one tile so that they end at `end`; returns where they begin.
std::uint16_t* write_tile(const StepWords& words, std::uint32_t verbatim, const CodeTable& table,
                          const std::uint32_t* requests, Lanes* lanes, std::uint16_t* end) {
  for (std::uint32_t s = kSteps; s-- > 0;) {
    // Register r's codes come to bits 0 and 16 by rotation.
    __m512i code[2] = {_mm512_ror_epi32(words.step[0][s], 12),
                       _mm512_ror_epi32(words.step[1][s], 12)};
    for (std::uint32_t r = kRegisters; r-- > 0;) {
      const std::uint32_t ask = requests[kRegisters * s + r];
      __m256i word[2];
      for (std::uint32_t half = 0; half < 2; ++half) {
        const __mmask16 coded = coded_lanes(verbatim, half);
        prepend(table, coded, _mm512_srli_epi32(code[half], 16), lanes[half]);
        prepend(table, coded, code[half], lanes[half]);
        word[half] = take_words(static_cast<__mmask16>(ask >> 16 * half), lanes[half]);
        code[half] = _mm512_rol_epi32(code[half], 4);
      }
      const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(word[0]), word[1], 1);
      const auto num_words = static_cast<std::uint32_t>(_mm_popcnt_u32(ask));
      end -= num_words;
      // Masked: the words behind `end` are already there.
      _mm512_mask_storeu_epi16(end, static_cast<__mmask32>(_bzhi_u64(0xffffffff, num_words)),
                               _mm512_maskz_compress_epi16(ask, both));
    }
  }
  return end;
}

}  // namespace

std::size_t huffman_encode_chunk(const std::uint8_t* codes, const std::uint32_t* lane_masks,
                                 std::uint32_t num_tiles, const HuffmanCode& code,
                                 std::uint16_t* words) {
  const CodeTable table{load_table(&code.bits), load_table(&code.lengths)};
  const __m512i threshold =
      _mm512_set1_epi32(static_cast<int>(kSymbolsPerRefill * code.max_length));
  Requests requests;
  Counts counts{};
  std::size_t num_words = 0;
  for (std::uint32_t tile = 0; tile < num_tiles; ++tile) {
    num_words +=
        follow_tile(load_steps(codes + tile * layout::kTileCodeSectionBytes), lane_masks[tile],
                    table.lengths, threshold, counts, requests.lanes[tile]);
  }
  // What is left in a buffer behind the last code is zero bits.
  Lanes lanes[2] = {{_mm512_setzero_si512(), counts.half[0]},
                    {_mm512_setzero_si512(), counts.half[1]}};
  std::uint16_t* end = words + num_words;
  for (std::uint32_t tile = num_tiles; tile-- > 0;) {
    end = write_tile(load_steps(codes + tile * layout::kTileCodeSectionBytes), lane_masks[tile],
                     table, requests.lanes[tile], lanes, end);
  }
  return num_words;
}

}  // namespace unweight::codec::avx512
