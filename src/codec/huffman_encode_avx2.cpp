// SPDX-License-Identifier: BSD-3-Clause
//
// Code tiles -> interleaved Huffman stream, AVX2, in the two passes that huffman_encode_avx512.cpp
// explains: forwards for the decoder's requests, backwards for the words. Lanes are the double
// words of four registers (*groups* of eight).
#include <immintrin.h>

#include <cstring>

#include "codec/tile_kernels_avx2.h"
#include "layout/tile_order.h"

namespace unweight::codec::avx2 {
namespace {

constexpr std::uint32_t kSteps = 4, kRegisters = 4;
constexpr std::uint32_t kPairs = kSteps * kRegisters;
constexpr std::uint32_t kGroups = 4, kGroupLanes = 8;

/// Lanes that ask for a word before each pair of weights, for every tile of a chunk.
struct Requests {
  std::uint8_t lanes[layout::kChunkTiles][kPairs][kGroups];
};

/// at[mask]: the lanes of the mask in order, at the *end* of the eight places.
struct LaneTable {
  alignas(8) std::uint8_t at[256][kGroupLanes];
};
consteval LaneTable lane_table() {
  LaneTable table{};
  for (std::uint32_t mask = 0; mask < 256; ++mask) {
    std::uint32_t place = kGroupLanes;
    for (std::uint32_t lane = kGroupLanes; lane-- > 0;) {
      if ((mask >> lane & 1) != 0) table.at[mask][--place] = static_cast<std::uint8_t>(lane);
    }
  }
  return table;
}
constexpr LaneTable kLanesAtEnd = lane_table();

/// Code words of a tile: one double word for each of a group's lanes.
struct StepWords {
  __m256i step[kGroups][kSteps];
};

StepWords load_steps(const std::uint8_t* codes) {
  StepWords words;
  for (std::uint32_t g = 0; g < kGroups; ++g) {
    const auto* lane = reinterpret_cast<const __m128i*>(codes) + kGroupLanes * g;
    __m256i row[4];  // lanes k and k + 4
    for (std::uint32_t k = 0; k < 4; ++k) {
      row[k] = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(lane + k)),
                                       _mm_loadu_si128(lane + k + 4), 1);
    }
    const __m256i a = _mm256_unpacklo_epi32(row[0], row[1]);
    const __m256i b = _mm256_unpacklo_epi32(row[2], row[3]);
    const __m256i c = _mm256_unpackhi_epi32(row[0], row[1]);
    const __m256i d = _mm256_unpackhi_epi32(row[2], row[3]);
    words.step[g][0] = _mm256_unpacklo_epi64(a, b);
    words.step[g][1] = _mm256_unpackhi_epi64(a, b);
    words.step[g][2] = _mm256_unpacklo_epi64(c, d);
    words.step[g][3] = _mm256_unpackhi_epi64(c, d);
  }
  return words;
}

/// All ones in the lanes of `mask`, bit 0 being lane 0.
__m256i lanes_of(std::uint32_t mask) {
  const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(static_cast<int>(mask)), bit), bit);
}

__m256i load_table(const void* bytes) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(bytes)));
}

/// Table entries of the codes at bits 0 and 16, in those places; 0 where `coded` is.
__m256i look_up_pair(__m256i table, __m256i codes, __m256i coded) {
  // Bytes 1 and 3 have bit 7 set, for which the shuffle gives 0.
  const __m256i index = _mm256_or_si256(_mm256_and_si256(codes, _mm256_set1_epi32(0x000f000f)),
                                        _mm256_set1_epi32(static_cast<int>(0x80008000)));
  return _mm256_and_si256(_mm256_shuffle_epi8(table, index), coded);
}

struct Counts {
  __m256i group[kGroups];
};

/// Returns the number of words the tile's lanes ask for.
std::uint32_t follow_tile(const StepWords& words, std::uint32_t verbatim, __m256i lengths,
                          __m256i threshold, Counts& counts, std::uint8_t (*requests)[kGroups]) {
  const __m256i word_bits = _mm256_set1_epi32(kStreamWordBits);
  std::uint32_t num_words = 0;
  for (std::uint32_t g = 0; g < kGroups; ++g) {
    const __m256i coded = lanes_of(~verbatim >> kGroupLanes * g);
    __m256i count = counts.group[g];
    for (std::uint32_t s = 0; s < kSteps; ++s) {
      __m256i code = words.step[g][s];
      for (std::uint32_t r = 0; r < kRegisters; ++r) {
        const __m256i ask = _mm256_and_si256(coded, _mm256_cmpgt_epi32(threshold, count));
        const __m256i length = look_up_pair(lengths, code, coded);
        const __m256i sum = _mm256_add_epi32(_mm256_srli_epi32(length, 16),
                                             _mm256_and_si256(length, _mm256_set1_epi32(0xff)));
        count = _mm256_sub_epi32(_mm256_add_epi32(count, _mm256_and_si256(ask, word_bits)), sum);
        const int lanes = _mm256_movemask_ps(_mm256_castsi256_ps(ask));
        requests[kRegisters * s + r][g] = static_cast<std::uint8_t>(lanes);
        num_words += static_cast<std::uint32_t>(_mm_popcnt_u32(static_cast<std::uint32_t>(lanes)));
        code = _mm256_srli_epi32(code, 4);
      }
    }
    counts.group[g] = count;
  }
  return num_words;
}

struct CodeTable {
  __m256i bits, lengths;
};
struct Lanes {
  __m256i bits, count;
};

/// Puts the codes at bits 0 and 16 of `codes`, in this order, in front of each coded lane's buffer.
void prepend_pair(const CodeTable& table, __m256i codes, __m256i coded, Lanes& lanes) {
  const __m256i bits = look_up_pair(table.bits, codes, coded);
  const __m256i length = look_up_pair(table.lengths, codes, coded);
  const __m256i low_half = _mm256_set1_epi32(0xffff);
  const __m256i length0 = _mm256_and_si256(length, low_half);
  const __m256i length1 = _mm256_srli_epi32(length, 16);
  lanes.bits = _mm256_or_si256(_mm256_sllv_epi32(lanes.bits, length1), _mm256_srli_epi32(bits, 16));
  lanes.bits =
      _mm256_or_si256(_mm256_sllv_epi32(lanes.bits, length0), _mm256_and_si256(bits, low_half));
  lanes.count = _mm256_add_epi32(lanes.count, _mm256_add_epi32(length0, length1));
}

/// Takes the word that was asked for last out of the buffers of lanes `ask` and writes these words
/// so that they end at `end`. The places in front of them, eight in all, get rubbish.
std::uint16_t* take_words(std::uint32_t ask, Lanes& lanes, std::uint16_t* end) {
  lanes.count = _mm256_sub_epi32(
      lanes.count, _mm256_and_si256(lanes_of(ask), _mm256_set1_epi32(kStreamWordBits)));
  const __m256i words = _mm256_srlv_epi32(lanes.bits, lanes.count);
  const __m256i gone = _mm256_sllv_epi32(_mm256_set1_epi32(-1), lanes.count);
  lanes.bits = _mm256_andnot_si256(gone, lanes.bits);
  const __m256i order =
      _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(kLanesAtEnd.at[ask])));
  const __m256i at_end = _mm256_permutevar8x32_epi32(words, order);
  _mm_storeu_si128(
      reinterpret_cast<__m128i*>(end - kGroupLanes),
      _mm_packus_epi32(_mm256_castsi256_si128(at_end), _mm256_extracti128_si256(at_end, 1)));
  return end - _mm_popcnt_u32(ask);
}

/// Writes the words of one tile so that they end at `end`; returns where they begin.
std::uint16_t* write_tile(const StepWords& words, std::uint32_t verbatim, const CodeTable& table,
                          const std::uint8_t (*requests)[kGroups], Lanes* lanes,
                          std::uint16_t* end) {
  __m256i coded[kGroups];
  for (std::uint32_t g = 0; g < kGroups; ++g) coded[g] = lanes_of(~verbatim >> kGroupLanes * g);
  for (std::uint32_t s = kSteps; s-- > 0;) {
#pragma GCC unroll 4
    for (std::uint32_t r = kRegisters; r-- > 0;) {
#pragma GCC unroll 4
      for (std::uint32_t g = kGroups; g-- > 0;) {
        const __m256i codes = _mm256_srli_epi32(words.step[g][s], static_cast<int>(4 * r));
        prepend_pair(table, codes, coded[g], lanes[g]);
        end = take_words(requests[kRegisters * s + r][g], lanes[g], end);
      }
    }
  }
  return end;
}

}  // namespace

std::size_t huffman_encode_chunk(const std::uint8_t* codes, const std::uint32_t* lane_masks,
                                 std::uint32_t num_tiles, const HuffmanCode& code,
                                 std::uint16_t* words) {
  const CodeTable table{load_table(&code.bits), load_table(&code.lengths)};
  const __m256i threshold =
      _mm256_set1_epi32(static_cast<int>(kSymbolsPerRefill * code.max_length));
  Requests requests;
  Counts counts{};
  std::size_t num_words = 0;
  for (std::uint32_t tile = 0; tile < num_tiles; ++tile) {
    num_words +=
        follow_tile(load_steps(codes + tile * layout::kTileCodeSectionBytes), lane_masks[tile],
                    table.lengths, threshold, counts, requests.lanes[tile]);
  }
  // What is left in a buffer behind the last code is zero bits.
  Lanes lanes[kGroups];
  for (std::uint32_t g = 0; g < kGroups; ++g) {
    lanes[g] = {_mm256_setzero_si256(), counts.group[g]};
  }
  // No tile asks for more than 512 words, so `words` has room for the rubbish in front of the
  // first.
  std::uint16_t* const begin = words + kGroupLanes;
  std::uint16_t* end = begin + num_words;
  for (std::uint32_t tile = num_tiles; tile-- > 0;) {
    end = write_tile(load_steps(codes + tile * layout::kTileCodeSectionBytes), lane_masks[tile],
                     table, requests.lanes[tile], lanes, end);
  }
  std::memmove(words, begin, num_words * sizeof(std::uint16_t));
  return num_words;
}

}  // namespace unweight::codec::avx2
