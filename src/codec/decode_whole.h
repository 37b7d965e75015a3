// SPDX-License-Identifier: BSD-3-Clause
//
// A whole view decoded, for tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "codec/chunk_decoder.h"

namespace unweight::testing {

/// Decodes the whole view into a matrix with wider rows; the gaps must stay untouched.
inline std::vector<std::uint16_t> decode_whole(const codec::EncodedView& view) {
  const std::uint64_t rows = view.grid.rows, cols = view.grid.cols, stride = cols + 3;
  constexpr std::uint16_t kUntouched = 0xa5a5;
  std::vector<std::uint16_t> padded(rows * stride, kUntouched);
  const auto result =
      codec::decode_chunks(view, 0, view.grid.num_chunks(), {padded.data(), 0, rows, stride});
  EXPECT_TRUE(result.ok()) << result.error().message;
  std::vector<std::uint16_t> weights;
  for (std::uint64_t r = 0; r < rows; ++r) {
    const auto row = padded.begin() + static_cast<std::ptrdiff_t>(r * stride);
    weights.insert(weights.end(), row, row + static_cast<std::ptrdiff_t>(cols));
    for (std::uint64_t c = cols; c < stride; ++c) EXPECT_EQ(padded[r * stride + c], kUntouched);
  }
  return weights;
}

}  // namespace unweight::testing
