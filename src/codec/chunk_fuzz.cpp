// SPDX-License-Identifier: BSD-3-Clause
//
// Any bytes as a chunk's stream: every instruction set decodes them alike and stays inside.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "codec/codec_test_support.h"

namespace unweight::testing {
namespace {

/// Input: 1 byte tiles, 16 bytes code lengths or counts, 1 byte single symbol, 4 bytes a tile lane
/// mask, then the words.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  template <typename T>
  T take() {
    T value{};
    const std::size_t bytes = std::min(sizeof(T), size_);
    if (bytes > 0) std::memcpy(&value, data_, bytes);
    data_ += bytes;
    size_ -= bytes;
    return value;
  }
  [[nodiscard]] std::size_t words_left() const { return size_ / sizeof(std::uint16_t); }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

/// The code of these lengths; where they are none, of these bytes as counts.
codec::HuffmanCode code_from(const codec::CodeLengths& bytes) {
  codec::HuffmanCode code;
  if (codec::build_canonical_code(bytes, code)) return code;
  std::array<std::uint64_t, codec::kPaletteSize> counts{};
  for (std::size_t s = 0; s < counts.size(); ++s) counts[s] = std::uint64_t{bytes[s]} * bytes[s];
  if (!codec::build_canonical_code(codec::build_code_lengths(counts), code)) std::abort();
  return code;
}

void decode_everywhere(Input input) {
  const std::uint32_t num_tiles = 1 + input.take<std::uint8_t>() % layout::kChunkTiles;
  const auto lengths = input.take<codec::CodeLengths>();
  const auto single_symbol = static_cast<std::uint8_t>(input.take<std::uint8_t>() % 16);
  const codec::HuffmanCode code = code_from(lengths);
  const auto table = codec::build_decode_table(code, single_symbol);
  ExactBuffer<std::uint32_t> masks(num_tiles);
  for (std::uint32_t t = 0; t < num_tiles; ++t) masks[t] = input.take<std::uint32_t>();
  const std::size_t num_words = input.words_left();
  ExactBuffer<std::uint16_t> words(num_words + codec::kStreamTailWords, 0xffff);
  for (std::size_t i = 0; i < num_words; ++i) words[i] = input.take<std::uint16_t>();

  const std::size_t bytes = num_tiles * layout::kTileCodeSectionBytes;
  ExactBuffer<std::uint8_t> expected(bytes);
  const bool complete = codec::tile_kernels(Isa::kPortable)
                            .huffman_decode_chunk(words.data(), num_words, masks.data(), num_tiles,
                                                  table, code.max_length, expected.data());
  for (const Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
    ExactBuffer<std::uint8_t> codes(bytes, 0xa5);
    const bool complete_too = codec::tile_kernels(isa).huffman_decode_chunk(
        words.data(), num_words, masks.data(), num_tiles, table, code.max_length, codes.data());
    if (complete_too != complete || !(codes == expected)) std::abort();
  }
  if (!complete) return;

  // A stream that is used up is what the encoder makes of these codes, but for the padding bits.
  ExactBuffer<std::uint16_t> again(num_tiles * layout::kTileElems / 2 + 64);
  const std::size_t num_words_again = codec::tile_kernels().huffman_encode_chunk(
      expected.data(), masks.data(), num_tiles, code, again.data());
  if (num_words_again != num_words) std::abort();
}

}  // namespace
}  // namespace unweight::testing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  unweight::testing::decode_everywhere({data, size});
  return 0;
}
