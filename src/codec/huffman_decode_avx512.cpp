// SPDX-License-Identifier: BSD-3-Clause
//
// Interleaved Huffman stream -> code tiles, AVX-512: the 32 lock-step lanes of families_format.h
// are the double words of two registers. A refill reads 32 words, expands as many as there are
// asking lanes to where they are, and advances by that number.
#include <immintrin.h>

#include <cstring>

#include "codec/tile_kernels_avx512.h"
#include "layout/tile_order.h"

namespace unweight::codec::avx512 {
namespace {

constexpr std::size_t kSteps = 4, kRegisters = 4;
/// Most words a tile can ask for: every lane one word a pair of weights.
constexpr std::size_t kMaxTileWords = layout::kTileElems / kSymbolsPerRefill;
static_assert(kStreamTailWords >= layout::kLanes);  // a refill reads this many words

struct Table {
  __m512i quarter[4];
};

/// Decoder state of lanes 0..15 and of 16..31.
struct Half {
  __m512i bits, count;
};
struct State {
  Half half[2];
};

/// Lanes whose row is coded: one bit a lane, and the lowest byte of each double word.
struct CodedLanes {
  __mmask16 lanes;
  __mmask64 bytes;
};

CodedLanes coded_lanes(std::uint32_t verbatim, int half) {
  const std::uint32_t coded = ~verbatim >> 16 * half & 0xffff;
  return {static_cast<__mmask16>(coded), _pdep_u64(coded, 0x1111111111111111)};
}

/// The table's entry for the next bits of each coded lane; 0 in other lanes.
inline __m512i look_up(const Table& table, __m512i bits, CodedLanes coded) {
  const __m512i low =
      _mm512_maskz_permutex2var_epi8(coded.bytes, table.quarter[0], bits, table.quarter[1]);
  const __m512i high = _mm512_permutex2var_epi8(table.quarter[2], bits, table.quarter[3]);
  const __mmask64 upper_half =
      _mm512_mask_test_epi8_mask(coded.bytes, bits, _mm512_set1_epi8(static_cast<char>(0x80)));
  return _mm512_mask_blend_epi8(upper_half, low, high);
}

inline const std::uint16_t* refill(const std::uint16_t* next, const CodedLanes* coded,
                                   __m512i threshold, State& state) {
  Half& a = state.half[0];
  Half& b = state.half[1];
  const __mmask16 ask_a = _mm512_mask_cmplt_epu32_mask(coded[0].lanes, a.count, threshold);
  const __mmask16 ask_b = _mm512_mask_cmplt_epu32_mask(coded[1].lanes, b.count, threshold);
  const __mmask32 ask = _mm512_kunpackw(ask_b, ask_a);
  const __m512i words = _mm512_maskz_expand_epi16(ask, _mm512_loadu_si512(next));
  const __m512i word_a = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(words));
  const __m512i word_b = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(words, 1));
  const __m512i word_bits = _mm512_set1_epi32(kStreamWordBits);
  a.bits = _mm512_or_si512(a.bits, _mm512_sllv_epi32(word_a, a.count));
  b.bits = _mm512_or_si512(b.bits, _mm512_sllv_epi32(word_b, b.count));
  a.count = _mm512_mask_add_epi32(a.count, ask_a, a.count, word_bits);
  b.count = _mm512_mask_add_epi32(b.count, ask_b, b.count, word_bits);
  return next + _mm_popcnt_u32(ask);
}

/// Decodes one code a lane. The entry is code | length << 4.
inline __m512i decode_one(const Table& table, CodedLanes coded, Half& half) {
  const __m512i entry = look_up(table, half.bits, coded);
  const __m512i length = _mm512_srli_epi32(entry, 4);
  half.bits = _mm512_srlv_epi32(half.bits, length);
  half.count = _mm512_sub_epi32(half.count, length);
  return entry;
}

/// Code words of four steps, lane by lane across the registers -> lanes 4q..4q+3 in out + 64*q.
void store_lane_major(const __m512i* step, std::uint8_t* out) {
  const __m512i a = _mm512_unpacklo_epi32(step[0], step[1]);
  const __m512i b = _mm512_unpackhi_epi32(step[0], step[1]);
  const __m512i c = _mm512_unpacklo_epi32(step[2], step[3]);
  const __m512i d = _mm512_unpackhi_epi32(step[2], step[3]);
  const __m512i lane0 = _mm512_unpacklo_epi64(a, c), lane1 = _mm512_unpackhi_epi64(a, c);
  const __m512i lane2 = _mm512_unpacklo_epi64(b, d), lane3 = _mm512_unpackhi_epi64(b, d);
  // Quarter q of lane<k> is lane 4q+k: transpose the quarters.
  const __m512i x0 = _mm512_shuffle_i32x4(lane0, lane1, 0x44);
  const __m512i x1 = _mm512_shuffle_i32x4(lane0, lane1, 0xee);
  const __m512i y0 = _mm512_shuffle_i32x4(lane2, lane3, 0x44);
  const __m512i y1 = _mm512_shuffle_i32x4(lane2, lane3, 0xee);
  _mm512_storeu_si512(out, _mm512_shuffle_i32x4(x0, y0, 0x88));
  _mm512_storeu_si512(out + 64, _mm512_shuffle_i32x4(x0, y0, 0xdd));
  _mm512_storeu_si512(out + 128, _mm512_shuffle_i32x4(x1, y1, 0x88));
  _mm512_storeu_si512(out + 192, _mm512_shuffle_i32x4(x1, y1, 0xdd));
}

/// Decodes one tile; at least kMaxTileWords + kStreamTailWords words must be readable at `next`.
const std::uint16_t* decode_tile(const std::uint16_t* next, std::uint32_t verbatim,
                                 const Table& table, __m512i threshold, State& shared_state,
                                 std::uint8_t* codes) {
  const CodedLanes coded[2] = {coded_lanes(verbatim, 0), coded_lanes(verbatim, 1)};
  State state = shared_state;
  __m512i word[2][kSteps];
  for (std::size_t s = 0; s < kSteps; ++s) {
    __m512i word_a = _mm512_setzero_si512(), word_b = _mm512_setzero_si512();
    for (std::size_t r = 0; r < kRegisters; ++r) {
      next = refill(next, coded, threshold, state);
      const __m512i a0 = decode_one(table, coded[0], state.half[0]);
      const __m512i b0 = decode_one(table, coded[1], state.half[1]);
      const __m512i a1 = decode_one(table, coded[0], state.half[0]);
      const __m512i b1 = decode_one(table, coded[1], state.half[1]);
      // Four bits enter each 16-bit half of the word at the top: after four registers the first
      // ones are at the bottom.
      const __m512i pair_a = _mm512_or_si512(a0, _mm512_slli_epi32(a1, 16));
      const __m512i pair_b = _mm512_or_si512(b0, _mm512_slli_epi32(b1, 16));
      word_a = _mm512_shrdi_epi16(word_a, pair_a, 4);
      word_b = _mm512_shrdi_epi16(word_b, pair_b, 4);
    }
    word[0][s] = word_a;
    word[1][s] = word_b;
  }
  store_lane_major(word[0], codes);
  store_lane_major(word[1], codes + layout::kTileCodeSectionBytes / 2);
  shared_state = state;
  return next;
}

Table load_table(const DecodeTable& table) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&table);
  return {{_mm512_loadu_si512(bytes), _mm512_loadu_si512(bytes + 64),
           _mm512_loadu_si512(bytes + 128), _mm512_loadu_si512(bytes + 192)}};
}

}  // namespace

bool huffman_decode_chunk(const std::uint16_t* words, std::size_t num_words,
                          const std::uint32_t* lane_masks, std::uint32_t num_tiles,
                          const DecodeTable& decode_table, std::uint32_t max_code_length,
                          std::uint8_t* codes) {
  const Table table = load_table(decode_table);
  const __m512i threshold =
      _mm512_set1_epi32(static_cast<int>(kSymbolsPerRefill * max_code_length));
  State state{};
  const std::uint16_t* next = words;
  const std::uint16_t* const end = words + num_words;
  std::uint32_t tile = 0;
  for (; tile < num_tiles && static_cast<std::size_t>(end - next) >= kMaxTileWords; ++tile) {
    next = decode_tile(next, lane_masks[tile], table, threshold, state,
                       codes + tile * layout::kTileCodeSectionBytes);
  }
  const auto left = static_cast<std::size_t>(end - next);
  if (tile == num_tiles) return left == 0;

  // The last tiles could ask for more than there is: decode them from a copy with zeros behind it.
  std::uint16_t rest[2 * kMaxTileWords + kStreamTailWords] = {};
  std::memcpy(rest, next, left * sizeof(std::uint16_t));
  std::size_t used = 0;
  bool asked_too_much = false;
  for (; tile < num_tiles; ++tile) {
    used =
        static_cast<std::size_t>(decode_tile(rest + used, lane_masks[tile], table, threshold, state,
                                             codes + tile * layout::kTileCodeSectionBytes) -
                                 rest);
    if (used > left) {
      asked_too_much = true;
      used = left;  // zeros from here on
    }
  }
  return used == left && !asked_too_much;
}

}  // namespace unweight::codec::avx512
