// SPDX-License-Identifier: BSD-3-Clause
//
// The public codec API: every bit comes back, whatever the shape, stride, family or thread count.
#include <gtest/gtest.h>

#include <limits>

#include "codec/reference_decoder.h"
#include "hostile_tensors.h"
#include "packed/packed_test_data.h"
#include "unweight/codec.h"

namespace unweight::packed {
namespace {

constexpr std::array kFamilies = {Family::kPalette, Family::kHuffman, Family::kRadix};

std::vector<std::byte> encode_or_fail(const TestMatrix& m, Family family, unsigned threads = 1) {
  auto blob = encode(m.view(), {.family = family, .num_threads = threads, .self_check = true});
  EXPECT_TRUE(blob.ok()) << blob.error().message;
  return blob ? *std::move(blob) : std::vector<std::byte>();
}

void expect_round_trip(const TestMatrix& m, Family family) {
  SCOPED_TRACE(std::to_string(m.rows) + " x " + std::to_string(m.cols) + " " + family_name(family));
  const auto blob = encode_or_fail(m, family);
  TestMatrix out{m.rows, m.cols, {}};
  ASSERT_EQ(decode_guarded(blob, out, {.num_threads = 2, .verify_checksums = true}), "");
  ASSERT_TRUE(out.weights == m.weights);
  const auto reference = codec::reference_decode(blob);
  ASSERT_TRUE(reference.ok()) << reference.error().message;
  ASSERT_TRUE(reference->weights == m.weights);
  const auto info = packed_tensor_info(blob);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->original_xxh3, xxh3(std::as_bytes(std::span(m.weights))));
  EXPECT_EQ(info->packed_bytes, blob.size());
}

TEST(CodecApi, EveryShapeAroundTheTileEdges) {
  for (const std::uint64_t rows : {0, 1, 2, 15, 16, 17, 31, 33, 64}) {
    for (const std::uint64_t cols : {0, 1, 2, 7, 63, 64, 65, 127, 129, 320}) {
      for (const Family family : kFamilies) {
        expect_round_trip(halving_matrix(rows, cols, rows * 1000 + cols), family);
      }
    }
  }
}

TEST(CodecApi, EveryBitPatternInAnyArrangement) {
  for (const Family family : kFamilies) {
    expect_round_trip(
        make_matrix(256, 256, [](std::uint64_t i) { return static_cast<std::uint16_t>(i); }),
        family);
    expect_round_trip(uniform_matrix(300, 333, 5), family);
    for (const int bits : {0x0000, 0x8000, 0x7f80, 0xff80, 0x7fc0, 0xffff, 0x3f80}) {
      const auto constant = static_cast<std::uint16_t>(bits);
      expect_round_trip(make_matrix(40, 200, [&](std::uint64_t) { return constant; }), family);
    }
    // Two exponents far apart, one of them nearly always: a run palette that misses the other.
    expect_round_trip(
        make_matrix(200, 500,
                    [](std::uint64_t i) {
                      return static_cast<std::uint16_t>(i % 40000 == 39999 ? 0x7f80 : 0x3f80);
                    }),
        family);
    // Verbatim rows in every lane, every other tile dense with them.
    expect_round_trip(make_matrix(64, 4096,
                                  [](std::uint64_t i) {
                                    const std::uint64_t tile_col = i % 4096 / 64;
                                    return static_cast<std::uint16_t>(
                                        tile_col % 2 == 0 ? i * 2654435761u >> 13 : 0x3c00 + i % 7);
                                  }),
                      family);
  }
}

TEST(CodecApi, HostileTensors) {
  for (testing::HostileTensor& tensor : testing::hostile_tensors()) {
    SCOPED_TRACE(tensor.name);
    const TestMatrix m{tensor.rows, tensor.cols, std::move(tensor.weights)};
    for (const Family family : kFamilies) expect_round_trip(m, family);
  }
}

TEST(CodecApi, ChunksThatCrossStripsAndAPartialLastChunk) {
  for (const Family family : kFamilies) {
    expect_round_trip(halving_matrix(160, 64 * 5 + 3, 1), family);  // 6 tiles a strip
    expect_round_trip(halving_matrix(16 * 33, 64, 2), family);      // 1 tile a strip
    expect_round_trip(halving_matrix(3, 64 * 70, 3), family);       // 70 tiles, one strip
    expect_round_trip(halving_matrix(48, 64 * 32, 4), family);      // chunk == strip
  }
}

TEST(CodecApi, StridesOnBothSides) {
  const TestMatrix m = halving_matrix(53, 200, 9);
  constexpr std::uint64_t kStride = 231;
  constexpr std::uint16_t kGuard = 0xdead;
  std::vector<std::uint16_t> strided(m.rows * kStride, kGuard);
  for (std::uint64_t r = 0; r < m.rows; ++r) {
    std::copy_n(m.weights.data() + r * m.cols, m.cols, strided.data() + r * kStride);
  }
  for (const Family family : kFamilies) {
    const auto blob = encode({strided.data(), m.rows, m.cols, kStride}, {.family = family});
    ASSERT_TRUE(blob.ok()) << blob.error().message;
    EXPECT_TRUE(*blob == encode_or_fail(m, family)) << "the stride left a trace in the bytes";
    std::vector<std::uint16_t> out(m.rows * kStride, kGuard);
    ASSERT_TRUE(decode(*blob, {out.data(), m.rows, m.cols, kStride}).ok());
    EXPECT_TRUE(out == strided) << "weights differ, or something between the rows was written";
  }
}

TEST(CodecApi, ThreadCountLeavesNoTrace) {
  const TestMatrix m = halving_matrix(700, 1800, 11);  // 39 chunks: several ranges and waves
  for (const Family family : kFamilies) {
    const auto blob = encode_or_fail(m, family, 1);
    for (const unsigned threads : {2u, 7u}) {
      EXPECT_TRUE(encode_or_fail(m, family, threads) == blob) << threads << " threads";
      TestMatrix out{m.rows, m.cols, {}};
      ASSERT_EQ(decode_guarded(blob, out, {.num_threads = threads, .verify_checksums = true}), "");
      EXPECT_TRUE(out.weights == m.weights);
    }
  }
}

TEST(CodecApi, BlobAtAnyAlignment) {
  const TestMatrix m = halving_matrix(30, 100, 12);
  const auto blob = encode_or_fail(m, Family::kHuffman);
  for (std::size_t shift = 1; shift < 9; ++shift) {
    std::vector<std::byte> shifted(blob.size() + shift);
    std::copy(blob.begin(), blob.end(), shifted.begin() + static_cast<std::ptrdiff_t>(shift));
    TestMatrix out{m.rows, m.cols, {}};
    ASSERT_EQ(decode_guarded(std::span(shifted).subspan(shift), out, {}), "");
    EXPECT_TRUE(out.weights == m.weights);
  }
}

TEST(CodecApi, EmptyMatricesNeedNoMemory) {
  for (const auto [rows, cols] : {MatrixDims{0, 0}, MatrixDims{0, 64}, MatrixDims{7, 0}}) {
    const auto blob = encode({nullptr, rows, cols, 0}, {.family = Family::kHuffman});
    ASSERT_TRUE(blob.ok()) << blob.error().message;
    EXPECT_TRUE(decode(*blob, {nullptr, rows, cols, 0}).ok());
    EXPECT_FALSE(decode(*blob, {nullptr, rows + 1, cols, cols}).ok());
    EXPECT_EQ(packed_tensor_info(*blob)->bits_per_weight(), 0);
  }
}

ErrorCode code_of(const Result<std::vector<std::byte>>& result) {
  EXPECT_FALSE(result.ok());
  return result ? ErrorCode::kInternal : result.error().code;
}

TEST(CodecApi, RefusesWhatItCannotPack) {
  const TestMatrix m = halving_matrix(16, 64, 1);
  const EncodeOptions huffman{.family = Family::kHuffman};
  constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(code_of(encode(m.view(), {.family = Family::kRaw})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(encode({nullptr, 16, 64, 64}, huffman)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(encode({m.weights.data(), 16, 64, 63}, huffman)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(encode({m.weights.data(), 16, 64, kHuge}, huffman)),
            ErrorCode::kInvalidArgument);
  for (const auto [rows, cols] :
       {MatrixDims{kHuge, kHuge}, MatrixDims{1ull << 18, 1ull << 18},
        MatrixDims{(1ull << 35) + 1, 1}, MatrixDims{1ull << 32, 1}, MatrixDims{1, kHuge}}) {
    EXPECT_EQ(code_of(encode({m.weights.data(), rows, cols, cols}, huffman)),
              ErrorCode::kInvalidArgument)
        << rows << " x " << cols;
  }
}

TEST(CodecApi, DecodeRefusesAnOutputOfOtherDimensions) {
  const TestMatrix m = halving_matrix(16, 64, 1);
  const auto blob = encode_or_fail(m, Family::kPalette);
  std::vector<std::uint16_t> out(64 * 64);
  for (const auto [rows, cols] : {MatrixDims{64, 16}, MatrixDims{16, 63}, MatrixDims{15, 64}}) {
    const auto result = decode(blob, {out.data(), rows, cols, cols});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(CodecApi, ChoosesTheSmallestAndNeverGrowsByItself) {
  const auto chosen = encode(normal_matrix(256, 1024, 3).view());
  ASSERT_TRUE(chosen.ok());
  EXPECT_EQ(packed_tensor_info(*chosen)->family, Family::kHuffman);
  const TestMatrix noise = uniform_matrix(256, 1024, 3);
  EXPECT_EQ(analyze(noise.view())->smallest, Family::kRaw);
  EXPECT_EQ(code_of(encode(noise.view())), ErrorCode::kInvalidArgument);
  EXPECT_EQ(analyze(halving_matrix(1, 1, 3).view())->smallest, Family::kRaw);
}

TEST(CodecApi, MatrixDimsOfEveryRank) {
  const auto dims = [](std::vector<std::uint64_t> shape) {
    const MatrixDims d = matrix_dims(shape);
    return std::pair{d.rows, d.cols};
  };
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(dims({}), (Pair{1, 1}));
  EXPECT_EQ(dims({0}), (Pair{0, 64}));
  EXPECT_EQ(dims({100}), (Pair{1, 100}));
  EXPECT_EQ(dims({4096}), (Pair{64, 64}));
  EXPECT_EQ(dims({3, 5}), (Pair{3, 5}));
  EXPECT_EQ(dims({8, 3, 64}), (Pair{24, 64}));
  EXPECT_EQ(dims({1280, 3, 14, 14}), (Pair{1280, 588}));
  EXPECT_EQ(dims({8, 0, 5}), (Pair{8, 0}));
  EXPECT_EQ(dims({kMax, kMax, 0, 64}), (Pair{0, 64}));
  EXPECT_EQ(dims({kMax, 2, 128}), (Pair{kMax, 128}));
}

}  // namespace
}  // namespace unweight::packed
