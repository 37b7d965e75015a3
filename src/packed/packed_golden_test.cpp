// SPDX-License-Identifier: BSD-3-Clause
//
// The format does not drift: committed blobs decode to pinned weights, committed broken blobs are
// refused with pinned messages, and today's encoder still writes the same bytes.
// UNWEIGHT_REGENERATE_GOLDENS=1 rewrites tests/golden (see its README.md).
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "codec/reference_decoder.h"
#include "packed/packed_refused_cases.h"
#include "packed/packed_test_data.h"

namespace unweight::packed {
namespace {

namespace fs = std::filesystem;

const fs::path kGoldenDir = fs::path(UNWEIGHT_SOURCE_DIR) / "tests" / "golden";
using Blob = std::vector<std::byte>;

std::string hex(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
  return text;
}

Blob read_blob(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

void write_text(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary)
      .write(text.data(), static_cast<std::streamsize>(text.size()));
}

void write_blob(const fs::path& path, const Blob& blob) {
  std::string text(blob.size(), '\0');
  std::memcpy(text.data(), blob.data(), blob.size());
  write_text(path, text);
}

// Tab-separated lines behind one line of headings, by first column.
std::map<std::string, std::vector<std::string>> read_manifest(const fs::path& path) {
  std::map<std::string, std::vector<std::string>> lines;
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::vector<std::string> fields;
    std::istringstream stream(line);
    for (std::string field; std::getline(stream, field, '\t');) fields.push_back(field);
    if (!fields.empty()) lines[fields[0]] = fields;
  }
  return lines;
}

struct GoldenInput {
  std::string name;
  TestMatrix matrix;
  std::vector<Family> families = {Family::kPalette, Family::kHuffman, Family::kRadix};
};

std::vector<GoldenInput> golden_inputs() {
  std::vector<GoldenInput> inputs;
  inputs.push_back({"halving_19x70", halving_matrix(19, 70, 1)});
  inputs.push_back({"uniform_16x64", uniform_matrix(16, 64, 2)});
  inputs.push_back(
      {"constant_5x9", make_matrix(5, 9, [](std::uint64_t) { return std::uint16_t{0xbf80}; })});
  inputs.push_back({"nan_payloads_16x64", make_matrix(16, 64, [](std::uint64_t i) {
                      return static_cast<std::uint16_t>(i % 3 == 0 ? 0x7f81 + i % 120 : 0x3f00);
                    })});
  inputs.push_back({"one_1x1", make_matrix(1, 1, [](std::uint64_t) { return std::uint16_t{1}; })});
  inputs.push_back({"empty_0x5", TestMatrix{0, 5, {}}});
  // Four of the lanes, those of matrix rows 3 and 11, have nearly all of the bits: lengths are
  // shifted.
  TestRandom random(4);
  inputs.push_back(
      {"uneven_lanes_16x192",
       make_matrix(16, 192,
                   [&](std::uint64_t i) {
                     const std::uint64_t code = i / 192 % 8 == 3 ? random.next() % 16 : 15;
                     return codec::join_weight(static_cast<std::uint8_t>(100 + code), 1);
                   }),
       {Family::kHuffman}});
  // 33 tiles, 3 a strip: two chunks, the first of which ends inside a strip.
  inputs.push_back(
      {"two_chunks_176x192", halving_matrix(176, 192, 3), {Family::kHuffman, Family::kRadix}});
  return inputs;
}

std::string golden_name(const GoldenInput& input, Family family) {
  return input.name + "." + family_name(family) + ".uwt";
}

// What the encoder makes of an input today, as a manifest line.
std::string manifest_line(const GoldenInput& input, Family family, const Blob& blob) {
  std::ostringstream line;
  line << golden_name(input, family) << '\t' << input.matrix.rows << '\t' << input.matrix.cols
       << '\t' << family_name(family) << '\t'
       << hex(xxh3(std::as_bytes(std::span(input.matrix.weights)))) << '\t' << hex(xxh3(blob));
  return line.str();
}

Blob encode_golden(const GoldenInput& input, Family family) {
  return encode(input.matrix.view(), {.family = family, .num_threads = 1}).value();
}

void regenerate() {
  std::string manifest = "file\trows\tcols\tfamily\tweights_xxh3\tblob_xxh3\n";
  for (const GoldenInput& input : golden_inputs()) {
    for (const Family family : input.families) {
      const Blob blob = encode_golden(input, family);
      write_blob(kGoldenDir / "packed" / golden_name(input, family), blob);
      manifest += manifest_line(input, family, blob) + "\n";
    }
  }
  write_text(kGoldenDir / "packed" / "manifest.tsv", manifest);

  std::string refused = "file\terror\tmessage\n";
  for (const RefusedCase& c : refused_cases()) {
    write_blob(kGoldenDir / "refused" / (c.name + ".uwt"), c.blob);
    const auto result = decode_refused(c.blob);
    refused += c.name + ".uwt\t" + error_code_name(result.error().code) + "\t" +
               result.error().message + "\n";
  }
  write_text(kGoldenDir / "refused" / "manifest.tsv", refused);
}

class PackedGolden : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (const char* flag = std::getenv("UNWEIGHT_REGENERATE_GOLDENS");
        flag != nullptr && *flag == '1') {
      regenerate();
    }
  }
};

TEST_F(PackedGolden, CommittedBlobsDecodeToPinnedWeights) {
  const auto manifest = read_manifest(kGoldenDir / "packed" / "manifest.tsv");
  ASSERT_GT(manifest.size(), golden_inputs().size());
  for (const auto& [file, fields] : manifest) {
    SCOPED_TRACE(file);
    ASSERT_EQ(fields.size(), 6u);
    const Blob blob = read_blob(kGoldenDir / "packed" / file);
    EXPECT_EQ(hex(xxh3(blob)), fields[5]) << "the committed file itself changed";
    TestMatrix out{std::stoull(fields[1]), std::stoull(fields[2]), {}};
    ASSERT_EQ(decode_guarded(blob, out, {}), "");
    EXPECT_EQ(hex(xxh3(std::as_bytes(std::span(out.weights)))), fields[4]);
    EXPECT_EQ(hex(packed_tensor_info(blob)->original_xxh3), fields[4]);
    EXPECT_EQ(family_name(packed_tensor_info(blob)->family), fields[3]);
    const auto reference = codec::reference_decode(blob);
    ASSERT_TRUE(reference.ok()) << reference.error().message;
    EXPECT_TRUE(reference->weights == out.weights);
  }
}

TEST_F(PackedGolden, TheEncoderStillWritesTheSameBytes) {
  const auto manifest = read_manifest(kGoldenDir / "packed" / "manifest.tsv");
  for (const GoldenInput& input : golden_inputs()) {
    for (const Family family : input.families) {
      SCOPED_TRACE(golden_name(input, family));
      const auto line = manifest.find(golden_name(input, family));
      ASSERT_NE(line, manifest.end());
      EXPECT_EQ(hex(xxh3(encode_golden(input, family))), line->second[5]);
      EXPECT_EQ(hex(xxh3(std::as_bytes(std::span(input.matrix.weights)))), line->second[4]);
    }
  }
}

// Larger inputs, by checksum alone: several chunks and waves, whole strips, many verbatim rows.
TEST_F(PackedGolden, LargerBlobsKeepTheirChecksums) {
  struct Pin {
    TestMatrix matrix;
    std::uint64_t palette_xxh3, huffman_xxh3, radix_xxh3;
  };
  const std::array<Pin, 3> pins = {{
      {halving_matrix(700, 1800, 31), 0x9c1e6486e0297944, 0xb53141f79d65308c, 0x06c064cf18e11790},
      {uniform_matrix(300, 333, 32), 0x662e6409daab8c74, 0xb60210ecfe5b4d00, 0x3675e0982f2fff50},
      {halving_matrix(1, 70000, 33), 0xf98b94b5eeb2ead7, 0x26305b9875b4f1e7, 0xc67676334fa61c66},
  }};
  for (const auto& [matrix, palette_xxh3, huffman_xxh3, radix_xxh3] : pins) {
    const auto palette = encode(matrix.view(), {.family = Family::kPalette});
    const auto huffman = encode(matrix.view(), {.family = Family::kHuffman});
    EXPECT_EQ(hex(xxh3(palette.value())), hex(palette_xxh3)) << matrix.rows;
    EXPECT_EQ(hex(xxh3(huffman.value())), hex(huffman_xxh3)) << matrix.rows;
    const auto radix = encode(matrix.view(), {.family = Family::kRadix});
    EXPECT_EQ(hex(xxh3(radix.value())), hex(radix_xxh3)) << matrix.rows;
  }
}

TEST_F(PackedGolden, CommittedBrokenBlobsAreRefusedWithPinnedMessages) {
  const auto manifest = read_manifest(kGoldenDir / "refused" / "manifest.tsv");
  const auto cases = refused_cases();
  ASSERT_EQ(manifest.size(), cases.size());
  for (const RefusedCase& c : cases) {
    SCOPED_TRACE(c.name);
    const auto line = manifest.find(c.name + ".uwt");
    ASSERT_NE(line, manifest.end());
    const Blob blob = read_blob(kGoldenDir / "refused" / line->first);
    EXPECT_TRUE(blob == c.blob) << "the committed file is not what this case breaks today";
    const auto result = decode_refused(blob);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(error_code_name(result.error().code), line->second[1]);
    EXPECT_EQ(result.error().message, line->second[2]);
  }
}

}  // namespace
}  // namespace unweight::packed
