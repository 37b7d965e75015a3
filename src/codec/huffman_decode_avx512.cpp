// SPDX-License-Identifier: BSD-3-Clause
//
// Huffman strings -> code tiles, AVX-512: the 32 lanes of a chunk are the double words of two
// registers (*halves*). The four pairs of a k16 step, at most 52 bits, are decoded from a window of
// 64 bits a lane, gathered at its byte; pairs are looked up with a gather, too.
#include <immintrin.h>

#include "codec/lane_strings.h"
#include "codec/tile_kernels_avx512.h"
#include "layout/tile_order.h"

namespace unweight::codec::avx512 {
namespace {

constexpr std::uint32_t kSteps = layout::kSteps;
constexpr std::uint32_t kStepPairs = 4;
constexpr std::uint32_t kHalves = 2, kHalfLanes = 16;
static_assert(7 + kStepPairs * kMaxCodeLength <= 64);
// The last window of a tile begins at most this far behind the end of a string.
static_assert((3 * kStepPairs * kMaxCodeLength + 7) / 8 + 8 <= kStreamTailBytes);

/// The decode table with the bytes of its entries swapped: pair << 8 | length, so that a variable
/// double shift, which takes its count modulo 32, needs no mask.
struct Table {
  alignas(64) std::uint16_t entry[kDecodeTableSize];
  std::uint16_t behind;  ///< a gather reads double words
};

void load_table(const DecodeTable& decode_table, Table& table) {
  const auto* entries = reinterpret_cast<const std::uint16_t*>(&decode_table);
  for (std::uint32_t i = 0; i < kDecodeTableSize; i += 32) {
    const __m512i e = _mm512_loadu_si512(entries + i);
    _mm512_store_si512(table.entry + i, _mm512_shldi_epi16(e, e, 8));
  }
  table.behind = 0;
}

/// Where mask bits are 1, those of `yes`, else those of `no`.
inline __m512i select(int mask, __m512i yes, __m512i no) {
  return _mm512_ternarylogic_epi32(_mm512_set1_epi32(mask), yes, no, 0xca);
}

struct alignas(64) WordIndex {
  std::uint32_t at[16];
};
consteval WordIndex every_second(std::uint32_t first) {
  WordIndex index{};
  for (std::uint32_t i = 0; i < 16; ++i) index.at[i] = 2 * i + first;
  return index;
}
constexpr WordIndex kLowWords = every_second(0), kHighWords = every_second(1);

/// The next 57 or more bits of every lane of a half.
struct Window {
  __m512i low, high;
};

inline Window load_window(const std::uint8_t* stream, __m512i position) {
  const __m512i byte = _mm512_srli_epi32(position, 3);
  const __m512i a = _mm512_i32gather_epi64(_mm512_castsi512_si256(byte), stream, 1);
  const __m512i b = _mm512_i32gather_epi64(_mm512_extracti64x4_epi64(byte, 1), stream, 1);
  const __m512i low = _mm512_permutex2var_epi32(a, _mm512_load_si512(&kLowWords), b);
  const __m512i high = _mm512_permutex2var_epi32(a, _mm512_load_si512(&kHighWords), b);
  const __m512i bit = _mm512_and_si512(position, _mm512_set1_epi32(7));
  return {_mm512_shrdv_epi32(low, high, bit), _mm512_srlv_epi32(high, bit)};
}

/// Decodes one pair a lane: its entry, with rubbish above bit 15.
inline __m512i decode_one(const Table& table, Window& window) {
  const __m512i index = _mm512_and_si512(window.low, _mm512_set1_epi32(kDecodeTableSize - 1));
  const __m512i entry = _mm512_i32gather_epi32(index, table.entry, sizeof(std::uint16_t));
  window.low = _mm512_shrdv_epi32(window.low, window.high, entry);
  window.high = _mm512_shrdv_epi32(window.high, _mm512_setzero_si512(), entry);
  return entry;
}

/// Pairs of the four entries of a lane -> its code word.
inline __m512i code_word(const __m512i* entry) {
  // Bytes: pair 0, pair 2, pair 1, pair 3.
  const __m512i low = select(0x00ff, _mm512_srli_epi32(entry[0], 8), entry[2]);
  const __m512i high =
      select(0x00ffffff, _mm512_slli_epi32(entry[1], 8), _mm512_slli_epi32(entry[3], 16));
  const __m512i pairs = select(0xffff, low, high);
  // Half of the nibbles are in place; the others change sides.
  const __m512i up = select(0x0f0f0000, _mm512_slli_epi32(pairs, 12), pairs);
  return select(0x0000f0f0, _mm512_srli_epi32(pairs, 12), up);
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

struct Positions {
  __m512i half[kHalves];
};

/// Decodes one tile and moves the lanes on. The halves are independent: one's gathers fill the
/// waits of the other.
Positions decode_tile(const std::uint8_t* stream, const Table& table, Positions position,
                      std::uint8_t* codes) {
  __m512i word[kHalves][kSteps];
#pragma GCC unroll 4
  for (std::uint32_t s = 0; s < kSteps; ++s) {
    Window window[kHalves];
    __m512i entry[kHalves][kStepPairs];
    for (std::uint32_t h = 0; h < kHalves; ++h) window[h] = load_window(stream, position.half[h]);
#pragma GCC unroll 4
    for (std::uint32_t r = 0; r < kStepPairs; ++r) {
      for (std::uint32_t h = 0; h < kHalves; ++h) entry[h][r] = decode_one(table, window[h]);
    }
    for (std::uint32_t h = 0; h < kHalves; ++h) {
      // The sum of the lengths fits their byte.
      const __m512i sum = _mm512_add_epi32(_mm512_add_epi32(entry[h][0], entry[h][1]),
                                           _mm512_add_epi32(entry[h][2], entry[h][3]));
      position.half[h] =
          _mm512_add_epi32(position.half[h], _mm512_and_si512(sum, _mm512_set1_epi32(0xff)));
      word[h][s] = code_word(entry[h]);
    }
  }
  store_lane_major(word[0], codes);
  store_lane_major(word[1], codes + layout::kTileCodeSectionBytes / kHalves);
  return position;
}

}  // namespace

bool huffman_decode_chunk(const std::uint8_t* stream, const ChunkStreamEntry& entry,
                          std::uint32_t num_tiles, const DecodeTable& decode_table,
                          std::uint8_t* codes) {
  Table table;
  load_table(decode_table, table);
  const LaneStrings strings = lane_strings(entry);
  Positions position, end;
  for (std::uint32_t h = 0; h < kHalves; ++h) {
    position.half[h] = _mm512_load_si512(strings.begin + kHalfLanes * h);
    end.half[h] = _mm512_load_si512(strings.end + kHalfLanes * h);
  }
  std::uint32_t wrong = 0;
  for (std::uint32_t tile = 0; tile < num_tiles; ++tile) {
    position = decode_tile(stream, table, position, codes + tile * layout::kTileCodeSectionBytes);
    for (std::uint32_t h = 0; h < kHalves; ++h) {
      wrong |= _mm512_cmpgt_epu32_mask(position.half[h], end.half[h]);
      // Whatever the stream says, no lane reads far behind its string.
      position.half[h] = _mm512_min_epu32(position.half[h], end.half[h]);
    }
  }
  const __m512i most = _mm512_set1_epi32(static_cast<int>(strings.max_filling_bits));
  for (std::uint32_t h = 0; h < kHalves; ++h) {
    wrong |= _mm512_cmpgt_epu32_mask(_mm512_sub_epi32(end.half[h], position.half[h]), most);
  }
  return wrong == 0;
}

}  // namespace unweight::codec::avx512
