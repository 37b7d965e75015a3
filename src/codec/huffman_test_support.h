// SPDX-License-Identifier: BSD-3-Clause
//
// For tests of the Huffman kernels: codes, code tiles, and streams drawn bit by bit.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "codec/codec_test_support.h"

namespace unweight::testing {

using codec::ChunkStreamEntry;
using codec::HuffmanCode;
using codec::kStreamTailBytes;
using layout::kChunkTiles;
using layout::kLanes;
using layout::kTileCodeSectionBytes;

inline HuffmanCode code_of(const codec::PairCounts& counts, std::uint8_t single_symbol = 0) {
  HuffmanCode code;
  EXPECT_TRUE(codec::build_canonical_code(codec::build_code_lengths(counts), single_symbol, code));
  return code;
}

/// A random complete code: counts spread over up to 2^max_log2.
inline HuffmanCode random_code(std::mt19937_64& rng, std::size_t num_symbols, unsigned max_log2) {
  codec::PairCounts counts{};
  for (std::size_t i = 0; i < num_symbols; ++i)
    counts[i] = 1 + (rng() >> (63 - rng() % (max_log2 + 1)));
  std::shuffle(counts.begin(), counts.end(), rng);
  const auto any = std::max_element(counts.begin(), counts.end()) - counts.begin();
  return code_of(counts, static_cast<std::uint8_t>(any));
}

inline void set_pair(ExactBuffer<std::uint8_t>& codes, std::size_t tile, std::uint32_t lane,
                     std::uint32_t i, std::uint32_t pair) {
  for (const std::uint32_t j : {0u, 1u}) {
    const std::uint32_t bit = layout::code_section_bit({lane, i + j});
    std::uint8_t& byte = codes[tile * kTileCodeSectionBytes + bit / 8];
    byte = static_cast<std::uint8_t>((byte & ~(0xf << bit % 8)) | (pair >> 4 * j & 0xf) << bit % 8);
  }
}

/// Code tiles of pairs that pick(lane) gives.
template <typename Pick>
ExactBuffer<std::uint8_t> make_code_tiles(std::uint32_t num_tiles, Pick pick) {
  ExactBuffer<std::uint8_t> codes(num_tiles * kTileCodeSectionBytes);
  for (std::size_t tile = 0; tile < num_tiles; ++tile) {
    for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
      for (std::uint32_t i = 0; i < layout::kLaneElems; i += 2) {
        set_pair(codes, tile, lane, i, pick(lane));
      }
    }
  }
  return codes;
}

/// Code tiles of symbols that the code has, likely ones more often.
inline ExactBuffer<std::uint8_t> random_code_tiles(std::mt19937_64& rng, const HuffmanCode& code,
                                                   std::uint32_t num_tiles) {
  const codec::DecodeTable table = codec::build_decode_table(code);
  return make_code_tiles(num_tiles, [&](std::uint32_t) {
    return std::uint32_t{table[rng() % codec::kDecodeTableSize]} & 0xff;
  });
}

inline std::uint32_t num_tiles_of(const ExactBuffer<std::uint8_t>& codes) {
  return static_cast<std::uint32_t>(codes.size() / kTileCodeSectionBytes);
}

/// Calls fn(rng, code, num_tiles) for many codes and chunk lengths.
template <typename Fn>
void for_random_chunks(std::uint64_t seed, Fn fn) {
  std::mt19937_64 rng(seed);
  for (const std::uint32_t num_tiles : {1u, 2u, 5u, 31u, 32u}) {
    for (const std::size_t num_symbols : {1, 2, 3, 4, 7, 16, 40, 128, 255, 256}) {
      for (int round = 0; round < 2; ++round) {
        fn(rng, random_code(rng, num_symbols, static_cast<unsigned>(rng() % 40)), num_tiles);
      }
    }
  }
}

/// A code with the lengths 13, 13, 12, 11, .., 1.
inline constexpr std::uint32_t kShortest = 0xd3, kLongest = 0x2a;
inline HuffmanCode skewed_code() {
  codec::PairCounts counts{};
  for (std::uint32_t s = 1; s < 13; ++s) counts[s] = std::uint64_t{1} << s;
  counts[kLongest] = 1;
  counts[kShortest] = std::uint64_t{1} << 13;
  const HuffmanCode code = code_of(counts);
  EXPECT_EQ(code.lengths[kLongest], 13);
  EXPECT_EQ(code.lengths[kShortest], 1);
  return code;
}

inline std::uint32_t code_at(const ExactBuffer<std::uint8_t>& codes, std::size_t tile,
                             std::uint32_t lane, std::uint32_t i) {
  const std::uint32_t bit = layout::code_section_bit({lane, i});
  return codes[tile * kTileCodeSectionBytes + bit / 8] >> bit % 8 & 0xf;
}

/// A chunk's entry and stream, bit by bit as the format defines them.
struct DrawnStream {
  ChunkStreamEntry entry{};
  std::vector<std::uint8_t> bytes;
};
inline DrawnStream draw_stream(const ExactBuffer<std::uint8_t>& codes, const HuffmanCode& code) {
  std::array<std::vector<bool>, kLanes> strings;
  std::array<std::uint32_t, kLanes> code_bits;
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    for (std::size_t tile = 0; tile < num_tiles_of(codes); ++tile) {
      for (std::uint32_t i = 0; i < layout::kLaneElems; i += 2) {
        const std::uint32_t pair = code_at(codes, tile, lane, i) | code_at(codes, tile, lane, i + 1)
                                                                       << 4;
        for (std::uint32_t bit = 0; bit < code.lengths[pair]; ++bit) {
          strings[lane].push_back((code.bits[pair] >> bit & 1) != 0);
        }
      }
    }
    code_bits[lane] = static_cast<std::uint32_t>(strings[lane].size());
  }
  DrawnStream drawn{codec::make_stream_entry(code_bits), {}};
  std::vector<bool> all;
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    strings[lane].resize(drawn.entry.lane_bits(lane), false);
    all.insert(all.end(), strings[lane].begin(), strings[lane].end());
  }
  drawn.bytes.resize((all.size() + 7) / 8);
  for (std::size_t bit = 0; bit < all.size(); ++bit) {
    if (all[bit]) drawn.bytes[bit / 8] |= static_cast<std::uint8_t>(1u << bit % 8);
  }
  return drawn;
}

/// A stream with the memory that a decoder may read, and not a byte more: behind it lies a page
/// that nobody may touch (AddressSanitizer does not see gathers). What `bytes` lack is 1s.
class ReadableStream {
 public:
  ReadableStream(const std::vector<std::uint8_t>& bytes, const ChunkStreamEntry& entry)
      : size_(codec::chunk_stream_bytes(entry) + kStreamTailBytes) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t usable = (size_ + page - 1) / page * page;
    mapped_bytes_ = usable + page;
    mapping_ =
        mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(mapping_, MAP_FAILED);
    std::uint8_t* guard = static_cast<std::uint8_t*>(mapping_) + usable;
    EXPECT_EQ(mprotect(guard, page, PROT_NONE), 0);
    begin_ = guard - size_;
    std::fill_n(begin_, size_, std::uint8_t{0xff});
    std::copy_n(bytes.begin(), std::min(bytes.size(), size_ - kStreamTailBytes), begin_);
  }
  ~ReadableStream() { munmap(mapping_, mapped_bytes_); }
  ReadableStream(const ReadableStream&) = delete;
  ReadableStream& operator=(const ReadableStream&) = delete;

  [[nodiscard]] const std::uint8_t* data() const { return begin_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::uint8_t& operator[](std::size_t i) { return begin_[i]; }

 private:
  std::size_t size_, mapped_bytes_;
  void* mapping_;
  std::uint8_t* begin_;
};

inline bool same_entry(const ChunkStreamEntry& a, const ChunkStreamEntry& b) {
  return a.packed == b.packed && a.lane_delta == b.lane_delta;
}

/// What a decoder makes of any bytes.
struct Decoded {
  bool complete;
  ExactBuffer<std::uint8_t> codes;

  friend bool operator==(const Decoded& a, const Decoded& b) {
    return a.complete == b.complete && (!a.complete || a.codes == b.codes);
  }
};
inline Decoded decode(const codec::TileKernels& kernels, const ReadableStream& stream,
                      const ChunkStreamEntry& entry, std::uint32_t num_tiles,
                      const codec::DecodeTable& table) {
  Decoded decoded{false, ExactBuffer<std::uint8_t>(num_tiles * kTileCodeSectionBytes, 0xa5)};
  decoded.complete =
      kernels.huffman_decode_chunk(stream.data(), entry, num_tiles, table, decoded.codes.data());
  return decoded;
}

}  // namespace unweight::testing
