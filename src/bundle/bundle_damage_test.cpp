// SPDX-License-Identifier: BSD-3-Clause
//
// Damaged bundles: decompress never succeeds with wrong bytes, verify always finds the damage.
#include <gtest/gtest.h>

#include "bundle/bundle_test_support.h"
#include "bundle/directory_manifest.h"
#include "bundle/file_manifest.h"

namespace unweight {
namespace {

using namespace unweight::testing;

/// A bundle with both families, verbatim rows, a carried tensor and an empty one.
std::string make_bundle(const TempDir& dir) {
  SafetensorsText file;
  file.member(R"("__metadata__":{"format":"pt"})");
  file.add_bf16("huffman", {16, 256}, student_t_tensor(16, 256).weights);
  file.add("carried", "I32", {5}, random_bytes(20, 4));
  file.add("empty", "BF16", {0, 4}, "");
  write_file(dir / "in.safetensors", file.text());
  EXPECT_TRUE(compress(dir / "in.safetensors", dir / "b.safetensors"));
  return read_file(dir / "b.safetensors");
}

void expect_damage_is_found(const TempDir& dir, const std::string& original,
                            const std::string& what) {
  DecompressOptions overwrite;
  overwrite.overwrite = true;
  overwrite.num_threads = 1;
  VerifyOptions one_thread;
  one_thread.num_threads = 1;
  const auto verified = verify(dir / "d.safetensors", {}, one_thread);
  ASSERT_TRUE(verified) << what << ": " << verified.error().message;
  EXPECT_FALSE(verified->ok()) << what;
  fs::remove(dir / "out.safetensors");
  const auto restored = decompress(dir / "d.safetensors", dir / "out.safetensors", overwrite);
  if (restored) {
    EXPECT_TRUE(read_file(dir / "out.safetensors") == original) << what;
  } else {
    EXPECT_FALSE(fs::exists(dir / "out.safetensors")) << what;
  }
}

TEST(BundleDamage, EveryFlippedByteIsFound) {
  const TempDir dir;
  const std::string bundle = make_bundle(dir);
  const std::string original = read_file(dir / "in.safetensors");
  std::mt19937_64 rng(5);
  // Every byte of the safetensors header and the blob's; the sections and the rest are sampled.
  for (std::size_t at = 0; at < bundle.size(); at += at < 1100 ? 1 : 1 + rng() % 20) {
    std::string damaged = bundle;
    damaged[at] = static_cast<char>(damaged[at] ^ static_cast<char>(1 << rng() % 8));
    write_file(dir / "d.safetensors", damaged);
    expect_damage_is_found(dir, original, "byte " + std::to_string(at));
  }
}

TEST(BundleDamage, EveryTruncationIsFound) {
  const TempDir dir;
  const std::string bundle = make_bundle(dir);
  const std::string original = read_file(dir / "in.safetensors");
  for (std::size_t size = 0; size < bundle.size(); size += 61) {
    write_file(dir / "d.safetensors", bundle.substr(0, size));
    expect_damage_is_found(dir, original, "size " + std::to_string(size));
  }
  write_file(dir / "d.safetensors", bundle + "x");
  expect_damage_is_found(dir, original, "longer");
}

TEST(BundleDamage, ExchangedTensorsAreFound) {
  const TempDir dir;
  SafetensorsText file;
  file.add("x", "I32", {5}, random_bytes(20, 4)).add("y", "I32", {5}, random_bytes(20, 5));
  write_file(dir / "in.safetensors", file.text());
  ASSERT_TRUE(compress(dir / "in.safetensors", dir / "b.safetensors"));
  std::string bundle = read_file(dir / "b.safetensors");
  const std::size_t x = bundle.find(random_bytes(20, 4)), y = bundle.find(random_bytes(20, 5));
  bundle.replace(x, 20, random_bytes(20, 5)).replace(y, 20, random_bytes(20, 4));
  write_file(dir / "d.safetensors", bundle);
  expect_damage_is_found(dir, file.text(), "exchanged");
}

TEST(BundleDamage, EveryDamagedFileOfADirectoryIsFound) {
  const TempDir dir;
  write_file(dir / "model" / "config.json", "{}");
  write_file(dir / "model" / "notes.txt", "notes");
  write_file(dir / "model" / "m.safetensors", small_model_file());
  ASSERT_TRUE(compress(dir / "model", dir / "bundle"));
  const auto original = read_tree(dir / "model");
  std::mt19937_64 rng(6);
  for (const auto& [path, bytes] : read_tree(dir / "bundle")) {
    for (int round = 0; round < 15; ++round) {
      std::string damaged = bytes;
      char& byte = damaged[rng() % damaged.size()];
      byte = static_cast<char>(byte ^ static_cast<char>(1 << rng() % 8));
      write_file(dir / "bundle" / path, damaged);
      const auto verified = verify(dir / "bundle");
      ASSERT_TRUE(verified) << path << ": " << verified.error().message;
      EXPECT_FALSE(verified->ok()) << path;
      fs::remove_all(dir / "out");
      if (decompress(dir / "bundle", dir / "out")) {
        EXPECT_TRUE(read_tree(dir / "out") == original) << path;
      }
    }
    write_file(dir / "bundle" / path, bytes);
  }
  EXPECT_TRUE(verify(dir / "bundle")->ok());
}

TEST(BundleDamage, DirectoryManifestRefusesPathsThatLeaveTheDirectory) {
  const auto parse = [](const std::string& path) {
    bundle::DirectoryManifest manifest;
    manifest.files.push_back({path, bundle::FileRole::kCopied, 1, 2, 1, 2});
    return bundle::parse_directory_manifest(*bundle::serialize_directory_manifest(manifest));
  };
  EXPECT_TRUE(parse("a/b.c..d/..e"));
  for (const std::string path :
       {"", "/", "/etc/passwd", "..", "../x", "a/../../x", "a//b", "a/", "./a", "a/.", "a/..",
        "unweight.json", "unweight_original/x", "unweight_original"}) {
    EXPECT_FALSE(parse(path)) << path;
  }
  EXPECT_FALSE(parse(std::string("a\0b", 3)));
}

TEST(BundleDamage, ManifestsAcceptOnlyTheirOwnShape) {
  bundle::FileManifest manifest;
  manifest.tool_version = "x";
  manifest.tensors = {{"a\n\"b\"", true, "a\n\"b\"_packed", 7}, {"c", false, "", 8}};
  const std::string json = *bundle::serialize_file_manifest(manifest);
  const auto parsed = bundle::parse_file_manifest(json);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->tensors[0].packed_name, manifest.tensors[0].packed_name);
  EXPECT_EQ(parsed->tensors[1].xxh3, 8u);
  for (std::size_t size = 0; size < json.size(); ++size)
    EXPECT_FALSE(bundle::parse_file_manifest(json.substr(0, size))) << size;
  for (std::size_t at = 0; at < json.size(); ++at) {
    std::string damaged = json;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    EXPECT_FALSE(bundle::parse_file_manifest(damaged)) << at;
  }
}

}  // namespace
}  // namespace unweight
