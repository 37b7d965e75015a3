// SPDX-License-Identifier: BSD-3-Clause
//
// What analysis promises, encoding keeps; and what the format promises, for weights like trained
// ones.
#include <gtest/gtest.h>

#include <cmath>

#include "codec/chunk_encoder.h"
#include "packed/packed_test_data.h"
#include "packed/tensor_analyzer.h"
#include "unweight/codec.h"

namespace unweight::packed {
namespace {

struct Sizes {
  double palette_bits = 0, huffman_bits = 0, radix_bits = 0;  ///< per weight, all metadata included
};

// Encodes with every family and holds the analysis against the blobs.
Sizes expect_analysis_holds(const TestMatrix& m) {
  SCOPED_TRACE(std::to_string(m.rows) + " x " + std::to_string(m.cols));
  const auto analysis = analyze(m.view());
  EXPECT_TRUE(analysis.ok());
  Sizes sizes;
  for (const Family family : {Family::kPalette, Family::kHuffman, Family::kRadix}) {
    const auto blob = encode(m.view(), {.family = family, .self_check = false});
    EXPECT_TRUE(blob.ok()) << blob.error().message;
    const auto info = packed_tensor_info(*blob);
    EXPECT_EQ(info->num_verbatim_rows, num_verbatim(*analysis, family));
    if (family == Family::kRadix) {
      EXPECT_EQ(blob->size(), analysis->radix_bytes);
      sizes.radix_bits = info->bits_per_weight();
      continue;
    }
    EXPECT_EQ(info->palette, analysis->palette);
    if (family == Family::kPalette) {
      EXPECT_EQ(blob->size(), analysis->palette_bytes);
      sizes.palette_bits = info->bits_per_weight();
    } else {
      const double actual = static_cast<double>(blob->size());
      EXPECT_LE(std::abs(static_cast<double>(analysis->huffman_bytes) - actual),
                std::max(0.005 * actual, static_cast<double>(kAlignment)))
          << "estimated " << analysis->huffman_bytes << ", is " << blob->size();
      sizes.huffman_bits = info->bits_per_weight();
    }
  }
  return sizes;
}

TEST(PackedSize, NormalWeightsTakeWhatTheFormatPromises) {
  const Sizes sizes = expect_analysis_holds(normal_matrix(2048, 4096, 1));
  EXPECT_LE(sizes.palette_bits, 12.05);
  EXPECT_LE(sizes.radix_bits, 11.60);
  EXPECT_LE(sizes.huffman_bits, 10.605);  // the slow test: 10.597 for a whole projection
  RecordProperty("palette_bits_per_weight", std::to_string(sizes.palette_bits));
  RecordProperty("radix_bits_per_weight", std::to_string(sizes.radix_bits));
  RecordProperty("huffman_bits_per_weight", std::to_string(sizes.huffman_bits));
}

TEST(PackedSize, HuffmanEstimateHoldsForAnyTensor) {
  for (const auto [rows, cols] :
       {MatrixDims{1, 1}, MatrixDims{16, 64}, MatrixDims{17, 65}, MatrixDims{1, 5000},
        MatrixDims{512, 1024}, MatrixDims{1000, 1111}, MatrixDims{1025, 1024},
        MatrixDims{3, 700000}, MatrixDims{100000, 12}}) {
    expect_analysis_holds(halving_matrix(rows, cols, rows));
    expect_analysis_holds(uniform_matrix(rows, cols, rows));
    expect_analysis_holds(make_matrix(rows, cols, [](std::uint64_t) { return std::uint16_t{7}; }));
    // One exponent, nothing but signs and mantissas: no stream.
    expect_analysis_holds(make_matrix(rows, cols, [](std::uint64_t i) {
      return static_cast<std::uint16_t>(i * 2654435761u >> 16 & 0x00ff);
    }));
    // Half of the columns verbatim throughout.
    expect_analysis_holds(make_matrix(rows, cols, [cols = cols](std::uint64_t i) {
      return static_cast<std::uint16_t>(i % cols < cols / 2 ? i * 40503u : 0x3c00 + i % 256);
    }));
    // One row of each strip takes all bits, the others hardly any: lanes of very different lengths.
    expect_analysis_holds(make_matrix(rows, cols, [cols = cols](std::uint64_t i) {
      const std::uint64_t exponent = i / cols % 16 == 3 ? 100 + (i * 2654435761u >> 16) % 16 : 115;
      return codec::join_weight(static_cast<std::uint8_t>(exponent), 1);
    }));
  }
}

TEST(PackedSize, EscapesAreCountedIn32Bits) {
  TensorAnalysis analysis;
  analysis.num_escapes = 0xffffffff;
  EXPECT_TRUE(can_hold(analysis, Family::kRadix));
  ++analysis.num_escapes;
  EXPECT_FALSE(can_hold(analysis, Family::kRadix));
  EXPECT_TRUE(can_hold(analysis, Family::kHuffman));
}

// Windows and workers of any kind add up to what one look at the whole tensor tells.
TEST(PackedSize, AnalyzerOverWindowsSeesTheSameTensor) {
  const TestMatrix m = halving_matrix(16 * 7 + 5, 64 * 19 + 9, 4);
  const layout::TileGrid grid{m.rows, m.cols};
  TensorAnalyzer analyzer(grid, 3);
  for (std::uint64_t first = 0; first < m.rows; first += 11) {
    const std::uint64_t rows = std::min<std::uint64_t>(11, m.rows - first);
    analyzer.count_exponents(
        codec::SourceWindow{m.weights.data() + first * m.cols, first, rows, m.cols},
        static_cast<unsigned>(first % 3));
  }
  ASSERT_TRUE(analyzer.finish_exponents().ok());
  for (std::uint64_t chunk = 0; chunk < grid.num_chunks(); ++chunk) {
    const codec::RowRange rows = codec::rows_of_chunks(grid, {chunk, 1});
    analyzer.count_codes({m.weights.data() + rows.first * m.cols, rows.first, rows.count, m.cols},
                         {chunk, 1}, static_cast<unsigned>(chunk % 3));
  }
  const TensorAnalysis windows = analyzer.finish().value(), whole = analyze(m.view(), 1).value();
  EXPECT_EQ(windows.exponent_count, whole.exponent_count);
  EXPECT_EQ(windows.num_verbatim_rows, whole.num_verbatim_rows);
  EXPECT_EQ(windows.huffman_code_bits, whole.huffman_code_bits);
  EXPECT_EQ(windows.palette_bytes, whole.palette_bytes);
  EXPECT_EQ(windows.huffman_bytes, whole.huffman_bytes);
  EXPECT_GT(whole.num_verbatim_rows, 0u);
}

TEST(PackedSize, AnalyzerNoticesMissingRows) {
  const TestMatrix m = halving_matrix(20, 100, 4);
  TensorAnalyzer analyzer({m.rows, m.cols}, 1);
  analyzer.count_exponents(std::span(m.weights).first(m.weights.size() - 1), 0);
  const auto result = analyzer.finish_exponents();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kInternal);
}

TEST(PackedSize, AnalyzerTakesCountsThatWereMadeElsewhere) {
  const TestMatrix m = halving_matrix(16 * 7 + 5, 64 * 19 + 9, 4);
  const layout::TileGrid grid{m.rows, m.cols};
  TensorAnalyzer counting(grid, 1);
  counting.count_exponents(m.weights, 0);
  ASSERT_TRUE(counting.finish_exponents().ok());
  counting.count_codes({m.weights.data(), 0, m.rows, m.cols}, {0, grid.num_chunks()}, 0);
  const TensorAnalysis expected = counting.finish().value();
  const TensorCounts counts = counting.counts();
  TensorAnalyzer taking(grid, 0);
  const TensorAnalysis taken = taking.finish_with(counts).value();
  EXPECT_EQ(taken.exponent_count, expected.exponent_count);
  EXPECT_EQ(taken.huffman_code_bits, expected.huffman_code_bits);
  EXPECT_EQ(taken.palette_bytes, expected.palette_bytes);
  EXPECT_EQ(taken.huffman_bytes, expected.huffman_bytes);
  EXPECT_EQ(taken.smallest, expected.smallest);
  EXPECT_EQ(taking.plan(Family::kHuffman).code.bits, counting.plan(Family::kHuffman).code.bits);

  // One weight, one pair or a row too many: not counts of this matrix.
  TensorCounts exponents = counts, pairs = counts, rows = counts;
  ++exponents.exponents[120];
  ++pairs.pairs[0];
  rows.num_verbatim_rows = grid.padded_elems() / layout::kRowElems + 1;
  for (const TensorCounts& wrong : {exponents, pairs, rows}) {
    const auto result = TensorAnalyzer(grid, 0).finish_with(wrong);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kInternal);
  }
}

}  // namespace
}  // namespace unweight::packed
