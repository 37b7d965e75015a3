// SPDX-License-Identifier: BSD-3-Clause
//
// What is refused, and why: each rule by name, then every byte and every length by brute force.
#include "packed/packed_reader.h"

#include <gtest/gtest.h>

#include "codec/reference_decoder.h"
#include "packed/packed_refused_cases.h"
#include "packed/packed_test_data.h"

namespace unweight::packed {
namespace {

constexpr DecodeOptions kTrusting{.num_threads = 1, .verify_checksums = false};
constexpr DecodeOptions kChecking{.num_threads = 1, .verify_checksums = true};

TEST(PackedReader, RefusesEachBrokenRuleByName) {
  for (const RefusedCase& c : refused_cases()) {
    SCOPED_TRACE(c.name);
    const auto result = decode_refused(c.blob, kChecking);
    const auto view = open_packed(c.blob, true);
    // Where the codes end is all that opening cannot know without decoding.
    if (c.name != "codes_too_short" && c.name != "codes_too_long") {
      ASSERT_FALSE(view.ok());
      EXPECT_EQ(view.error().code, c.code) << error_code_name(view.error().code);
      EXPECT_NE(view.error().message.find(c.message_part), std::string::npos)
          << view.error().message;
    }
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, c.code) << error_code_name(result.error().code);
    EXPECT_NE(result.error().message.find(c.message_part), std::string::npos)
        << result.error().message;
  }
}

// Small blobs that have every kind of section.
std::vector<std::pair<TestMatrix, std::vector<std::byte>>> small_blobs() {
  std::vector<std::pair<TestMatrix, std::vector<std::byte>>> result;
  TestMatrix with_outliers = halving_matrix(17, 30, 8);
  for (std::size_t i = 0; i < 19; ++i) {
    with_outliers.weights[i * 2] = static_cast<std::uint16_t>(i * 1700);
  }
  for (const TestMatrix& m : {with_outliers, halving_matrix(3, 70, 9), TestMatrix{0, 5, {}}}) {
    for (const Family family : {Family::kPalette, Family::kHuffman, Family::kRadix}) {
      result.emplace_back(m, encode(m.view(), {.family = family, .num_threads = 1}).value());
    }
  }
  return result;
}

TEST(PackedReader, EveryChangedByteIsNoticed) {
  for (const auto& [m, blob] : small_blobs()) {
    for (std::size_t at = 0; at < blob.size(); ++at) {
      for (const std::byte flip : {std::byte{0x01}, std::byte{0x80}, std::byte{0xff}}) {
        std::vector<std::byte> bad = blob;
        bad[at] ^= flip;
        TestMatrix out{m.rows, m.cols, {}};
        ASSERT_NE(decode_guarded(bad, out, kChecking), "")
            << "byte " << at << " ^ " << std::to_integer<int>(flip);
      }
    }
  }
}

// A hostile writer makes all checksums right. Then anything may come out, but only inside the
// output, and what is accepted must be what the specification says (the reference decoder).
TEST(PackedReader, HostileBytesDecodeAsSpecifiedOrNotAtAll) {
  std::uint64_t num_accepted = 0, num_refused = 0;
  constexpr std::byte kFlips[] = {std::byte{0x01}, std::byte{0x10}, std::byte{0x80},
                                  std::byte{0xff}};
  for (const auto& [m, blob] : small_blobs()) {
    const PackedHeader header = read_header(blob);
    const auto data = header.sections[static_cast<std::size_t>(SectionId::kSignMantissa)].offset;
    for (std::size_t at = 0; at < blob.size(); ++at) {
      for (std::size_t i = 0; i < std::size(kFlips); ++i) {
        if (at >= data && i != at % std::size(kFlips)) continue;  // most of it, and all alike
        const std::byte flip = kFlips[i];
        std::vector<std::byte> bad = blob;
        bad[at] ^= flip;
        fix_checksums(bad);
        TestMatrix out{m.rows, m.cols, {}};
        const std::string error = decode_guarded(bad, out, kTrusting);
        ASSERT_NE(error, "OUT OF BOUNDS") << "byte " << at << " ^ " << std::to_integer<int>(flip);
        ++(error.empty() ? num_accepted : num_refused);
        if (!error.empty()) continue;
        const auto reference = codec::reference_decode(bad);
        ASSERT_TRUE(reference.ok()) << "byte " << at << ": " << reference.error().message;
        ASSERT_TRUE(reference->weights == out.weights)
            << "byte " << at << " ^ " << std::to_integer<int>(flip);
      }
    }
  }
  EXPECT_GT(num_accepted, 1000u);  // sign_mantissa and the like: any byte is a valid one
  EXPECT_GT(num_refused, 1000u);
}

TEST(PackedReader, EveryTruncationIsRefused) {
  for (const auto& [m, blob] : small_blobs()) {
    for (std::size_t bytes = 0; bytes < blob.size(); ++bytes) {
      const std::vector<std::byte> shorter(blob.begin(),
                                           blob.begin() + static_cast<std::ptrdiff_t>(bytes));
      TestMatrix out{m.rows, m.cols, {}};
      for (const DecodeOptions& options : {kTrusting, kChecking}) {
        const std::string error = decode_guarded(shorter, out, options);
        ASSERT_NE(error, "") << bytes << " bytes";
        ASSERT_NE(error, "OUT OF BOUNDS") << bytes << " bytes";
      }
    }
  }
}

// As if the file ended early and the container's length had been adjusted to it.
TEST(PackedReader, HeaderOfALargerTensorNeedsALargerBlob) {
  const TestMatrix m = halving_matrix(64, 64, 2);
  const auto blob = encode(m.view(), {.family = Family::kPalette}).value();
  EXPECT_TRUE(parse_header(std::span(blob).first(512), blob.size()).ok());
  EXPECT_FALSE(parse_header(std::span(blob).first(512), blob.size() - 256).ok());
  EXPECT_FALSE(parse_header(std::span(blob).first(511), blob.size()).ok());
}

TEST(PackedReader, MisalignedViewsAreTheCallersMistake) {
  std::vector<std::byte> blob(1025);
  const auto view = open_packed(std::span(blob).subspan(1), true);
  ASSERT_FALSE(view.ok());
  EXPECT_EQ(view.error().code, ErrorCode::kInvalidArgument);
}

TEST(PackedReader, IndicesOfTheWrongLengthAreRefused) {
  const TestMatrix m = halving_matrix(700, 200, 2);
  const auto blob = encode(m.view(), {.family = Family::kHuffman}).value();
  const auto view = open_packed(blob, true);
  ASSERT_TRUE(view.ok()) << view.error().message;
  const PackedHeader h = read_header(blob);
  const auto& streams = view->chunk_streams;
  const auto& index = view->verbatim_index;
  const auto& positions = view->verbatim_positions;
  ASSERT_GT(positions.size(), 1u);
  EXPECT_TRUE(check_indices(h, streams, index, positions).ok());
  EXPECT_FALSE(check_indices(h, streams.first(streams.size() - 1), index, positions).ok());
  EXPECT_FALSE(check_indices(h, streams.first(0), index, positions).ok());
  EXPECT_FALSE(check_indices(h, streams, index.first(index.size() - 1), positions).ok());
  EXPECT_FALSE(check_indices(h, streams, index, positions.first(positions.size() - 1)).ok());
}

// The rules that take more than one chunk to break.
TEST(PackedReader, ChunksThatDoNotFollowOneAnotherAreRefused) {
  const auto blob =
      encode(uniform_matrix(160, 640, 2).view(), {.family = Family::kHuffman}).value();
  const auto view = open_packed(blob, true);
  ASSERT_TRUE(view.ok()) << view.error().message;
  ASSERT_EQ(view->verbatim_index.size(), 4u);
  const PackedHeader h = read_header(blob);
  const auto expect_refused = [&](const std::string& message, auto&& edit) {
    std::vector<codec::ChunkStreamEntry> streams(view->chunk_streams.begin(),
                                                 view->chunk_streams.end());
    std::vector<codec::VerbatimIndexEntry> index(view->verbatim_index.begin(),
                                                 view->verbatim_index.end());
    edit(streams, index);
    const auto result = check_indices(h, streams, index, view->verbatim_positions);
    ASSERT_FALSE(result.ok()) << message;
    EXPECT_NE(result.error().message.find(message), std::string::npos) << result.error().message;
  };
  expect_refused("chunk 2 begins at byte", [](auto& s, auto&) { ++s[2].packed; });
  expect_refused("chunk 2 begins at byte", [](auto& s, auto&) { --s[2].packed; });
  expect_refused("chunk 0 begins at byte", [](auto& s, auto&) { std::swap(s[0], s[1]); });
  const std::uint32_t rows = static_cast<std::uint32_t>(h.num_verbatim_rows);
  expect_refused("chunk 2 has verbatim rows", [](auto&, auto& i) {  // descends
    i[3].first_verbatim_row = i[2].first_verbatim_row - 1;
  });
  expect_refused("chunk 2 has verbatim rows",
                 [&](auto&, auto& i) { i[3].first_verbatim_row = rows + 1; });
  expect_refused("is out of order", [](auto&, auto& i) { ++i[1].first_verbatim_row; });
  expect_refused("is out of order", [](auto&, auto& i) { --i[1].first_verbatim_row; });
}

TEST(PackedReader, EscapesOfOtherChunksAreRefused) {
  const auto blob = encode(uniform_matrix(160, 640, 2).view(), {.family = Family::kRadix}).value();
  const auto view = open_packed(blob, true);
  ASSERT_TRUE(view.ok()) << view.error().message;
  const PackedHeader h = read_header(blob);
  std::vector<codec::VerbatimIndexEntry> index(view->verbatim_index.begin(),
                                               view->verbatim_index.end());
  ASSERT_EQ(index.size(), 4u);
  for (const std::uint32_t change : {1u, ~0u}) {  // an escape more, or fewer, in chunk 0
    index[1].first_verbatim_row += change;
    const auto result = check_indices(h, {}, index, view->verbatim_positions);
    ASSERT_FALSE(result.ok());
    EXPECT_NE(result.error().message.find("is of a chunk of other parity"), std::string::npos)
        << result.error().message;
    index[1].first_verbatim_row -= change;
  }
  EXPECT_TRUE(check_indices(h, {}, index, view->verbatim_positions).ok());
}

}  // namespace
}  // namespace unweight::packed
