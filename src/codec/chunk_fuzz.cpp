// SPDX-License-Identifier: BSD-3-Clause
//
// Any bytes as a chunk's stream: every instruction set decodes them alike and stays inside. Any
// bytes as radix tiles: their digits pack to the same fields again.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "codec/codec_test_support.h"
#include "codec/radix_codes.h"

namespace unweight::testing {
namespace {

using codec::ChunkStreamEntry;

/// Input: 1 byte tiles, 256 bytes code lengths or counts, 1 byte single symbol, 40 bytes entry,
/// then the stream.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  template <typename T>
  T take() {
    T value{};
    take_bytes(&value, sizeof value);
    return value;
  }
  /// Fewer when there are fewer.
  void take_bytes(void* to, std::size_t bytes) {
    bytes = std::min(bytes, size_);
    if (bytes > 0) std::memcpy(to, data_, bytes);
    data_ += bytes;
    size_ -= bytes;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

/// The code of these lengths; where they are none, of these bytes as counts.
codec::HuffmanCode code_from(const codec::CodeLengths& bytes, std::uint8_t single_symbol) {
  codec::HuffmanCode code;
  if (codec::build_canonical_code(bytes, single_symbol, code)) return code;
  codec::PairCounts counts{};
  for (std::size_t p = 0; p < counts.size(); ++p) counts[p] = std::uint64_t{bytes[p]} * bytes[p];
  if (!codec::build_canonical_code(codec::build_code_lengths(counts), single_symbol, code)) {
    std::abort();
  }
  return code;
}

/// Codes of the same length in every lane, up to the filling: what one entry and the other say.
bool same_lengths(const ChunkStreamEntry& a, const ChunkStreamEntry& b) {
  const std::int64_t most_filling = (1 << std::max(a.length_shift(), b.length_shift())) - 1;
  for (std::uint32_t lane = 0; lane < layout::kLanes; ++lane) {
    const auto difference = std::int64_t{a.lane_bits(lane)} - std::int64_t{b.lane_bits(lane)};
    if (difference > most_filling || -difference > most_filling) return false;
  }
  return true;
}

void decode_everywhere(Input input) {
  const std::uint32_t num_tiles = 1 + input.take<std::uint8_t>() % layout::kChunkTiles;
  const auto lengths = input.take<codec::CodeLengths>();
  const auto single_symbol = input.take<std::uint8_t>();
  const codec::HuffmanCode code = code_from(lengths, single_symbol);
  const auto table = codec::build_decode_table(code);
  const auto entry = input.take<ChunkStreamEntry>();
  const std::size_t stream_bytes = codec::chunk_stream_bytes(entry);
  ExactBuffer<std::uint8_t> stream(stream_bytes + codec::kStreamTailBytes, 0xff);
  input.take_bytes(stream.data(), stream_bytes);

  ExactBuffer<std::uint8_t> expected(num_tiles * layout::kTileCodeSectionBytes);
  const bool complete =
      codec::tile_kernels(Isa::kPortable)
          .huffman_decode_chunk(stream.data(), entry, num_tiles, table, expected.data());
  for (const Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
    ExactBuffer<std::uint8_t> codes(expected.size(), 0xa5);
    const bool complete_too = codec::tile_kernels(isa).huffman_decode_chunk(
        stream.data(), entry, num_tiles, table, codes.data());
    if (complete_too != complete || (complete && !(codes == expected))) std::abort();
  }
  if (!complete) return;

  // The encoder makes strings of the same lengths of these codes, and they decode to them.
  ExactBuffer<std::uint8_t> again(codec::kMaxChunkStreamBytes + codec::kStreamTailBytes);
  const ChunkStreamEntry entry_again =
      codec::tile_kernels().huffman_encode_chunk(expected.data(), num_tiles, code, again.data());
  if (!same_lengths(entry, entry_again)) std::abort();
  ExactBuffer<std::uint8_t> codes(expected.size(), 0xa5);
  if (!codec::tile_kernels().huffman_decode_chunk(again.data(), entry_again, num_tiles, table,
                                                  codes.data()) ||
      !(codes == expected)) {
    std::abort();
  }
}

/// All but fields 121 .. 127, which no encoder makes.
void unpack_and_pack(Input input) {
  ExactBuffer<std::uint8_t> fields(codec::kTileRadixSectionBytes);
  input.take_bytes(fields.data(), fields.size());
  ExactBuffer<std::uint8_t> codes(layout::kTileCodeSectionBytes), again(fields.size());
  codec::unpack_radix_tile(fields.data(), codes.data());
  for (std::size_t b = 0; b < codes.size(); ++b) {
    if ((codes[b] & 0xf) > codec::kRadix || codes[b] >> 4 >= codec::kRadix) std::abort();
    if ((codes[b] & 0xf) == codec::kRadix) return;
  }
  codec::pack_radix_tile(codes.data(), again.data());
  if (!(again == fields)) std::abort();
}

}  // namespace
}  // namespace unweight::testing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  unweight::testing::decode_everywhere({data, size});
  unweight::testing::unpack_and_pack({data, size});
  return 0;
}
