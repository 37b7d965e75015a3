// SPDX-License-Identifier: BSD-3-Clause
//
// The writer through a sink that remembers what was written where, and with sources that change
// between analysis and encoding.
#include "packed/packed_writer.h"

#include <gtest/gtest.h>

#include "packed/chunk_self_check.h"
#include "packed/packed_test_data.h"
#include "packed/tensor_analyzer.h"
#include "unweight/codec.h"

namespace unweight::packed {
namespace {

constexpr Family kFamilies[] = {Family::kPalette, Family::kHuffman, Family::kRadix};

struct Analysed {
  codec::EncodePlan plan;
  std::uint64_t num_verbatim;
};

Analysed analyse(const TestMatrix& m, Family family) {
  const layout::TileGrid grid{m.rows, m.cols};
  TensorAnalyzer analyzer(grid, 1);
  analyzer.count_exponents(std::span(m.weights), 0);
  EXPECT_TRUE(analyzer.finish_exponents().ok());
  analyzer.count_codes({m.weights.data(), 0, m.rows, m.cols}, {0, grid.num_chunks()}, 0);
  const TensorAnalysis analysis = analyzer.finish().value();
  return {analyzer.plan(family), num_verbatim(analysis, family)};
}

// Encodes `source` under an analysis, `step` chunks at a time.
Result<PackedHeader> write(const Analysed& a, const TestMatrix& source, std::uint64_t step,
                           BlobSink sink) {
  PackedWriter writer(a.plan, a.num_verbatim, std::move(sink));
  codec::EncodedChunks encoded;
  const std::uint64_t chunks = a.plan.grid.num_chunks();
  for (std::uint64_t first = 0; first < chunks; first += step) {
    codec::encode_chunks(a.plan, {source.weights.data(), 0, source.rows, source.cols},
                         {first, std::min(step, chunks - first)}, encoded);
    if (auto result = writer.append(encoded); !result) return result.error();
  }
  return writer.finish(xxh3(std::as_bytes(std::span(source.weights))));
}

Result<void> ignore(std::uint64_t, std::span<const std::byte>) {
  return {};
}

TEST(PackedWriter, WritesEveryByteOnceWhateverTheStep) {
  const TestMatrix m = halving_matrix(330, 700, 21);
  for (const Family family : kFamilies) {
    const Analysed a = analyse(m, family);
    const auto expected = encode(m.view(), {.family = family}).value();
    for (const std::uint64_t step : {1, 2, 5, 1000}) {
      std::vector<std::byte> blob(expected.size());
      std::vector<int> times(expected.size());
      const auto header =
          write(a, m, step, [&](std::uint64_t offset, std::span<const std::byte> bytes) {
            for (std::size_t i = 0; i < bytes.size(); ++i) {
              blob.at(offset + i) = bytes[i];
              ++times.at(offset + i);
            }
            return Result<void>();
          });
      ASSERT_TRUE(header.ok()) << header.error().message;
      EXPECT_EQ(header->packed_bytes, expected.size());
      EXPECT_TRUE(blob == expected) << "step " << step;
      EXPECT_EQ(std::count(times.begin(), times.end(), 1),
                static_cast<std::ptrdiff_t>(expected.size()));
    }
  }
}

TEST(PackedWriter, PassesTheSinksErrorOn) {
  const TestMatrix m = halving_matrix(64, 700, 22);
  const Analysed a = analyse(m, Family::kHuffman);
  int writes = 0;
  ASSERT_TRUE(write(a, m, 1, [&](std::uint64_t, std::span<const std::byte>) {
                ++writes;
                return Result<void>();
              }).ok());
  for (int failing = 0; failing < writes; ++failing) {
    int at = 0;
    const auto result = write(a, m, 1, [&](std::uint64_t, std::span<const std::byte>) {
      return at++ == failing ? Result<void>(Error{ErrorCode::kNoSpace, "full"}) : Result<void>();
    });
    ASSERT_FALSE(result.ok()) << "write " << failing << " failed unnoticed";
    EXPECT_EQ(result.error().code, ErrorCode::kNoSpace);
  }
}

TEST(PackedWriter, NoticesASourceThatChangedAfterItsAnalysis) {
  const TestMatrix m = halving_matrix(64, 700, 23);
  for (const Family family : kFamilies) {
    const Analysed a = analyse(m, family);
    ASSERT_GT(a.num_verbatim, 0u);
    const auto more = write(a, uniform_matrix(64, 700, 1), 1, ignore);
    ASSERT_FALSE(more.ok());
    EXPECT_EQ(more.error().code, ErrorCode::kInternal);
    TestMatrix tame = m;
    const std::uint16_t inside = codec::join_weight(a.plan.palette[a.plan.padding_code], 0);
    std::fill(tame.weights.begin(), tame.weights.end(), inside);
    const auto fewer = write(a, tame, 1, ignore);
    ASSERT_FALSE(fewer.ok());
    EXPECT_EQ(fewer.error().code, ErrorCode::kInternal);
  }
}

TEST(PackedWriter, NoticesMissingChunks) {
  const TestMatrix m = halving_matrix(64, 700, 24);
  const Analysed a = analyse(m, Family::kHuffman);
  PackedWriter writer(a.plan, a.num_verbatim, ignore);
  const auto result = writer.finish(0);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kInternal);
}

// The self-check must be able to fail: every part of the encoded form, damaged, is found.
TEST(PackedWriter, SelfCheckFindsDamage) {
  const TestMatrix m = halving_matrix(50, 64 * 20 + 5, 25);
  for (const Family family : kFamilies) {
    const Analysed a = analyse(m, family);
    const codec::SourceWindow source{m.weights.data(), 0, m.rows, m.cols};
    const codec::ChunkRange all{0, a.plan.grid.num_chunks()};
    codec::EncodedChunks good;
    codec::encode_chunks(a.plan, source, all, good);
    ChunkSelfCheck self_check;
    ASSERT_TRUE(self_check.check(a.plan, source, all, good).ok());
    const std::size_t stream_bytes = good.stream.size();
    codec::EncodedChunks second;
    codec::encode_chunks(a.plan, source, {1, 1}, second);
    EXPECT_TRUE(self_check.check(a.plan, source, {1, 1}, second).ok());
    EXPECT_EQ(good.stream.size(), stream_bytes);

    const auto expect_found = [&](const char* what, auto&& damage) {
      codec::EncodedChunks bad = good;
      damage(bad);
      EXPECT_FALSE(self_check.check(a.plan, source, all, bad).ok()) << what;
    };
    expect_found("sign_mantissa", [](auto& e) { e.sign_mantissa[77] ^= 1; });
    expect_found("verbatim_rows", [](auto& e) { e.verbatim_rows[3] ^= 1; });
    expect_found("verbatim_positions", [](auto& e) { e.verbatim_positions[0] ^= 1; });
    if (family != Family::kHuffman) {
      expect_found("codes", [](auto& e) { e.codes[90] ^= 1; });
    } else {
      expect_found("stream", [](auto& e) { e.stream[90] ^= 1; });
      expect_found("chunk_streams", [](auto& e) {
        std::reverse(e.chunk_streams[0].lane_delta.begin(), e.chunk_streams[0].lane_delta.end());
      });
    }
  }
}

}  // namespace
}  // namespace unweight::packed
