// SPDX-License-Identifier: BSD-3-Clause
//
// With an engine everything is as without: the same bundles, the same restored bytes, the same
// findings in damaged files.
#include <gtest/gtest.h>

#include <bit>

#include "bundle/bundle_file.h"
#include "bundle/directory_compressor.h"
#include "bundle/directory_restorer.h"
#include "bundle/directory_verifier.h"
#include "bundle/engine_call_test_support.h"
#include "packed/header_checks.h"

namespace unweight::bundle {
namespace {

using namespace unweight::testing;

TEST(BundleEngine, HostileTensorsGiveTheSameBundle) {
  const TempDir dir;
  write_file(dir / "in", hostile_file());
  for (const std::optional<Family> family :
       {std::optional<Family>(), std::optional(Family::kPalette), std::optional(Family::kHuffman),
        std::optional(Family::kRadix)}) {
    CompressOptions options;
    options.overwrite = true;
    options.family = family;
    const auto expected = EngineCalls{}.compress(dir / "in", dir / "expected", options);
    ASSERT_TRUE(expected) << expected.error().message;
    for (const Limits& limits : {kAllToEngine, kPiecesToEngine}) {
      for (const unsigned threads : {1u, 3u}) {
        EngineScript script;
        const EngineCalls calls{&script, limits, threads, {}};
        options.self_check = threads == 1;
        const auto made = calls.compress(dir / "in", dir / "made", options);
        ASSERT_TRUE(made) << made.error().message;
        EXPECT_TRUE(read_file(dir / "made") == read_file(dir / "expected"));
        for (std::size_t i = 0; i < made->tensors.size(); ++i) {
          EXPECT_EQ(made->tensors[i].family, expected->tensors[i].family) << i;
          EXPECT_EQ(made->tensors[i].reason, expected->tensors[i].reason) << i;
        }
        EXPECT_GT(script.calls[EngineCall::kEncode], 10);
        EXPECT_EQ(script.calls[EngineCall::kSelfCheck],
                  options.self_check ? script.calls[EngineCall::kEncode] : 0);
        EXPECT_EQ(script.living, 0);
      }
    }
  }
}

TEST(BundleEngine, StatisticsAreTheSame) {
  const TempDir dir;
  write_file(dir / "in", hostile_file());
  std::vector<TensorAnalysis> found[2];
  EngineScript script;
  for (const std::size_t i : {0u, 1u}) {
    JobContext job = EngineCalls{i == 0 ? nullptr : &script, kPiecesToEngine}.job();
    CompressOptions options;
    options.dry_run = true;
    FileCompressor compressor(job, options);
    compressor.on_analysis(
        [&](std::size_t, const TensorAnalysis& analysis) { found[i].push_back(analysis); });
    ASSERT_TRUE(compressor.compress(dir / "in", {}, "in"));
  }
  EXPECT_EQ(script.calls[EngineCall::kEncode], 0);
  ASSERT_EQ(found[0].size(), found[1].size());
  for (std::size_t i = 0; i < found[0].size(); ++i) {
    EXPECT_EQ(found[0][i].exponent_count, found[1][i].exponent_count);
    EXPECT_EQ(found[0][i].palette, found[1][i].palette);
    EXPECT_EQ(found[0][i].palette_coverage, found[1][i].palette_coverage);
    EXPECT_EQ(found[0][i].huffman_code_bits, found[1][i].huffman_code_bits);
    EXPECT_EQ(found[0][i].num_verbatim_rows, found[1][i].num_verbatim_rows);
    EXPECT_EQ(found[0][i].huffman_bytes, found[1][i].huffman_bytes);
    EXPECT_EQ(found[0][i].radix_bytes, found[1][i].radix_bytes);
    EXPECT_EQ(found[0][i].smallest, found[1][i].smallest);
  }
}

TEST(BundleEngine, RestoresAndVerifiesEveryByte) {
  const TempDir dir;
  const std::string original = hostile_file();
  write_file(dir / "in", original);
  for (const Family family : {Family::kPalette, Family::kHuffman, Family::kRadix}) {
    CompressOptions options;
    options.overwrite = true;
    options.family = family;
    ASSERT_TRUE(EngineCalls{}.compress(dir / "in", dir / "b", options));
    for (const Limits& limits : {kAllToEngine, kPiecesToEngine}) {
      for (const unsigned threads : {1u, 3u}) {
        EngineScript script;
        const EngineCalls calls{&script, limits, threads, {}};
        fs::remove(dir / "out");
        const auto restored = calls.restore(dir / "b", dir / "out");
        ASSERT_TRUE(restored) << restored.error().message;
        EXPECT_TRUE(read_file(dir / "out") == original);
        const auto problems = calls.verify(dir / "b", dir / "in");
        ASSERT_TRUE(problems) << problems.error().message;
        for (const std::string& problem : *problems) ADD_FAILURE() << problem;
        const int decoded = script.calls[EngineCall::kDecode];
        EXPECT_GT(decoded, 20);
        EXPECT_EQ(script.living, 0);
      }
    }
  }
}

TEST(BundleEngine, ShardsGiveTheSameDirectory) {
  const TempDir dir;
  for (std::uint64_t i = 0; i < 4; ++i)
    write_file(dir / "model" / std::to_string(i).append(".safetensors"), small_model_file(i, 900));
  write_file(dir / "model" / "config.json", "{}");
  ASSERT_TRUE(compress(dir / "model", dir / "expected"));
  EngineScript script;
  const EngineCalls calls{&script, kAllToEngine, 2, {}};
  const auto model = safetensors::list_model_files(dir / "model");
  ASSERT_TRUE(model);
  JobContext job = calls.job();
  const CompressOptions options;
  const auto made = DirectoryCompressor(job, options, *model).compress(dir / "made");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(read_tree(dir / "made") == read_tree(dir / "expected"));
  EXPECT_EQ(script.calls[EngineCall::kEncode], 8);
  const auto restored = restore_directory(job, dir / "made", dir / "out", {});
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_TRUE(read_tree(dir / "out") == read_tree(dir / "model"));
  VerifyReport report;
  ASSERT_TRUE(verify_directory(job, dir / "made", dir / "model", report));
  for (const std::string& problem : report.problems) ADD_FAILURE() << problem;
  EXPECT_EQ(script.calls[EngineCall::kDecode], 16);
}

TEST(BundleEngine, OptionsOfThePublicCallsReachIt) {
  const TempDir dir;
  SafetensorsText file;
  file.add_bf16("large", {2100, 1024}, normal_tensor(2100, 1024).weights);  // 4.1 MiB
  file.add_bf16("small", {1000, 1024}, normal_tensor(1000, 1024).weights);
  write_file(dir / "in", file.text());
  ASSERT_TRUE(compress(dir / "in", dir / "expected"));
  EngineScript script;
  CompressOptions compress_options;
  compress_options.engine = std::make_shared<CodecEngine>(script);
  ASSERT_TRUE(compress(dir / "in", dir / "b", compress_options));
  EXPECT_TRUE(read_file(dir / "b") == read_file(dir / "expected"));
  EXPECT_EQ(script.calls[EngineCall::kBeginEncode], 1);
  DecompressOptions decompress_options;
  decompress_options.engine = compress_options.engine;
  ASSERT_TRUE(decompress(dir / "b", dir / "out", decompress_options));
  EXPECT_TRUE(read_file(dir / "out") == file.text());
  EXPECT_EQ(script.calls[EngineCall::kDecode], 1);
  VerifyOptions verify_options;
  verify_options.engine = compress_options.engine;
  const auto verified = verify(dir / "b", dir / "in", verify_options);
  ASSERT_TRUE(verified);
  EXPECT_TRUE(verified->ok());
  EXPECT_EQ(script.calls[EngineCall::kDecode], 2);
}

TEST(BundleEngine, TensorsItDoesNotTakeGoToTheCodec) {
  const TempDir dir;
  write_file(dir / "in", small_model_file());
  EngineScript script;
  script.takes_tensors = false;
  const EngineCalls calls{&script};
  ASSERT_TRUE(EngineCalls{}.compress(dir / "in", dir / "expected"));
  ASSERT_TRUE(calls.compress(dir / "in", dir / "b"));
  EXPECT_TRUE(read_file(dir / "b") == read_file(dir / "expected"));
  ASSERT_TRUE(calls.restore(dir / "b", dir / "out"));
  EXPECT_TRUE(read_file(dir / "out") == read_file(dir / "in"));
  EXPECT_TRUE(script.calls.empty());
}

// ---- Damage -------------------------------------------------------------------------------------

/// Verify and restore of the file "d": the same with and without engine.
void expect_same_findings(const TempDir& dir, const EngineCalls& calls) {
  for (const bool compare : {false, true}) {
    const std::optional<fs::path> original =
        compare ? std::optional(dir / "in") : std::optional<fs::path>();
    const auto expected = EngineCalls{nullptr, calls.limits}.verify(dir / "d", original);
    const auto found = calls.verify(dir / "d", original);
    ASSERT_TRUE(expected && found);
    EXPECT_FALSE(found->empty());
    EXPECT_EQ(*found, *expected);
  }
  const auto expected = EngineCalls{nullptr, calls.limits}.restore(dir / "d", dir / "out");
  fs::remove(dir / "out");
  const auto restored = calls.restore(dir / "d", dir / "out");
  EXPECT_EQ(restored.ok(), expected.ok());
  if (!restored && !expected) {
    EXPECT_EQ(restored.error().code, expected.error().code);
    EXPECT_EQ(restored.error().message, expected.error().message);
    EXPECT_FALSE(fs::exists(dir / "out"));
  }
  fs::remove(dir / "out");
}

TEST(BundleEngine, DamageIsFoundAsWithout) {
  const TempDir dir;
  SafetensorsText file;
  file.add_bf16("a", {48, 800}, student_t_tensor(48, 800).weights);
  file.add_bf16("b", {16, 256}, normal_tensor(16, 256).weights);
  write_file(dir / "in", file.text());
  for (const Family family : {Family::kPalette, Family::kHuffman}) {
    CompressOptions options;
    options.overwrite = true;
    options.family = family;
    ASSERT_TRUE(EngineCalls{}.compress(dir / "in", dir / "b", options));
    const std::string bundle = read_file(dir / "b");
    std::mt19937_64 rng(7);
    int decoded = 0;
    for (std::size_t at = 600; at < bundle.size(); at += 1 + rng() % 300) {
      std::string damaged = bundle;
      damaged[at] = static_cast<char>(damaged[at] ^ static_cast<char>(1 << rng() % 8));
      write_file(dir / "d", damaged);
      EngineScript script;
      SCOPED_TRACE(at);
      expect_same_findings(
          dir, EngineCalls{&script, at % 2 == 0 ? kAllToEngine : kPiecesToEngine, 2, {}});
      decoded += script.calls[EngineCall::kDecode];
    }
    EXPECT_GT(decoded, 0);  // the tensor that is not damaged still goes to the engine
  }
}

/// A stream that no longer decodes, under checksums that hold: only decoders can tell.
TEST(BundleEngine, StreamsThatDoNotEndAreFoundAsWithout) {
  const TempDir dir;
  SafetensorsText file;
  file.add_bf16("a", {200, 800}, student_t_tensor(200, 800).weights);
  write_file(dir / "in", file.text());
  ASSERT_TRUE(EngineCalls{}.compress(dir / "in", dir / "b"));
  std::uint64_t begin = 0;
  {
    const auto opened = open_bundle_file(dir / "b");
    ASSERT_TRUE(opened);
    begin = opened->tensors[0].stored_offset;
  }
  const std::string bundle = read_file(dir / "b");
  packed::PackedHeader header{};
  std::memcpy(&header, bundle.data() + begin, sizeof(header));
  packed::SectionEntry& stream =
      header.sections[static_cast<std::size_t>(packed::SectionId::kStream)];
  int failed = 0;
  for (std::uint64_t at = 0; at < stream.bytes - 64; at += 9001) {
    std::string damaged = bundle;
    char* bytes = damaged.data() + begin + stream.offset;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
    stream.xxh3 = xxh3(std::as_bytes(std::span(bytes, stream.bytes)));
    header.header_xxh3 = packed::header_checksum(header);
    std::memcpy(damaged.data() + begin, &header, sizeof(header));
    write_file(dir / "d", damaged);
    EngineScript script;
    SCOPED_TRACE(at);
    expect_same_findings(dir, EngineCalls{&script, kPiecesToEngine, 2, {}});
    EXPECT_EQ(script.calls[EngineCall::kDecode], 3);
    failed += script.calls[EngineCall::kReadRows] == 0 ? 1 : 0;
  }
  EXPECT_GT(failed, 0);
}

}  // namespace
}  // namespace unweight::bundle
