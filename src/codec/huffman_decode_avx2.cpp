// SPDX-License-Identifier: BSD-3-Clause
//
// Huffman strings -> code tiles, AVX2, as huffman_decode_avx512.cpp explains: the 32 lanes of a
// chunk are the double words of four registers (*groups* of eight).
#include <immintrin.h>

#include "codec/lane_strings.h"
#include "codec/tile_kernels_avx2.h"
#include "layout/tile_order.h"

namespace unweight::codec::avx2 {
namespace {

constexpr std::uint32_t kSteps = layout::kSteps;
constexpr std::uint32_t kStepPairs = 4;
constexpr std::uint32_t kGroups = 4, kGroupLanes = 8;
static_assert(7 + kStepPairs * kMaxCodeLength <= 64);
// The last window of a tile begins at most this far behind the end of a string.
static_assert((3 * kStepPairs * kMaxCodeLength + 7) / 8 + 8 <= kStreamTailBytes);

/// The decode table with the bytes of its entries swapped: pair << 8 | length.
struct Table {
  alignas(32) std::uint16_t entry[kDecodeTableSize];
  std::uint16_t behind;  ///< a gather reads double words
};
constexpr int kLengthMask = 0xff;

void load_table(const DecodeTable& decode_table, Table& table) {
  const auto* from = reinterpret_cast<const __m256i*>(&decode_table);
  auto* to = reinterpret_cast<__m256i*>(table.entry);
  for (std::uint32_t i = 0; i < kDecodeTableSize / 16; ++i) {
    const __m256i e = _mm256_loadu_si256(from + i);
    _mm256_store_si256(to + i, _mm256_or_si256(_mm256_slli_epi16(e, 8), _mm256_srli_epi16(e, 8)));
  }
  table.behind = 0;
}

/// The next 57 or more bits of every lane of a group.
struct Window {
  __m256i low, high;
};

/// Drops the lowest `count` <= 31 bits.
inline Window skip(Window window, __m256i count) {
  const __m256i rest = _mm256_sub_epi32(_mm256_set1_epi32(32), count);
  return {
      _mm256_or_si256(_mm256_srlv_epi32(window.low, count), _mm256_sllv_epi32(window.high, rest)),
      _mm256_srlv_epi32(window.high, count)};
}

inline Window load_window(const std::uint8_t* stream, __m256i position) {
  const __m256i byte = _mm256_srli_epi32(position, 3);
  const auto* from = reinterpret_cast<const long long*>(stream);
  const __m256 a =
      _mm256_castsi256_ps(_mm256_i32gather_epi64(from, _mm256_castsi256_si128(byte), 1));
  const __m256 b =
      _mm256_castsi256_ps(_mm256_i32gather_epi64(from, _mm256_extracti128_si256(byte, 1), 1));
  // Lanes 0, 1, 4, 5 | 2, 3, 6, 7.
  const __m256i low = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
  const __m256i high = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd));
  const Window window{_mm256_permute4x64_epi64(low, 0xd8), _mm256_permute4x64_epi64(high, 0xd8)};
  return skip(window, _mm256_and_si256(position, _mm256_set1_epi32(7)));
}

/// Decodes one pair a lane: its entry, with rubbish above bit 15.
inline __m256i decode_one(const Table& table, Window& window) {
  const __m256i index = _mm256_and_si256(window.low, _mm256_set1_epi32(kDecodeTableSize - 1));
  const __m256i entry = _mm256_i32gather_epi32(reinterpret_cast<const int*>(table.entry), index,
                                               sizeof(std::uint16_t));
  window = skip(window, _mm256_and_si256(entry, _mm256_set1_epi32(kLengthMask)));
  return entry;
}

inline __m256i bits_of(__m256i value, std::uint32_t mask) {
  return _mm256_and_si256(value, _mm256_set1_epi32(static_cast<int>(mask)));
}

/// Pairs of the four entries of a lane -> its code word.
inline __m256i code_word(const __m256i* entry) {
  // Bytes: pair 0, pair 2, pair 1, pair 3.
  const __m256i low =
      _mm256_or_si256(bits_of(_mm256_srli_epi32(entry[0], 8), 0x00ff), bits_of(entry[2], 0xff00));
  const __m256i high = _mm256_or_si256(bits_of(_mm256_slli_epi32(entry[1], 8), 0x00ff0000),
                                       bits_of(_mm256_slli_epi32(entry[3], 16), 0xff000000));
  const __m256i pairs = _mm256_or_si256(low, high);
  // Half of the nibbles are in place; the others change sides.
  const __m256i moved = _mm256_or_si256(bits_of(_mm256_slli_epi32(pairs, 12), 0x0f0f0000),
                                        bits_of(_mm256_srli_epi32(pairs, 12), 0x0000f0f0));
  return _mm256_or_si256(bits_of(pairs, 0xf0f00f0f), moved);
}

/// Code words of four steps of eight lanes -> the lanes' 16 bytes each.
void store_lane_major(const __m256i* step, std::uint8_t* out) {
  const __m256i a = _mm256_unpacklo_epi32(step[0], step[1]);
  const __m256i b = _mm256_unpackhi_epi32(step[0], step[1]);
  const __m256i c = _mm256_unpacklo_epi32(step[2], step[3]);
  const __m256i d = _mm256_unpackhi_epi32(step[2], step[3]);
  // Lanes k and k + 4.
  const __m256i lanes[4] = {_mm256_unpacklo_epi64(a, c), _mm256_unpackhi_epi64(a, c),
                            _mm256_unpacklo_epi64(b, d), _mm256_unpackhi_epi64(b, d)};
  for (std::uint32_t k = 0; k < 4; ++k) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16 * k), _mm256_castsi256_si128(lanes[k]));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16 * (k + 4)),
                     _mm256_extracti128_si256(lanes[k], 1));
  }
}

/// Decodes one tile and moves the lanes on. The groups are independent: one's gathers fill the
/// waits of the others.
void decode_tile(const std::uint8_t* stream, const Table& table, __m256i* position,
                 std::uint8_t* codes) {
  __m256i word[kGroups][kSteps];
  for (std::uint32_t s = 0; s < kSteps; ++s) {
    Window window[kGroups];
    __m256i entry[kGroups][kStepPairs];
#pragma GCC unroll 4
    for (std::uint32_t g = 0; g < kGroups; ++g) window[g] = load_window(stream, position[g]);
#pragma GCC unroll 4
    for (std::uint32_t r = 0; r < kStepPairs; ++r) {
#pragma GCC unroll 4
      for (std::uint32_t g = 0; g < kGroups; ++g) entry[g][r] = decode_one(table, window[g]);
    }
#pragma GCC unroll 4
    for (std::uint32_t g = 0; g < kGroups; ++g) {
      // The sum of the lengths fits their byte.
      const __m256i sum = _mm256_add_epi32(_mm256_add_epi32(entry[g][0], entry[g][1]),
                                           _mm256_add_epi32(entry[g][2], entry[g][3]));
      position[g] =
          _mm256_add_epi32(position[g], _mm256_and_si256(sum, _mm256_set1_epi32(kLengthMask)));
      word[g][s] = code_word(entry[g]);
    }
  }
  for (std::uint32_t g = 0; g < kGroups; ++g) {
    store_lane_major(word[g], codes + layout::kTileCodeSectionBytes / kGroups * g);
  }
}

__m256i load_group(const std::uint32_t* lanes, std::uint32_t group) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(lanes + kGroupLanes * group));
}

}  // namespace

bool huffman_decode_chunk(const std::uint8_t* stream, const ChunkStreamEntry& entry,
                          std::uint32_t num_tiles, const DecodeTable& decode_table,
                          std::uint8_t* codes) {
  Table table;
  load_table(decode_table, table);
  const LaneStrings strings = lane_strings(entry);
  __m256i position[kGroups], end[kGroups];
  for (std::uint32_t g = 0; g < kGroups; ++g) {
    position[g] = load_group(strings.begin, g);
    end[g] = load_group(strings.end, g);
  }
  __m256i wrong = _mm256_setzero_si256();
  for (std::uint32_t tile = 0; tile < num_tiles; ++tile) {
    decode_tile(stream, table, position, codes + tile * layout::kTileCodeSectionBytes);
    for (std::uint32_t g = 0; g < kGroups; ++g) {
      wrong = _mm256_or_si256(wrong, _mm256_cmpgt_epi32(position[g], end[g]));
      // Whatever the stream says, no lane reads far behind its string.
      position[g] = _mm256_min_epi32(position[g], end[g]);
    }
  }
  const __m256i most = _mm256_set1_epi32(static_cast<int>(strings.max_filling_bits));
  for (std::uint32_t g = 0; g < kGroups; ++g) {
    const __m256i left = _mm256_sub_epi32(end[g], position[g]);
    wrong = _mm256_or_si256(wrong, _mm256_cmpgt_epi32(left, most));
  }
  return _mm256_testz_si256(wrong, wrong) != 0;
}

}  // namespace unweight::codec::avx2
