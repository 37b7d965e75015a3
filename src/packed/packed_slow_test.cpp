// SPDX-License-Identifier: BSD-3-Clause
//
// The shape of a real projection, whole. Label "slow".
#include <gtest/gtest.h>

#include "packed/encode_plan.h"
#include "packed/packed_test_data.h"
#include "unweight/codec.h"

namespace unweight::packed {
namespace {

TEST(PackedSlow, WholeProjectionOfNormalWeights) {
  const TestMatrix m = normal_matrix(14336, 4096, 1);
  const auto analysis = analyze(m.view());
  ASSERT_TRUE(analysis.ok());
  for (const auto& [family, most_bits] :
       {std::pair{Family::kPalette, 12.05}, std::pair{Family::kHuffman, 10.597},
        std::pair{Family::kRadix, 11.60}}) {
    const auto blob = encode(m.view(), {.family = family, .self_check = false});
    ASSERT_TRUE(blob.ok()) << blob.error().message;
    const double bits = packed_tensor_info(*blob)->bits_per_weight();
    EXPECT_LE(bits, most_bits) << family_name(family);
    std::printf("%s: %zu bytes, %.5f bits a weight; estimate %llu\n", family_name(family),
                blob->size(), bits,
                static_cast<unsigned long long>(estimated_bytes(*analysis, family)));
    TestMatrix out{m.rows, m.cols, std::vector<std::uint16_t>(m.weights.size())};
    ASSERT_TRUE(decode(*blob, {out.weights.data(), m.rows, m.cols, m.cols}).ok());
    EXPECT_TRUE(out.weights == m.weights);
  }
  std::printf("verbatim rows %llu, escapes %llu, entropy %.4f, code bits %llu\n",
              static_cast<unsigned long long>(analysis->num_verbatim_rows),
              static_cast<unsigned long long>(analysis->num_escapes),
              analysis->exponent_entropy_bits,
              static_cast<unsigned long long>(analysis->huffman_code_bits));
}

}  // namespace
}  // namespace unweight::packed
