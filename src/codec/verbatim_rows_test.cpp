// SPDX-License-Identifier: BSD-3-Clause
//
// Which rows are verbatim, how their sections look, and that they come back at every edge.
#include <gtest/gtest.h>

#include <vector>

#include "codec/codec_test_support.h"
#include "codec/decode_whole.h"
#include "codec/reference_decoder.h"
#include "hostile_tensors.h"

namespace unweight::testing {
namespace {

constexpr Family kFamilies[] = {Family::kPalette, Family::kHuffman};

/// Palette code of weight (row, col), -1 outside the palette.
int code_of(const codec::EncodePlan& plan, const HostileTensor& tensor, std::uint64_t row,
            std::uint64_t col) {
  if (row >= tensor.rows || col >= tensor.cols) return plan.padding_code;
  const std::uint8_t exponent = codec::exponent_of(tensor.weights[row * tensor.cols + col]);
  for (int c = 0; c < 16; ++c) {
    if (plan.palette[static_cast<std::size_t>(c)] == exponent) return c;
  }
  return -1;
}

std::uint8_t exponent_or_padding(const codec::EncodePlan& plan, const HostileTensor& tensor,
                                 std::uint64_t row, std::uint64_t col) {
  if (row >= tensor.rows || col >= tensor.cols) return plan.palette[plan.padding_code];
  return codec::exponent_of(tensor.weights[row * tensor.cols + col]);
}

/// The verbatim sections and the codes as families_format.h defines them, weight by weight.
void expect_defined_sections(const codec::EncodePlan& plan, const HostileTensor& tensor,
                             const codec::EncodedChunks& sections) {
  std::size_t n = 0;
  const std::uint64_t per_strip = plan.grid.tiles_per_strip();
  for (std::uint64_t tile = 0; tile < plan.grid.num_tiles(); ++tile) {
    const auto chunk = static_cast<std::size_t>(tile / layout::kChunkTiles);
    const auto t = static_cast<std::uint32_t>(tile % layout::kChunkTiles);
    const std::size_t before = n;
    if (t == 0) {
      ASSERT_EQ(sections.verbatim_index[chunk].first_verbatim_row, n);
    }
    for (std::uint32_t step = 0; step < layout::kSteps; ++step) {
      for (std::uint32_t lane = 0; lane < layout::kLanes; ++lane) {
        bool verbatim = false;
        std::vector<std::uint8_t> exponents;
        for (std::uint32_t i = 8 * step; i < 8 * step + 8; ++i) {
          const auto at = layout::tile_position({lane, i});
          const std::uint64_t row = tile / per_strip * 16 + at.row;
          const std::uint64_t col = tile % per_strip * 64 + at.col;
          const int code = code_of(plan, tensor, row, col);
          const std::uint32_t bit = layout::code_section_bit({lane, i});
          ASSERT_EQ(sections.codes[tile * 512 + bit / 8] >> bit % 8 & 0xf,
                    code < 0 ? plan.padding_code : code);
          verbatim = verbatim || code < 0;
          exponents.push_back(exponent_or_padding(plan, tensor, row, col));
        }
        if (!verbatim) continue;
        ASSERT_LT(n, sections.verbatim_positions.size());
        ASSERT_EQ(sections.verbatim_positions[n], t << 7 | step << 5 | lane);
        ASSERT_TRUE(
            std::equal(exponents.begin(), exponents.end(), sections.verbatim_rows.data() + 8 * n));
        ++n;
      }
    }
    ASSERT_EQ(sections.verbatim_index[chunk].tile_mask >> t & 1, n > before ? 1u : 0u);
  }
  EXPECT_EQ(sections.verbatim_positions.size(), n);
  EXPECT_EQ(sections.verbatim_rows.size(), 8 * n);
  EXPECT_EQ(sections.verbatim_index.size(), plan.grid.num_chunks());
}

TEST(VerbatimRows, AreTheRowsWithOutliersAndNoOthers) {
  const HostileTensor edges = student_t_tensor(37, 40 * 64 + 3);
  const HostileTensor lone = lone_outliers_tensor();
  for (const HostileTensor* tensor : {&edges, &lone}) {
    for (const Family family : kFamilies) {
      const auto plan = plan_for(tensor->weights, tensor->rows, tensor->cols, family);
      const EncodedTensor encoded = encode_tensor(plan, tensor->weights.data());
      EXPECT_FALSE(encoded.sections.verbatim_positions.empty());
      expect_defined_sections(plan, *tensor, encoded.sections);
    }
  }
}

/// Outliers in the corners of a matrix that ends inside tiles: rows of weights and padding.
TEST(VerbatimRows, ComeBackAtMatrixEdges) {
  for (const std::uint64_t rows : {1, 7, 9, 16, 17, 31}) {
    for (const std::uint64_t cols : {1, 2, 63, 64, 65, 66, 71, 73, 127}) {
      HostileTensor tensor = normal_tensor(rows, cols);
      for (const std::uint64_t row : {std::uint64_t{0}, rows - 1}) {
        for (const std::uint64_t col : {std::uint64_t{0}, cols - 1}) {
          tensor.weights[row * cols + col] =
              codec::join_weight(static_cast<std::uint8_t>(200 + row + col % 2), 0x93);
        }
      }
      auto plan = plan_for(tensor.weights, rows, cols, Family::kPalette);
      // A small matrix has few exponents: make sure that the outliers are outside.
      for (std::uint32_t c = 0; c < 16; ++c) {
        plan.palette[c] = static_cast<std::uint8_t>(110 + c);
      }
      plan.padding_code = 3;
      const EncodedTensor encoded = encode_tensor(plan, tensor.weights.data());
      EXPECT_GE(encoded.sections.verbatim_positions.size(), 1u);
      expect_defined_sections(plan, tensor, encoded.sections);
      ASSERT_TRUE(decode_whole(encoded.view()) == tensor.weights);
      const auto reference = codec::reference_decode(blob_of(encoded));
      ASSERT_TRUE(reference.ok()) << reference.error().message;
      ASSERT_TRUE(reference->weights == tensor.weights);
    }
  }
}

}  // namespace
}  // namespace unweight::testing
