// SPDX-License-Identifier: BSD-3-Clause
//
// Code tiles -> Huffman strings, AVX2: as huffman_encode_avx512.cpp, two lanes at a time.
#include <immintrin.h>

#include "codec/lane_strings.h"
#include "codec/tile_kernels_avx2.h"
#include "layout/tile_order.h"

namespace unweight::codec::avx2 {
namespace {

constexpr std::uint32_t kNumLanePairs = layout::kLanes / 2;

/// By pair of codes:  31   16 15    0
///                  | length | bits |
struct PairTable {
  alignas(32) std::int32_t entry[kNumPairs];
};

void load_table(const HuffmanCode& code, PairTable& table) {
  const auto* bits = reinterpret_cast<const std::uint16_t*>(&code.bits);
  const auto* lengths = reinterpret_cast<const std::uint8_t*>(&code.lengths);
  for (std::uint32_t pair = 0; pair < kNumPairs; ++pair) {
    table.entry[pair] = lengths[pair] << 16 | bits[pair];
  }
}

/// Bits in the elements of a register and how many are valid.
struct Groups {
  __m256i bits, lengths;
};

/// Codes of two pairs of every double word.
inline Groups join_entries(__m256i first, __m256i second) {
  const __m256i mask = _mm256_set1_epi32(0xffff);
  const __m256i length = _mm256_srli_epi32(first, 16);
  const __m256i high = _mm256_sllv_epi32(_mm256_and_si256(second, mask), length);
  return {_mm256_or_si256(_mm256_and_si256(first, mask), high),
          _mm256_add_epi32(length, _mm256_srli_epi32(second, 16))};
}

/// Both halves of every quad word.
inline Groups join_double_words(__m256i bits, __m256i lengths) {
  const __m256i mask = _mm256_set1_epi64x(0xffffffff);
  const __m256i length = _mm256_and_si256(lengths, mask);
  const __m256i high = _mm256_sllv_epi64(_mm256_srli_epi64(bits, 32), length);
  return {_mm256_or_si256(_mm256_and_si256(bits, mask), high),
          _mm256_add_epi64(length, _mm256_srli_epi64(lengths, 32))};
}

inline __m256i look_up(const PairTable& table, __m256i index) {
  return _mm256_i32gather_epi32(table.entry, index, sizeof(std::int32_t));
}

struct LaneGroups {
  Groups steps01, steps23;
};

/// The 32 bytes of two lanes of a code tile -> their groups.
inline LaneGroups make_groups(const PairTable& table, const std::uint8_t* codes) {
  const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes));
  // Swap nibbles between the halves of a double word, so that its bytes are pairs.
  const __m256i nibbles = _mm256_set1_epi32(0x0f0f0f0f);
  const __m256i even = _mm256_and_si256(words, nibbles);
  const __m256i odd = _mm256_andnot_si256(nibbles, words);
  const __m256i byte = _mm256_set1_epi32(0xff);
  const __m256i pairs02 = _mm256_or_si256(even, _mm256_srli_epi32(even, 12));
  const __m256i pairs13 = _mm256_or_si256(_mm256_srli_epi32(odd, 4), _mm256_srli_epi32(odd, 16));
  const __m256i e0 = look_up(table, _mm256_and_si256(pairs02, byte));
  const __m256i e1 = look_up(table, _mm256_and_si256(pairs13, byte));
  const __m256i e2 = look_up(table, _mm256_and_si256(_mm256_srli_epi32(pairs02, 8), byte));
  const __m256i e3 = look_up(table, _mm256_and_si256(_mm256_srli_epi32(pairs13, 8), byte));
  const Groups low = join_entries(e0, e1), high = join_entries(e2, e3);
  return {join_double_words(_mm256_unpacklo_epi32(low.bits, high.bits),
                            _mm256_unpacklo_epi32(low.lengths, high.lengths)),
          join_double_words(_mm256_unpackhi_epi32(low.bits, high.bits),
                            _mm256_unpackhi_epi32(low.lengths, high.lengths))};
}

/// Stores groups of two lanes and steps.
inline void store_groups(Groups g, std::uint64_t* bits, std::uint8_t* lengths) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(bits), g.bits);
  const __m256i bytes = _mm256_shuffle_epi8(
      g.lengths, _mm256_setr_epi8(0, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,  //
                                  -1, -1, 0, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  _mm_storeu_si32(lengths,
                  _mm_or_si128(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1)));
}

/// Groups of lanes 2 * pair and 2 * pair + 1 of all tiles.
void make_pair_groups(const PairTable& table, const std::uint8_t* codes, std::uint32_t num_tiles,
                      std::uint32_t pair, ChunkGroups& groups) {
  const std::uint32_t quad = pair / 2, first = 4 * (pair % 2);
  __m256i sum = _mm256_setzero_si256();
  for (std::uint32_t tile = 0; tile < num_tiles; ++tile) {
    const LaneGroups g =
        make_groups(table, codes + tile * layout::kTileCodeSectionBytes + 32 * pair);
    store_groups(g.steps01, groups.bits[quad][tile][0] + first,
                 groups.lengths[quad][tile][0] + first);
    store_groups(g.steps23, groups.bits[quad][tile][1] + first,
                 groups.lengths[quad][tile][1] + first);
    sum = _mm256_add_epi64(sum, _mm256_add_epi64(g.steps01.lengths, g.steps23.lengths));
  }
  const __m256i sums = _mm256_add_epi64(sum, _mm256_unpackhi_epi64(sum, sum));
  groups.lane_bits[2 * pair] = static_cast<std::uint32_t>(_mm256_extract_epi32(sums, 0));
  groups.lane_bits[2 * pair + 1] = static_cast<std::uint32_t>(_mm256_extract_epi32(sums, 4));
}

}  // namespace

ChunkStreamEntry huffman_encode_chunk(const std::uint8_t* codes, std::uint32_t num_tiles,
                                      const HuffmanCode& code, std::uint8_t* stream) {
  PairTable table;
  load_table(code, table);
  ChunkGroups groups;
  for (std::uint32_t pair = 0; pair < kNumLanePairs; ++pair) {
    make_pair_groups(table, codes, num_tiles, pair, groups);
  }
  return write_strings(groups, num_tiles, stream);
}

}  // namespace unweight::codec::avx2
