// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <nlohmann/json.hpp>

#include "bundle/bundle_test_support.h"

namespace unweight {
namespace {

using namespace unweight::testing;
using nlohmann::ordered_json;

constexpr const char* kConfig =
    "{\n  \"architectures\": [\n    \"X\"\n  ],\n  \"eps\": 1e-05,\n  \"theta\": 1000000.0\n}\n";

/// Two shards with an index, a component in a subfolder, and what else lies in model directories.
void write_model(const fs::path& root) {
  write_file(root / "model-00001-of-00002.safetensors", small_model_file(1));
  SafetensorsText second;
  second.add_bf16("d.weight", {128, 64}, normal_tensor(128, 64).weights);
  second.add("e.weight", "BF16", {64, 64}, random_bytes(8192, 5));
  write_file(root / "model-00002-of-00002.safetensors", second.text());
  write_file(root / "model.safetensors.index.json",
             R"({"metadata":{"total_size":12345,"note":"kept"},"weight_map":{)"
             R"("c.weight":"model-00001-of-00002.safetensors",)"
             R"("a.weight":"model-00001-of-00002.safetensors",)"
             R"("b.scale":"model-00001-of-00002.safetensors",)"
             R"("d.weight":"model-00002-of-00002.safetensors",)"
             R"("e.weight":"model-00002-of-00002.safetensors"}})");
  write_file(root / "config.json", kConfig);
  write_file(root / "tokenizer.json", "{\"a\": 1}");
  write_file(root / "pytorch_model.bin", random_bytes(1000, 6));
  write_file(root / "empty.txt", "");
  write_file(root / "vae/model.safetensors", small_model_file(2));
  write_file(root / "vae/config.json", "{}");
  write_file(root / "unpacked/model.safetensors",
             SafetensorsText().add("x", "F32", {1}, "abcd").text());
  write_file(root / "unpacked/config.json", "{\"a\":1}");
  write_file(root / ".hidden/notes \xc3\xa9.txt", "notes");
}

TEST(BundleDirectory, RestoresEveryFile) {
  const TempDir dir;
  write_model(dir / "model");
  const auto compressed = compress(dir / "model", dir / "bundle");
  ASSERT_TRUE(compressed) << compressed.error().message;
  EXPECT_TRUE(compressed->warnings.empty());
  EXPECT_EQ(compressed->num_files, 4u);
  const auto restored = decompress(dir / "bundle", dir / "out");
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_TRUE(read_tree(dir / "out") == read_tree(dir / "model"));
  const auto verified = verify(dir / "bundle", dir / "model");
  ASSERT_TRUE(verified) << verified.error().message;
  for (const std::string& problem : verified->problems) ADD_FAILURE() << problem;
  EXPECT_EQ(verified->original_bytes, compressed->original_bytes);
  std::uint64_t stored_bytes = 0, original_bytes = 0;
  for (const auto& [path, bytes] : read_tree(dir / "bundle")) stored_bytes += bytes.size();
  for (const auto& [path, bytes] : read_tree(dir / "model")) original_bytes += bytes.size();
  EXPECT_EQ(compressed->stored_bytes, stored_bytes);
  EXPECT_EQ(compressed->original_bytes, original_bytes);
  EXPECT_EQ(list_names(dir.path()).size(), 3u);  // nothing is left beside them
}

TEST(BundleDirectory, IndexNamesTheTensorsOfTheBundle) {
  const TempDir dir;
  write_model(dir / "model");
  ASSERT_TRUE(compress(dir / "model", dir / "bundle"));
  const auto index =
      ordered_json::parse(read_file(dir / "bundle" / "model.safetensors.index.json"));
  std::vector<std::string> names;
  for (const auto& [name, file] : index["weight_map"].items()) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"c.weight_packed", "a.weight_packed", "b.scale",
                                             "d.weight_packed", "e.weight"}));
  EXPECT_EQ(index["metadata"]["note"], "kept");
  const auto report = inspect(dir / "bundle");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->is_bundle);
  std::uint64_t total = 0;
  for (const auto& tensor : report->tensors)
    if (tensor.report.file.find('/') == std::string::npos) total += tensor.report.stored_bytes;
  EXPECT_EQ(index["metadata"]["total_size"], total);
}

TEST(BundleDirectory, ConfigKeepsEveryByteAndGainsOneMember) {
  const TempDir dir;
  write_model(dir / "model");
  ASSERT_TRUE(compress(dir / "model", dir / "bundle"));
  const std::string text = read_file(dir / "bundle" / "config.json");
  const std::string kept = std::string(kConfig).substr(0, std::string(kConfig).size() - 3);
  EXPECT_EQ(text.substr(0, kept.size()), kept);
  const auto config = ordered_json::parse(text)["quantization_config"];
  EXPECT_EQ(config["quant_method"], "unweight");
  EXPECT_EQ(config["format_version"], 1);
  EXPECT_EQ(config["tile_geometry"]["tile_rows"], 16);
  EXPECT_EQ(config["families"], ordered_json::array({"huffman"}));
  EXPECT_TRUE(ordered_json::parse(read_file(dir / "bundle" / "vae" / "config.json"))
                  .contains("quantization_config"));
  // Nothing was packed there: any loader can read it as it is.
  EXPECT_EQ(read_file(dir / "bundle" / "unpacked" / "config.json"), "{\"a\":1}");
  EXPECT_EQ(read_file(dir / "bundle" / "unweight_original" / "config.json"), kConfig);
}

TEST(BundleDirectory, KeepsAnotherQuantizationConfigAndWarns) {
  const TempDir dir;
  write_model(dir / "model");
  write_file(dir / "model" / "config.json", R"({"quantization_config": {"quant_method": "x"} })");
  const auto compressed = compress(dir / "model", dir / "bundle");
  ASSERT_TRUE(compressed);
  ASSERT_EQ(compressed->warnings.size(), 1u);
  const auto config = ordered_json::parse(read_file(dir / "bundle" / "config.json"));
  EXPECT_EQ(config["quantization_config"]["quant_method"], "x");
  EXPECT_EQ(config["unweight_config"]["quant_method"], "unweight");
}

TEST(BundleDirectory, CopiesJsonThatItCannotRead) {
  const TempDir dir;
  write_model(dir / "model");
  write_file(dir / "model" / "config.json", "{\"a\": NaN}");
  write_file(dir / "model" / "model.safetensors.index.json", "[]");
  const auto compressed = compress(dir / "model", dir / "bundle");
  ASSERT_TRUE(compressed);
  EXPECT_EQ(compressed->warnings.size(), 2u);
  ASSERT_TRUE(decompress(dir / "bundle", dir / "out"));
  EXPECT_TRUE(read_tree(dir / "out") == read_tree(dir / "model"));
}

TEST(BundleDirectory, FollowsLinksToFiles) {
  const TempDir dir;
  write_model(dir / "blobs");
  fs::create_directories(dir / "model");
  for (const char* name : {"model-00001-of-00002.safetensors", "config.json"})
    fs::create_symlink(dir / "blobs" / name, dir / "model" / name);
  ASSERT_TRUE(compress(dir / "model", dir / "bundle"));
  ASSERT_TRUE(decompress(dir / "bundle", dir / "out"));
  EXPECT_EQ(fs::symlink_status(dir / "out" / "config.json").type(), fs::file_type::regular);
  EXPECT_EQ(read_file(dir / "out" / "config.json"), kConfig);
  fs::create_symlink(dir / "nowhere", dir / "model" / "dangling");
  EXPECT_FALSE(compress(dir / "model", dir / "bundle2"));
  EXPECT_FALSE(fs::exists(dir / "bundle2"));
}

TEST(BundleDirectory, RefusesPlacesThatWouldDestroyTheSource) {
  const TempDir dir;
  write_model(dir / "model");
  fs::create_directory_symlink(dir / "model", dir / "link");
  CompressOptions overwrite;
  overwrite.overwrite = true;
  for (const fs::path& target : {dir / "model", dir / "model/", dir / "model/sub", dir / "link/sub",
                                 dir / "link", dir.path(), dir / "model/../model"}) {
    const auto result = compress(dir / "model", target, overwrite);
    ASSERT_FALSE(result) << target;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument) << target;
  }
  const fs::path file = dir / "model" / "vae" / "model.safetensors";
  fs::create_hard_link(file, dir / "same.safetensors");
  EXPECT_FALSE(compress(file, file, overwrite));
  EXPECT_FALSE(compress(file, dir / "same.safetensors", overwrite));
  EXPECT_FALSE(compress(file, dir / "no/such/folder.safetensors", overwrite));
  EXPECT_EQ(list_names(dir.path()).size(), 3u);
}

TEST(BundleDirectory, ReplacesOnlyWhenAsked) {
  const TempDir dir;
  write_model(dir / "model");
  write_file(dir / "bundle" / "precious.txt", "x");
  const auto refused = compress(dir / "model", dir / "bundle");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kAlreadyExists);
  EXPECT_TRUE(fs::exists(dir / "bundle" / "precious.txt"));
  CompressOptions options;
  options.overwrite = true;
  ASSERT_TRUE(compress(dir / "model", dir / "bundle", options));
  EXPECT_FALSE(fs::exists(dir / "bundle" / "precious.txt"));
  EXPECT_TRUE(verify(dir / "bundle")->ok());
  EXPECT_EQ(list_names(dir.path()).size(), 2u);
  EXPECT_EQ(compress(dir / "bundle", dir / "again").error().code, ErrorCode::kInvalidArgument);
}

TEST(BundleDirectory, RefusesTwoRunsAtOnce) {
  const TempDir dir;
  write_model(dir / "model");
  fs::create_directories(dir / "bundle.unweight-partial");
  const std::string lock = (dir / "bundle.unweight-partial" / "lock").string();
  const int fd = ::open(lock.c_str(), O_RDWR | O_CREAT, 0666);
  ASSERT_EQ(::flock(fd, LOCK_EX), 0);
  const auto refused = compress(dir / "model", dir / "bundle");
  ::close(fd);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("another run"), std::string::npos);
  EXPECT_TRUE(compress(dir / "model", dir / "bundle"));
}

TEST(BundleDirectory, VerifyFindsEveryKindOfDifference) {
  const TempDir dir;
  write_model(dir / "model");
  ASSERT_TRUE(compress(dir / "model", dir / "bundle"));
  write_file(dir / "model" / "new.txt", "new");
  fs::remove(dir / "model" / "empty.txt");
  write_file(dir / "model" / "tokenizer.json", "{\"a\": 2}");
  write_file(dir / "model" / "config.json", "{}");
  fs::remove(dir / "bundle" / "pytorch_model.bin");
  write_file(dir / "bundle" / "stray.safetensors", "x");
  const auto report = verify(dir / "bundle", dir / "model");
  ASSERT_TRUE(report) << report.error().message;
  std::string all;
  for (const std::string& problem : report->problems) all += problem + "\n";
  for (const char* expected :
       {"new.txt: is in the original", "empty.txt: the original has no such file",
        "tokenizer.json: 1 bytes differ", "config.json: size is not the original's",
        "pytorch_model.bin: missing", "stray.safetensors: weight file is not in"}) {
    EXPECT_NE(all.find(expected), std::string::npos) << expected << "\nin\n" << all;
  }
}

TEST(BundleDirectory, RefusesReservedNamesAndOddContents) {
  const TempDir dir;
  write_file(dir / "a" / "unweight_original" / "x", "x");
  write_file(dir / "a" / "m.safetensors", small_model_file());
  EXPECT_FALSE(compress(dir / "a", dir / "out"));
  write_file(dir / "b" / "readme", "no weights");
  EXPECT_FALSE(compress(dir / "b", dir / "out"));
  write_file(dir / "c" / "m.safetensors", "version https://git-lfs.github.com/spec/v1\n");
  EXPECT_FALSE(compress(dir / "c", dir / "out"));
  write_file(dir / "d" / "name\xff", "x");
  write_file(dir / "d" / "m.safetensors", small_model_file());
  EXPECT_EQ(compress(dir / "d", dir / "out").error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(list_names(dir.path()).size(), 4u);
}

}  // namespace
}  // namespace unweight
