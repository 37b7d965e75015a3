// SPDX-License-Identifier: BSD-3-Clause
//
// Interleaved Huffman stream -> code tiles, AVX2: the 32 lock-step lanes of families_format.h are
// the double words of four registers (*groups* of eight lanes). A refill reads eight words and
// permutes as many as there are asking lanes to where they are; codes are looked up with a gather.
#include <immintrin.h>

#include <cstring>

#include "codec/tile_kernels_avx2.h"
#include "layout/tile_order.h"

namespace unweight::codec::avx2 {
namespace {

constexpr std::size_t kSteps = 4, kRegisters = 4;
constexpr std::size_t kGroups = 4, kGroupLanes = 8;
/// Most words a tile can ask for: every lane one word a pair of weights.
constexpr std::size_t kMaxTileWords = layout::kTileElems / kSymbolsPerRefill;
static_assert(kStreamTailWords >= kGroupLanes);  // a refill reads this many words

/// at[mask][lane]: rank of the lane among the lanes of the mask.
struct RankTable {
  alignas(8) std::uint8_t at[256][kGroupLanes];
};
consteval RankTable rank_table() {
  RankTable table{};
  for (std::uint32_t mask = 0; mask < 256; ++mask) {
    std::uint8_t rank = 0;
    for (std::uint32_t lane = 0; lane < kGroupLanes; ++lane) {
      table.at[mask][lane] = rank;
      rank = static_cast<std::uint8_t>(rank + (mask >> lane & 1));
    }
  }
  return table;
}
constexpr RankTable kRanks = rank_table();

struct Table {
  alignas(64) std::int32_t entry[kDecodeTableSize];  ///< code | length << 4
};

struct Group {
  __m256i bits, count;
};
struct State {
  Group group[kGroups];
};

/// All ones in the lanes whose row is coded.
__m256i coded_lanes(std::uint32_t verbatim, std::size_t group) {
  const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256i mask = _mm256_set1_epi32(static_cast<int>(verbatim >> kGroupLanes * group));
  return _mm256_cmpeq_epi32(_mm256_and_si256(mask, bit), _mm256_setzero_si256());
}

inline const std::uint16_t* refill(const std::uint16_t* next, __m256i coded, __m256i threshold,
                                   Group& group) {
  const __m256i ask = _mm256_and_si256(coded, _mm256_cmpgt_epi32(threshold, group.count));
  const auto lanes = static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(ask)));
  const __m256i words =
      _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(next)));
  const __m256i rank =
      _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(kRanks.at[lanes])));
  const __m256i word = _mm256_and_si256(_mm256_permutevar8x32_epi32(words, rank), ask);
  group.bits = _mm256_or_si256(group.bits, _mm256_sllv_epi32(word, group.count));
  group.count =
      _mm256_add_epi32(group.count, _mm256_and_si256(ask, _mm256_set1_epi32(kStreamWordBits)));
  return next + _mm_popcnt_u32(lanes);
}

/// Decodes one code a lane: its table entry, 0 in lanes that are not coded.
inline __m256i decode_one(const Table& table, __m256i coded, Group& group) {
  const __m256i index = _mm256_and_si256(group.bits, _mm256_set1_epi32(0xff));
  const __m256i entry =
      _mm256_and_si256(_mm256_i32gather_epi32(table.entry, index, sizeof(std::int32_t)), coded);
  const __m256i length = _mm256_srli_epi32(entry, 4);
  group.bits = _mm256_srlv_epi32(group.bits, length);
  group.count = _mm256_sub_epi32(group.count, length);
  return entry;
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
  for (std::size_t k = 0; k < 4; ++k) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16 * k), _mm256_castsi256_si128(lanes[k]));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16 * (k + 4)),
                     _mm256_extracti128_si256(lanes[k], 1));
  }
}

/// Decodes one tile; at least kMaxTileWords + kStreamTailWords words must be readable at `next`.
const std::uint16_t* decode_tile(const std::uint16_t* next, std::uint32_t verbatim,
                                 const Table& table, __m256i threshold, State& state,
                                 std::uint8_t* codes) {
  __m256i coded[kGroups], word[kGroups][kSteps];
  for (std::size_t g = 0; g < kGroups; ++g) coded[g] = coded_lanes(verbatim, g);
  for (std::size_t s = 0; s < kSteps; ++s) {
    __m256i step[kGroups];
    for (__m256i& w : step) w = _mm256_setzero_si256();
    for (std::size_t r = 0; r < kRegisters; ++r) {
#pragma GCC unroll 4
      for (std::size_t g = 0; g < kGroups; ++g) {
        next = refill(next, coded[g], threshold, state.group[g]);
        const __m256i low = decode_one(table, coded[g], state.group[g]);
        const __m256i high = decode_one(table, coded[g], state.group[g]);
        // Four bits enter each 16-bit half of the word at the top: after four registers the first
        // ones are at the bottom.
        const __m256i pair = _mm256_or_si256(low, _mm256_slli_epi32(high, 16));
        step[g] = _mm256_or_si256(_mm256_srli_epi16(step[g], 4), _mm256_slli_epi16(pair, 12));
      }
    }
    for (std::size_t g = 0; g < kGroups; ++g) word[g][s] = step[g];
  }
  for (std::size_t g = 0; g < kGroups; ++g) {
    store_lane_major(word[g], codes + layout::kTileCodeSectionBytes / kGroups * g);
  }
  return next;
}

void load_table(const DecodeTable& decode_table, Table& table) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&decode_table);
  for (std::uint32_t i = 0; i < kDecodeTableSize; ++i) table.entry[i] = bytes[i];
}

}  // namespace

bool huffman_decode_chunk(const std::uint16_t* words, std::size_t num_words,
                          const std::uint32_t* lane_masks, std::uint32_t num_tiles,
                          const DecodeTable& decode_table, std::uint32_t max_code_length,
                          std::uint8_t* codes) {
  Table table;
  load_table(decode_table, table);
  const __m256i threshold =
      _mm256_set1_epi32(static_cast<int>(kSymbolsPerRefill * max_code_length));
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
    const std::uint16_t* after = decode_tile(rest + used, lane_masks[tile], table, threshold, state,
                                             codes + tile * layout::kTileCodeSectionBytes);
    used = static_cast<std::size_t>(after - rest);
    if (used > left) {
      asked_too_much = true;
      used = left;  // zeros from here on
    }
  }
  return used == left && !asked_too_much;
}

}  // namespace unweight::codec::avx2
