// SPDX-License-Identifier: BSD-3-Clause
//
// Code tiles -> Huffman strings, AVX-512. First the four pairs of each lane and step are looked up
// and become one group of at most 52 bits, four lanes at a time. Then the groups, lane by lane, go
// one behind the other.
#include <immintrin.h>

#include "codec/lane_strings.h"
#include "codec/tile_kernels_avx512.h"
#include "layout/tile_order.h"

namespace unweight::codec::avx512 {
namespace {

/// By pair:  31   16 15    0
///         | length | bits |
struct PairTable {
  alignas(64) std::uint32_t entry[kNumPairs];
};

void load_table(const HuffmanCode& code, PairTable& table) {
  const auto* bits = reinterpret_cast<const std::uint16_t*>(&code.bits);
  const auto* lengths = reinterpret_cast<const std::uint8_t*>(&code.lengths);
  for (std::uint32_t pair = 0; pair < kNumPairs; pair += 16) {
    const __m512i low =
        _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(bits + pair)));
    const __m512i high =
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(lengths + pair)));
    _mm512_store_si512(table.entry + pair, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
  }
}

/// Bits in the elements of a register and how many are valid.
struct Groups {
  __m512i bits, lengths;
};

/// Codes of two pairs of every double word.
inline Groups join_entries(__m512i first, __m512i second) {
  const __m512i mask = _mm512_set1_epi32(0xffff);
  const __m512i length = _mm512_srli_epi32(first, 16);
  const __m512i high = _mm512_sllv_epi32(_mm512_and_si512(second, mask), length);
  return {_mm512_or_si512(_mm512_and_si512(first, mask), high),
          _mm512_add_epi32(length, _mm512_srli_epi32(second, 16))};
}

/// Both halves of every quad word.
inline Groups join_double_words(__m512i bits, __m512i lengths) {
  const __m512i mask = _mm512_set1_epi64(0xffffffff);
  const __m512i length = _mm512_and_si512(lengths, mask);
  const __m512i high = _mm512_sllv_epi64(_mm512_srli_epi64(bits, 32), length);
  return {_mm512_or_si512(_mm512_and_si512(bits, mask), high),
          _mm512_add_epi64(length, _mm512_srli_epi64(lengths, 32))};
}

inline __m512i look_up(const PairTable& table, __m512i index) {
  return _mm512_i32gather_epi32(index, table.entry, sizeof(std::uint32_t));
}

struct QuadGroups {
  Groups steps01, steps23;
};

/// The 64 bytes of four lanes of a code tile -> their groups.
inline QuadGroups make_groups(const PairTable& table, const std::uint8_t* codes) {
  const __m512i words = _mm512_loadu_si512(codes);
  // Swap nibbles between the halves of a double word, so that its bytes are pairs 0, 2, 1, 3.
  const __m512i nibbles = _mm512_set1_epi32(0x0f0f0f0f);
  const __m512i even = _mm512_and_si512(words, nibbles);
  const __m512i odd = _mm512_andnot_si512(nibbles, words);
  const __m512i byte = _mm512_set1_epi32(0xff);
  const __m512i pairs02 = _mm512_or_si512(even, _mm512_srli_epi32(even, 12));
  const __m512i pairs13 = _mm512_or_si512(_mm512_srli_epi32(odd, 4), _mm512_srli_epi32(odd, 16));
  const __m512i e0 = look_up(table, _mm512_and_si512(pairs02, byte));
  const __m512i e1 = look_up(table, _mm512_and_si512(pairs13, byte));
  const __m512i e2 = look_up(table, _mm512_and_si512(_mm512_srli_epi32(pairs02, 8), byte));
  const __m512i e3 = look_up(table, _mm512_and_si512(_mm512_srli_epi32(pairs13, 8), byte));
  const Groups low = join_entries(e0, e1), high = join_entries(e2, e3);
  return {join_double_words(_mm512_unpacklo_epi32(low.bits, high.bits),
                            _mm512_unpacklo_epi32(low.lengths, high.lengths)),
          join_double_words(_mm512_unpackhi_epi32(low.bits, high.bits),
                            _mm512_unpackhi_epi32(low.lengths, high.lengths))};
}

/// Groups of lanes 4q..4q+3 of all tiles.
void make_quad_groups(const PairTable& table, const std::uint8_t* codes, std::uint32_t num_tiles,
                      std::uint32_t quad, ChunkGroups& groups) {
  __m512i sum = _mm512_setzero_si512();
  for (std::uint32_t tile = 0; tile < num_tiles; ++tile) {
    const QuadGroups g =
        make_groups(table, codes + tile * layout::kTileCodeSectionBytes + 64 * quad);
    _mm512_store_si512(groups.bits[quad][tile][0], g.steps01.bits);
    _mm512_store_si512(groups.bits[quad][tile][1], g.steps23.bits);
    auto* lengths = reinterpret_cast<__m128i*>(groups.lengths[quad][tile]);
    _mm_storeu_si128(lengths, _mm_unpacklo_epi64(_mm512_cvtepi64_epi8(g.steps01.lengths),
                                                 _mm512_cvtepi64_epi8(g.steps23.lengths)));
    sum = _mm512_add_epi64(sum, _mm512_add_epi64(g.steps01.lengths, g.steps23.lengths));
  }
  // Lane 4q+k: the quad words 2k and 2k+1.
  const __m512i sums = _mm512_add_epi64(sum, _mm512_unpackhi_epi64(sum, sum));
  const __m256i lanes = _mm512_cvtepi64_epi32(_mm512_maskz_compress_epi64(0x55, sums));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(groups.lane_bits + kQuadLanes * quad),
                   _mm256_castsi256_si128(lanes));
}

}  // namespace

ChunkStreamEntry huffman_encode_chunk(const std::uint8_t* codes, std::uint32_t num_tiles,
                                      const HuffmanCode& code, std::uint8_t* stream) {
  PairTable table;
  load_table(code, table);
  ChunkGroups groups;
  for (std::uint32_t quad = 0; quad < kQuads; ++quad) {
    make_quad_groups(table, codes, num_tiles, quad, groups);
  }
  return write_strings(groups, num_tiles, stream);
}

}  // namespace unweight::codec::avx512
