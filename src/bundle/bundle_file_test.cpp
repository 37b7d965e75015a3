// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bundle/bundle_test_support.h"
#include "safetensors/safetensors.h"

namespace unweight {
namespace {

using namespace unweight::testing;

TEST(BundleFile, RestoresEveryTensorOfTheHostileSet) {
  const TempDir dir;
  SafetensorsText file;
  int number = 0;  // some names are there twice
  for (const HostileTensor& tensor : hostile_tensors())
    file.add_bf16(tensor.name + "." + std::to_string(number++), {tensor.rows, tensor.cols},
                  tensor.weights);
  EXPECT_TRUE(round_trip(dir, file.text()) == file.text());
}

TEST(BundleFile, RestoresWithEveryForcedFamily) {
  for (const Family family : {Family::kRaw, Family::kPalette, Family::kHuffman, Family::kRadix}) {
    const TempDir dir;
    CompressOptions options;
    options.family = family;
    const std::string file = small_model_file();
    EXPECT_TRUE(round_trip(dir, file, options) == file);
  }
}

TEST(BundleFile, RestoresOddHeaders) {
  const TempDir dir;
  const std::vector<std::uint16_t> weights = normal_tensor(64, 64).weights;
  const auto build = [&] { return SafetensorsText().add_bf16("w", {64, 64}, weights); };
  for (const std::string& file :
       {build().text(), build().spelling(" ,\n\t ", "   \n").text(),
        build().member(R"("__metadata__":{"format":"pt","a\u00e9":"\ud83d\ude00"})").text(),
        build().member(R"("__metadata__":{})").text(),
        build().member(R"("__metadata__":{"unweight_format_version":"7"})").text(),
        build().spelling(",", std::string(1000, ' ')).text()}) {
    EXPECT_TRUE(round_trip(dir, file) == file);
  }
}

TEST(BundleFile, RestoresFilesWithNothingInThem) {
  const TempDir dir;
  for (const std::string& file :
       {SafetensorsText().text(), SafetensorsText().member(R"("__metadata__":{"a":"b"})").text(),
        SafetensorsText().add("e", "BF16", {0, 64}, "").add("f", "F32", {3, 0}, "").text(),
        SafetensorsText().add("s", "BF16", {}, "\x01\x02").text()}) {
    EXPECT_TRUE(round_trip(dir, file) == file);
  }
}

TEST(BundleFile, RestoresWeirdNames) {
  const TempDir dir;
  const std::vector<std::uint16_t> weights = normal_tensor(64, 64).weights;
  SafetensorsText file;
  for (const char* name :
       {"", " ", "a/../b", "\\u0000", "\\\"quoted\\\"", "caf\xc3\xa9", "\\ud83d\\ude00", "x",
        "x_packed", "x_packed_packed", "_packed", "unweightish"})
    file.add_bf16(name, {64, 64}, weights);
  EXPECT_TRUE(round_trip(dir, file.text()) == file.text());
}

TEST(BundleFile, RestoresRandomMixturesOfDtypes) {
  const std::vector<std::pair<std::string, std::size_t>> dtypes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"I16", 2}, {"F16", 2},
      {"BF16", 2}, {"I32", 4}, {"F32", 4}, {"F64", 8},     {"I64", 8}};
  std::mt19937_64 rng(11);
  for (int round = 0; round < 20; ++round) {
    const TempDir dir;
    SafetensorsText file;
    const std::uint64_t count = rng() % 12;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto& [dtype, size] = dtypes[rng() % dtypes.size()];
      const std::uint64_t rows = rng() % 70, cols = rng() % 200;
      const std::string name = std::string("t") + std::to_string(i);
      if (dtype == "BF16" && rng() % 4 != 0) {
        file.add_bf16(name, {rows, cols}, normal_tensor(rows, cols, 0.1f, rng()).weights);
      } else {
        file.add(name, dtype, {rows, cols}, random_bytes(rows * cols * size, rng()));
      }
    }
    CompressOptions options;
    options.num_threads = static_cast<unsigned>(1 + rng() % 3);
    EXPECT_TRUE(round_trip(dir, file.text(), options) == file.text()) << "round " << round;
  }
}

TEST(BundleFile, IsItselfASafetensorsFileWithAlignedTensors) {
  const TempDir dir;
  SafetensorsText file;
  file.member(R"("__metadata__":{"format":"pt"})");
  file.add("i8", "I8", {3}, "abc");
  file.add_bf16("w", {64, 128}, normal_tensor(64, 128).weights);
  file.add("f64", "F64", {2}, random_bytes(16, 1));
  file.add("f32", "F32", {1}, random_bytes(4, 2));
  ASSERT_TRUE(round_trip(dir, file.text()) == file.text());
  const auto input = InputFile::open(dir / "bundle.safetensors");
  ASSERT_TRUE(input);
  const auto header = safetensors::read_header(*input);
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->metadata.at("format"), "pt");
  EXPECT_EQ(header->metadata.at("unweight_format_version"), "1");
  EXPECT_EQ(header->data_begin % 256, 0u);
  std::vector<std::string> names;
  for (const safetensors::TensorEntry& tensor : header->tensors) {
    names.push_back(tensor.name);
    const std::uint64_t alignment =
        tensor.name.ends_with("_packed") ? 256 : safetensors::dtype_bits(tensor.dtype) / 8;
    EXPECT_EQ((header->data_begin + tensor.begin) % alignment, 0u) << tensor.name;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"w_packed", "f64", "f32", "i8",
                                             "unweight.original_header", "unweight.manifest"}));
  EXPECT_EQ(header->find("w_packed")->bytes() % 256, 0u);
}

TEST(BundleFile, SameBytesWithAnyNumberOfThreads) {
  const TempDir dir;
  const std::string file = small_model_file(3, 2000);
  write_file(dir / "in.safetensors", file);
  std::string first;
  for (const unsigned threads : {1u, 2u, 5u}) {
    CompressOptions options;
    options.num_threads = threads;
    options.overwrite = true;
    options.self_check = threads != 2;
    ASSERT_TRUE(compress(dir / "in.safetensors", dir / "b.safetensors", options));
    const std::string bundle = read_file(dir / "b.safetensors");
    if (first.empty()) first = bundle;
    EXPECT_TRUE(bundle == first) << threads;
  }
}

TEST(BundleFile, ReportsWhatWasStoredAndWhy) {
  const TempDir dir;
  SafetensorsText file;
  file.add_bf16("taken", {64, 64}, normal_tensor(64, 64).weights);
  file.add("taken_packed", "U8", {1}, "x");
  file.add_bf16("skipped", {64, 64}, normal_tensor(64, 64).weights);
  file.add("noise", "BF16", {64, 64}, random_bytes(8192, 9));
  file.add("none", "BF16", {0}, "");
  file.add_bf16("good", {128, 128}, normal_tensor(128, 128).weights);
  write_file(dir / "in.safetensors", file.text());
  CompressOptions options;
  options.filter.exclude = {"skip*"};
  const auto report = compress(dir / "in.safetensors", dir / "b.safetensors", options);
  ASSERT_TRUE(report) << report.error().message;
  std::map<std::string, std::string> reasons;
  for (const TensorReport& tensor : report->tensors) {
    reasons[tensor.name] = tensor.reason;
    EXPECT_EQ(tensor.family == Family::kRaw, !tensor.reason.empty()) << tensor.name;
    if (tensor.family == Family::kRaw) {
      EXPECT_EQ(tensor.stored_bytes, tensor.original_bytes);
    }
  }
  EXPECT_EQ(reasons["taken"], "the name taken_packed is taken");
  EXPECT_EQ(reasons["taken_packed"], "not BF16");
  EXPECT_EQ(reasons["skipped"], "excluded");
  EXPECT_EQ(reasons["noise"], "does not shrink");
  EXPECT_EQ(reasons["none"], "empty");
  EXPECT_EQ(reasons["good"], "");
  EXPECT_EQ(report->num_files, 1u);
  EXPECT_EQ(report->original_bytes, file.text().size());
  EXPECT_EQ(report->stored_bytes, fs::file_size(dir / "b.safetensors"));
}

TEST(BundleFile, DryRunWritesNothingAndEstimatesWell) {
  const TempDir dir;
  write_file(dir / "in.safetensors", small_model_file(5, 3000));
  CompressOptions options;
  options.dry_run = true;
  const auto dry = compress(dir / "in.safetensors", dir / "b.safetensors", options);
  ASSERT_TRUE(dry);
  EXPECT_EQ(list_names(dir.path()), std::vector<std::string>{"in.safetensors"});
  options.dry_run = false;
  const auto real = compress(dir / "in.safetensors", dir / "b.safetensors", options);
  ASSERT_TRUE(real);
  EXPECT_NEAR(static_cast<double>(dry->stored_bytes), static_cast<double>(real->stored_bytes),
              0.01 * static_cast<double>(real->stored_bytes));
}

TEST(BundleFile, RefusesReservedNamesAndBundles) {
  const TempDir dir;
  write_file(dir / "in.safetensors", SafetensorsText().add("unweight.x", "U8", {1}, "a").text());
  const auto reserved = compress(dir / "in.safetensors", dir / "b.safetensors");
  ASSERT_FALSE(reserved);
  EXPECT_EQ(reserved.error().code, ErrorCode::kUnsupported);
  write_file(dir / "in2.safetensors", small_model_file());
  ASSERT_TRUE(compress(dir / "in2.safetensors", dir / "b.safetensors"));
  const auto twice = compress(dir / "b.safetensors", dir / "c.safetensors");
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().message.find("already an unweight bundle"), std::string::npos);
  EXPECT_FALSE(fs::exists(dir / "c.safetensors"));
}

TEST(BundleFile, RefusesWhatIsNoBundle) {
  const TempDir dir;
  write_file(dir / "in.safetensors", small_model_file());
  const auto restored = decompress(dir / "in.safetensors", dir / "out.safetensors");
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code, ErrorCode::kInvalidFormat);
  const auto verified = verify(dir / "in.safetensors");
  ASSERT_TRUE(verified);
  EXPECT_FALSE(verified->ok());
  EXPECT_FALSE(verify(dir / "missing.safetensors"));
  EXPECT_EQ(compress(dir / "missing", dir / "x").error().code, ErrorCode::kNotFound);
}

TEST(BundleFile, VerifyNamesEveryDifferingTensorOfTheOriginal) {
  const TempDir dir;
  std::string file = small_model_file();
  ASSERT_TRUE(round_trip(dir, file) == file);
  file[file.size() - 1] = static_cast<char>(file.back() ^ 1);  // c.weight
  file[file.find("F32")] = 'I';                                // header
  write_file(dir / "other.safetensors", file + "x");
  const auto report = verify(dir / "bundle.safetensors", dir / "other.safetensors");
  ASSERT_TRUE(report);
  ASSERT_EQ(report->problems.size(), 3u);
  EXPECT_NE(report->problems[0].find("bytes, the bundle restores"), std::string::npos);
  EXPECT_NE(report->problems[1].find("header"), std::string::npos);
  EXPECT_NE(report->problems[2].find("c.weight: 1 bytes differ"), std::string::npos);
}

TEST(BundleFile, InspectAgreesWithCompress) {
  const TempDir dir;
  write_file(dir / "in.safetensors", small_model_file(7, 500));
  const auto compressed = compress(dir / "in.safetensors", dir / "b.safetensors");
  ASSERT_TRUE(compressed);
  const auto original = inspect(dir / "in.safetensors");
  const auto bundle = inspect(dir / "b.safetensors");
  ASSERT_TRUE(original) << original.error().message;
  ASSERT_TRUE(bundle) << bundle.error().message;
  EXPECT_FALSE(original->is_bundle);
  EXPECT_TRUE(bundle->is_bundle);
  EXPECT_EQ(bundle->stored_bytes, compressed->stored_bytes);
  ASSERT_EQ(original->tensors.size(), 3u);
  ASSERT_EQ(bundle->tensors.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(original->tensors[i].report.family, compressed->tensors[i].family);
    EXPECT_EQ(bundle->tensors[i].report.family, compressed->tensors[i].family);
    EXPECT_EQ(bundle->tensors[i].report.stored_bytes, compressed->tensors[i].stored_bytes);
    ASSERT_EQ(original->tensors[i].analysis.has_value(), i != 1);
    ASSERT_EQ(bundle->tensors[i].analysis.has_value(), i != 1);
    if (i == 1) continue;
    EXPECT_EQ(original->tensors[i].analysis->exponent_count,
              bundle->tensors[i].analysis->exponent_count);
    EXPECT_EQ(original->tensors[i].analysis->huffman_bytes,
              bundle->tensors[i].analysis->huffman_bytes);
  }
  InspectOptions list_only;
  list_only.statistics = false;
  list_only.filter.include = {"a.*"};
  for (const char* name : {"in.safetensors", "b.safetensors"}) {
    const auto listed = inspect(dir / name, list_only);
    ASSERT_TRUE(listed);
    ASSERT_EQ(listed->tensors.size(), 1u);
    EXPECT_FALSE(listed->tensors[0].analysis);
  }
}

}  // namespace
}  // namespace unweight
