// SPDX-License-Identifier: BSD-3-Clause
//
// encode_chunks -> decode_chunks gives back every bit, in whole and in windows; the reference
// decoder reads the same bytes the same way.
#include <gtest/gtest.h>

#include <random>

#include "codec/codec_test_support.h"
#include "codec/decode_whole.h"
#include "codec/reference_decoder.h"
#include "hostile_tensors.h"

namespace unweight::testing {
namespace {

using codec::EncodedView;

constexpr Family kFamilies[] = {Family::kPalette, Family::kHuffman, Family::kRadix};
constexpr std::uint16_t kCanary = 0xa5a5;

void expect_round_trip(const HostileTensor& tensor) {
  for (const Family family : kFamilies) {
    SCOPED_TRACE(tensor.name + " " + std::to_string(tensor.rows) + "x" +
                 std::to_string(tensor.cols) + " family " +
                 std::to_string(static_cast<int>(family)));
    const auto plan = plan_for(tensor.weights, tensor.rows, tensor.cols, family);
    const EncodedTensor encoded = encode_tensor(plan, tensor.weights.data());
    ASSERT_TRUE(decode_whole(encoded.view()) == tensor.weights);
    const auto reference = codec::reference_decode(blob_of(encoded));
    ASSERT_TRUE(reference.ok()) << reference.error().message;
    EXPECT_EQ(reference->rows, tensor.rows);
    EXPECT_EQ(reference->cols, tensor.cols);
    ASSERT_TRUE(reference->weights == tensor.weights);
  }
}

TEST(ChunkCodec, EveryBitComesBack) {
  for (const HostileTensor& tensor : hostile_tensors()) expect_round_trip(tensor);
}

/// Strips of 1, 5, 31, 32, 33 and 65 tiles: chunks begin and end anywhere in a strip.
const std::uint64_t kTilesPerStrip[] = {1, 5, 31, 32, 33, 65};

TEST(ChunkCodec, BytesDoNotDependOnTheSplitIntoCalls) {
  for (const std::uint64_t tiles_per_strip : kTilesPerStrip) {
    const HostileTensor tensor = student_t_tensor(150, tiles_per_strip * 64 - 5);
    for (const Family family : kFamilies) {
      const auto plan = plan_for(tensor.weights, tensor.rows, tensor.cols, family);
      const auto blob = blob_of(encode_tensor(plan, tensor.weights.data()));
      for (const std::uint64_t chunks_per_call : {1, 2, 3}) {
        EXPECT_TRUE(blob_of(encode_tensor(plan, tensor.weights.data(), chunks_per_call)) == blob);
      }
    }
  }
}

/// What a streaming reader holds of chunks [first, first + count): spans that begin there.
struct ViewWindow {
  std::vector<codec::ChunkStreamEntry> chunk_streams;
  std::vector<codec::VerbatimIndexEntry> verbatim_index;
  std::vector<std::uint16_t> verbatim_positions;
  std::vector<std::uint8_t> verbatim_rows, sign_mantissa, codes, stream;
  EncodedView view;

  ViewWindow(const EncodedView& whole, std::uint64_t first, std::uint64_t count) : view(whole) {
    const std::uint64_t first_tile = first * layout::kChunkTiles;
    const std::uint64_t end_tile =
        std::min((first + count) * layout::kChunkTiles, whole.grid.num_tiles());
    const bool last = first + count == whole.grid.num_chunks();
    const auto cut = [](auto& to, const auto& from, std::uint64_t begin, std::uint64_t end) {
      to.assign(from.begin() + static_cast<std::ptrdiff_t>(begin),
                from.begin() + static_cast<std::ptrdiff_t>(end));
    };
    cut(verbatim_index, whole.verbatim_index, first, first + count);
    view.verbatim_row_base = verbatim_index[0].first_verbatim_row;
    const std::uint64_t end_row = last ? whole.verbatim_positions.size()
                                       : whole.verbatim_index[first + count].first_verbatim_row;
    cut(verbatim_positions, whole.verbatim_positions, view.verbatim_row_base, end_row);
    const std::uint64_t entry_bytes = codec::verbatim_bytes(whole.family);
    cut(verbatim_rows, whole.verbatim_rows, entry_bytes * view.verbatim_row_base,
        entry_bytes * end_row);
    cut(sign_mantissa, whole.sign_mantissa, 1024 * first_tile, 1024 * end_tile);
    if (whole.family != Family::kHuffman) {
      const std::uint64_t tile_bytes = codec::tile_codes_bytes(whole.family);
      cut(codes, whole.codes, tile_bytes * first_tile, tile_bytes * end_tile);
    } else {
      cut(chunk_streams, whole.chunk_streams, first, first + count);
      view.stream_base = chunk_streams.front().stream_offset();
      cut(stream, whole.stream, view.stream_base,
          chunk_streams.back().stream_offset() + codec::chunk_stream_bytes(chunk_streams.back()));
      stream.resize(stream.size() + codec::kStreamTailBytes, 0xff);  // any content will do
      stream.shrink_to_fit();
    }
    view.first_chunk = first;
    view.chunk_streams = chunk_streams;
    view.verbatim_index = verbatim_index;
    view.verbatim_positions = verbatim_positions;
    view.verbatim_rows = verbatim_rows;
    view.sign_mantissa = sign_mantissa;
    view.codes = codes;
    view.stream = stream;
  }
};

TEST(ChunkCodec, WindowsOfChunksDecodeTheirTiles) {
  for (const std::uint64_t tiles_per_strip : kTilesPerStrip) {
    HostileTensor tensor =
        student_t_tensor(tiles_per_strip == 1 ? 1950 : 150, tiles_per_strip * 64 - 5);
    for (const Family family : kFamilies) {
      const auto plan = plan_for(tensor.weights, tensor.rows, tensor.cols, family);
      const EncodedTensor encoded = encode_tensor(plan, tensor.weights.data());
      const std::uint64_t num_chunks = plan.grid.num_chunks();
      std::vector<std::uint16_t> decoded(tensor.weights.size(), kCanary);
      for (std::uint64_t first = 0; first < num_chunks; first += 2) {
        const std::uint64_t count = std::min<std::uint64_t>(2, num_chunks - first);
        const ViewWindow window(encoded.view(), first, count);
        const auto result = codec::decode_chunks(window.view, first, count,
                                                 {decoded.data(), 0, tensor.rows, tensor.cols});
        ASSERT_TRUE(result.ok()) << result.error().message;
      }
      EXPECT_TRUE(decoded == tensor.weights) << tiles_per_strip;
    }
  }
}

TEST(ChunkCodec, WindowsOfRowsGetTheirStripsAndNothingElse) {
  for (const std::uint64_t tiles_per_strip : kTilesPerStrip) {
    const HostileTensor tensor = zero_mix_tensor(70, tiles_per_strip * 64 - 1);
    for (const Family family : kFamilies) {
      const auto plan = plan_for(tensor.weights, tensor.rows, tensor.cols, family);
      const EncodedTensor encoded = encode_tensor(plan, tensor.weights.data());
      for (std::uint64_t first_row = 0; first_row < tensor.rows; first_row += 16) {
        for (std::uint64_t end_row = first_row + 16; end_row < tensor.rows + 16; end_row += 16) {
          const std::uint64_t num_rows = std::min(end_row, tensor.rows) - first_row;
          ExactBuffer<std::uint16_t> rows(num_rows * tensor.cols, kCanary);
          const auto result = codec::decode_chunks(encoded.view(), 0, plan.grid.num_chunks(),
                                                   {rows.data(), first_row, num_rows, tensor.cols});
          ASSERT_TRUE(result.ok()) << result.error().message;
          EXPECT_TRUE(std::equal(rows.data(), rows.data() + rows.size(),
                                 tensor.weights.data() + first_row * tensor.cols));
        }
      }
    }
  }
}

TEST(ChunkCodec, RowsOfChunksAreTheStripsTheyTouch) {
  for (const std::uint64_t tiles_per_strip : kTilesPerStrip) {
    const layout::TileGrid grid{150, tiles_per_strip * 64};
    for (std::uint64_t first = 0; first < grid.num_chunks(); ++first) {
      for (std::uint64_t count = 1; first + count <= grid.num_chunks(); ++count) {
        std::uint64_t low = grid.rows, high = 0;
        for (std::uint64_t c = first; c < first + count; ++c) {
          for (std::uint64_t t = 0; t < grid.chunk_tiles(c); ++t) {
            const std::uint64_t strip = (c * layout::kChunkTiles + t) / tiles_per_strip;
            low = std::min(low, strip * 16);
            high = std::max(high, std::min(strip * 16 + 16, grid.rows));
          }
        }
        const codec::RowRange rows = codec::rows_of_chunks(grid, {first, count});
        EXPECT_EQ(rows.first, low);
        EXPECT_EQ(rows.first + rows.count, high);
      }
    }
  }
  EXPECT_EQ(codec::rows_of_chunks({0, 64}, {0, 0}).count, 0u);
}

TEST(ChunkCodec, AStringThatIsTooShortOrTooLongIsRefused) {
  const HostileTensor tensor = normal_tensor(64, 2048);
  const auto plan = plan_for(tensor.weights, tensor.rows, tensor.cols, Family::kHuffman);
  const EncodedTensor encoded = encode_tensor(plan, tensor.weights.data());
  std::vector<std::uint16_t> out(tensor.weights.size());
  for (const int change : {-20, -1, 1, 20}) {
    for (std::uint32_t lane = 0; lane < layout::kLanes; ++lane) {
      EncodedTensor damaged = encoded;
      std::uint8_t& delta = damaged.sections.chunk_streams[1].lane_delta[lane];
      if (delta + change < 0 || delta + change > 255) continue;
      delta = static_cast<std::uint8_t>(delta + change);
      const auto result = codec::decode_chunks(damaged.view(), 0, plan.grid.num_chunks(),
                                               {out.data(), 0, tensor.rows, tensor.cols});
      ASSERT_FALSE(result.ok());
      EXPECT_EQ(result.error().code, ErrorCode::kInvalidFormat);
      EXPECT_FALSE(codec::reference_decode(blob_of(damaged)).ok());
    }
  }
}

/// Lane 7 has rare pairs only, so that its strings are much longer than the others'.
TEST(ChunkCodec, StringsOfVeryDifferentLengthsRoundTrip) {
  HostileTensor tensor = normal_tensor(32, 32 * 64);
  std::mt19937_64 rng(3);
  for (std::uint64_t tile = 0; tile < 64; ++tile) {
    for (std::uint32_t lane = 0; lane < layout::kLanes; ++lane) {
      for (std::uint32_t i = 0; i < layout::kLaneElems; ++i) {
        const auto at = layout::tile_position({lane, i});
        const std::uint64_t row = tile / 32 * 16 + at.row, col = tile % 32 * 64 + at.col;
        const auto exponent = static_cast<std::uint8_t>(lane == 7 ? 100 + rng() % 15 : 115);
        tensor.weights[row * tensor.cols + col] = codec::join_weight(exponent, 0);
      }
    }
  }
  expect_round_trip(tensor);
  const auto plan = plan_for(tensor.weights, tensor.rows, tensor.cols, Family::kHuffman);
  const EncodedTensor encoded = encode_tensor(plan, tensor.weights.data());
  EXPECT_GT(encoded.sections.chunk_streams[0].length_shift(), 0u);
}

TEST(ChunkCodec, SizeOfOrdinaryWeights) {
  const HostileTensor tensor = normal_tensor(1024, 2048);
  const auto bits_per_weight = [&](Family family) {
    const auto plan = plan_for(tensor.weights, tensor.rows, tensor.cols, family);
    return 8.0 * static_cast<double>(encode_tensor(plan, tensor.weights.data()).section_bytes()) /
           static_cast<double>(tensor.weights.size());
  };
  EXPECT_LE(bits_per_weight(Family::kPalette), 12.01);
  EXPECT_LE(bits_per_weight(Family::kHuffman), 10.597);
  EXPECT_LE(bits_per_weight(Family::kRadix), 11.57);
}

TEST(ReferenceDecoder, RefusesDamageWithoutLeavingTheBlob) {
  const HostileTensor tensor = student_t_tensor(40, 200);
  std::mt19937_64 rng(1);
  for (const Family family : kFamilies) {
    const auto plan = plan_for(tensor.weights, tensor.rows, tensor.cols, family);
    const auto blob = blob_of(encode_tensor(plan, tensor.weights.data()));
    for (std::size_t bytes = 0; bytes < blob.size(); bytes += 1 + bytes / 8) {
      const ExactBuffer<std::byte> cut(blob.data(), bytes);
      EXPECT_FALSE(codec::reference_decode({cut.data(), cut.size()}).ok());
    }
    int refused = 0;
    for (int round = 0; round < 1000; ++round) {
      ExactBuffer<std::byte> damaged(blob.data(), blob.size());
      const std::size_t area = round % 2 == 0 ? 384 : blob.size();  // header or anywhere
      damaged[rng() % area] ^= static_cast<std::byte>(1 + rng() % 255);
      refused += codec::reference_decode({damaged.data(), damaged.size()}).ok() ? 0 : 1;
    }
    EXPECT_GT(refused, 100);
  }
}

}  // namespace
}  // namespace unweight::testing
