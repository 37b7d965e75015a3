// SPDX-License-Identifier: BSD-3-Clause
//
// What the C header promises beyond a round trip: errors, struct sizes, callbacks, files.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "capi/c_api_support.h"
#include "unweight/c_api.h"
#include "unweight/unweight.h"

namespace unweight {
namespace {

namespace fs = std::filesystem;

TEST(CApi, VersionIsTheProjects) {
  EXPECT_STREQ(uw_version(), UNWEIGHT_PROJECT_VERSION);
  EXPECT_EQ(std::string(UNWEIGHT_VERSION_STRING), std::to_string(UNWEIGHT_VERSION_MAJOR) + "." +
                                                      std::to_string(UNWEIGHT_VERSION_MINOR) + "." +
                                                      std::to_string(UNWEIGHT_VERSION_PATCH));
}

TEST(CApi, EveryErrorCodeHasItsStatusAndName) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    const uw_status status = capi::status_of(static_cast<ErrorCode>(code));
    EXPECT_STREQ(uw_status_name(status), error_code_name(static_cast<ErrorCode>(code)));
  }
  EXPECT_STREQ(uw_status_name(UW_OK), "ok");
  EXPECT_STREQ(uw_status_name(UW_MISMATCH), "mismatch");
  EXPECT_STREQ(uw_status_name(-1), "unknown");
  EXPECT_STREQ(uw_status_name(UW_MISMATCH + 1), "unknown");
}

TEST(CApi, LongMessagesAreCutBetweenCharacters) {
  uw_error error;
  const std::size_t room = sizeof error.message - 1;
  for (std::size_t prefix = 0; prefix < 4; ++prefix) {
    std::string message(prefix, 'a');
    while (message.size() < 2 * room) message += "重";
    capi::fail(&error, UW_IO, message);
    const std::string kept = error.message;
    EXPECT_EQ((kept.size() - prefix) % 3, 0U);
    EXPECT_GT(kept.size(), room - 3);
    EXPECT_TRUE(message.starts_with(kept));
  }
}

TEST(CApi, NullArgumentsAreErrors) {
  uw_error error;
  uw_buffer buffer;
  std::uint16_t weight = 0;
  EXPECT_EQ(uw_encode(&weight, 1, 1, 1, nullptr, nullptr, &error), UW_INVALID_ARGUMENT);
  EXPECT_EQ(uw_encode(nullptr, 1, 1, 1, nullptr, &buffer, &error), UW_INVALID_ARGUMENT);
  EXPECT_EQ(buffer.data, nullptr);
  EXPECT_EQ(uw_decode(nullptr, 5, &weight, 1, 1, 1, nullptr, &error), UW_INVALID_ARGUMENT);
  EXPECT_EQ(uw_packed_info(&weight, 2, nullptr, &error), UW_INVALID_ARGUMENT);
  EXPECT_EQ(uw_analyze(&weight, 1, 1, 1, 1, nullptr, &error), UW_INVALID_ARGUMENT);
  EXPECT_EQ(uw_compress(nullptr, "x", nullptr, nullptr, &error), UW_INVALID_ARGUMENT);
  EXPECT_EQ(uw_decompress("x", nullptr, nullptr, nullptr, &error), UW_INVALID_ARGUMENT);
  EXPECT_EQ(uw_verify(nullptr, nullptr, nullptr, nullptr, &error), UW_INVALID_ARGUMENT);
  EXPECT_STRNE(error.message, "");
  uw_buffer_free(nullptr);
}

TEST(CApi, UnsetStructSizesAreRefused) {
  std::uint16_t weight = 0;
  uw_buffer buffer;
  uw_encode_options options = uw_encode_options_init();
  options.struct_size = 0;
  EXPECT_EQ(uw_encode(&weight, 1, 1, 1, &options, &buffer, nullptr), UW_INVALID_ARGUMENT);
  uw_tensor_analysis analysis = uw_tensor_analysis_init();
  analysis.struct_size = 0;
  EXPECT_EQ(uw_analyze(&weight, 1, 1, 1, 1, &analysis, nullptr), UW_INVALID_ARGUMENT);
}

struct LongerOptions {
  uw_encode_options known = uw_encode_options_init();
  std::uint64_t added = 0;
};

TEST(CApi, OptionsOfOtherVersions) {
  std::vector<std::uint16_t> weights(64 * 64, 0x3f80);
  uw_buffer buffer;
  uw_error error;

  LongerOptions newer;  // a newer caller's struct, its new field unused, then used
  newer.known.struct_size = sizeof newer;
  newer.known.family = UW_FAMILY_PALETTE;
  EXPECT_EQ(uw_encode(weights.data(), 64, 64, 64, &newer.known, &buffer, &error), UW_OK);
  uw_buffer_free(&buffer);
  newer.added = 1;
  EXPECT_EQ(uw_encode(weights.data(), 64, 64, 64, &newer.known, &buffer, &error), UW_UNSUPPORTED);

  // An older caller's struct ended before `family`: what lies behind it must not be read.
  uw_encode_options older = uw_encode_options_init();
  older.struct_size = offsetof(uw_encode_options, family);
  older.family = 1234;
  EXPECT_EQ(uw_encode(weights.data(), 64, 64, 64, &older, &buffer, &error), UW_OK) << error.message;
  uw_buffer_free(&buffer);
  older.struct_size = sizeof older;
  EXPECT_EQ(uw_encode(weights.data(), 64, 64, 64, &older, &buffer, &error), UW_INVALID_ARGUMENT);
}

TEST(CApi, ReportsOfOlderCallersAreNotOverrun) {
  const std::vector<std::uint16_t> weights(64 * 64, 0x3f80);
  uw_tensor_analysis analysis;
  std::memset(&analysis, 0x5a, sizeof analysis);
  analysis.struct_size = offsetof(uw_tensor_analysis, palette_coverage);
  ASSERT_EQ(uw_analyze(weights.data(), 64, 64, 64, 1, &analysis, nullptr), UW_OK);
  EXPECT_EQ(analysis.exponent_count[127], 64U * 64U);
  EXPECT_EQ(analysis.exponent_entropy_bits, 0);
  EXPECT_EQ(analysis.struct_size, offsetof(uw_tensor_analysis, palette_coverage));
  const auto* behind = reinterpret_cast<const unsigned char*>(&analysis);
  for (std::size_t i = analysis.struct_size; i < sizeof analysis; ++i) ASSERT_EQ(behind[i], 0x5a);
}

class CApiFiles : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::temp_directory_path() / ("unweight-capi-" + std::to_string(::getpid()));
    fs::create_directories(directory_);
    std::string header = R"({"w":{"dtype":"BF16","shape":[256,256],"data_offsets":[0,131072]}})";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    std::ofstream file(source(), std::ios::binary);
    const std::uint64_t header_bytes = header.size();
    file.write(reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes);
    file << header;
    std::uint32_t state = 1;
    for (int i = 0; i < 256 * 256; ++i) {
      state = state * 1664525U + 1013904223U;
      const auto weight =
          static_cast<std::uint16_t>((state >> 8 & 0x807fU) | (118 + (state >> 24) % 5) << 7);
      file.write(reinterpret_cast<const char*>(&weight), sizeof weight);
    }
  }
  void TearDown() override { fs::remove_all(directory_); }
  [[nodiscard]] std::string path(const char* name) const { return (directory_ / name).string(); }
  [[nodiscard]] std::string source() const { return path("w.safetensors"); }

  fs::path directory_;
};

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(CApiFiles, RoundTripAndReports) {
  uw_error error;
  uw_compress_report compressed = uw_compress_report_init();
  ASSERT_EQ(uw_compress(source().c_str(), path("b").c_str(), nullptr, &compressed, &error), UW_OK)
      << error.message;
  EXPECT_EQ(compressed.original_bytes, fs::file_size(source()));
  EXPECT_EQ(compressed.stored_bytes, fs::file_size(path("b")));
  EXPECT_EQ(compressed.num_packed, 1U);
  EXPECT_EQ(uw_compress(source().c_str(), path("b").c_str(), nullptr, nullptr, &error),
            UW_ALREADY_EXISTS);

  uw_verify_report verified = uw_verify_report_init();
  EXPECT_EQ(uw_verify(path("b").c_str(), source().c_str(), nullptr, &verified, &error), UW_OK);
  EXPECT_EQ(verified.compared_with_original, 1);

  uw_decompress_report restored = uw_decompress_report_init();
  ASSERT_EQ(uw_decompress(path("b").c_str(), path("r").c_str(), nullptr, &restored, &error), UW_OK);
  EXPECT_EQ(contents(path("r")), contents(source()));
}

TEST_F(CApiFiles, VerifyTellsEveryProblem) {
  uw_error error;
  ASSERT_EQ(uw_compress(source().c_str(), path("b").c_str(), nullptr, nullptr, &error), UW_OK);
  std::string other = contents(source());
  other.back() = static_cast<char>(other.back() ^ 1);
  std::ofstream(path("other"), std::ios::binary) << other;

  std::vector<std::string> problems;
  uw_verify_options options = uw_verify_options_init();
  options.user = &problems;
  options.problem = [](const char* text, void* user) {
    static_cast<std::vector<std::string>*>(user)->emplace_back(text);
  };
  uw_verify_report report = uw_verify_report_init();
  EXPECT_EQ(uw_verify(path("b").c_str(), path("other").c_str(), &options, &report, &error),
            UW_MISMATCH);
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(report.num_problems, problems.size());
  EXPECT_EQ(problems.front().substr(0, 500), std::string(error.message).substr(0, 500));
}

TEST_F(CApiFiles, ProgressCanCancel) {
  uw_error error;
  int calls = 0;
  uw_compress_options options = uw_compress_options_init();
  options.user = &calls;
  options.progress = [](const uw_progress* progress, void* user) -> std::int32_t {
    EXPECT_NE(progress->item, nullptr);
    EXPECT_LE(progress->done_bytes, progress->total_bytes);
    ++*static_cast<int*>(user);
    return 1;
  };
  EXPECT_EQ(uw_compress(source().c_str(), path("b").c_str(), &options, nullptr, &error),
            UW_CANCELLED);
  EXPECT_GE(calls, 1);
  EXPECT_FALSE(fs::exists(path("b")));
}

TEST_F(CApiFiles, PatternsAndNullPatterns) {
  uw_error error;
  const char* patterns[] = {"w", nullptr};
  uw_compress_options options = uw_compress_options_init();
  options.dry_run = 1;
  options.exclude = patterns;
  options.num_exclude = 1;
  uw_compress_report report = uw_compress_report_init();
  ASSERT_EQ(uw_compress(source().c_str(), path("b").c_str(), &options, &report, &error), UW_OK);
  EXPECT_EQ(report.num_packed, 0U);
  EXPECT_FALSE(fs::exists(path("b")));
  options.num_exclude = 2;
  EXPECT_EQ(uw_compress(source().c_str(), path("b").c_str(), &options, &report, &error),
            UW_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace unweight
