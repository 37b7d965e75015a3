// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "safetensors/safetensors.h"

namespace unweight::safetensors {
namespace {

/// Names from every awkward class of character, valid in UTF-8.
std::string random_name(std::mt19937_64& rng) {
  static const std::vector<std::string> kParts = {"model.layers.",
                                                  "weight",
                                                  "0",
                                                  "\"",
                                                  "\\",
                                                  "\n",
                                                  "\x01",
                                                  "\x1F",
                                                  "/",
                                                  " ",
                                                  "{",
                                                  "}",
                                                  "\x7F",
                                                  "\xC3\xA4",
                                                  "\xF0\x9F\x98\x80",
                                                  "\\u0041",
                                                  std::string(1, '\0')};
  std::string name;
  for (auto parts = rng() % 6; parts > 0; --parts) name += kParts[rng() % kParts.size()];
  return name;
}

struct Model {
  std::vector<TensorEntry> tensors;  // in data order
  std::map<std::string, std::string> metadata;
  std::uint64_t data_bytes = 0;
};

Model random_model(std::mt19937_64& rng) {
  static const std::vector<std::string> kTypes = {"BF16", "F32", "U8", "F4", "F6_E2M3", "C64"};
  Model model;
  std::set<std::string> names;
  for (auto count = rng() % 20; count > 0; --count) {
    TensorEntry tensor;
    do {
      tensor.name = random_name(rng) + std::to_string(rng() % 1000);
    } while (!names.insert(tensor.name).second);
    tensor.dtype = kTypes[rng() % kTypes.size()];
    for (auto rank = rng() % 4; rank > 0; --rank) tensor.shape.push_back(rng() % 5);
    tensor.shape.push_back(4 * (rng() % 3));  // sub-byte types fill whole bytes
    tensor.begin = model.data_bytes;
    tensor.end = tensor.begin + tensor.num_elems() * dtype_bits(tensor.dtype) / 8;
    model.data_bytes = tensor.end;
    model.tensors.push_back(std::move(tensor));
  }
  for (auto count = rng() % 4; count > 0; --count)
    model.metadata[random_name(rng)] = random_name(rng);
  return model;
}

bool same(const TensorEntry& a, const TensorEntry& b) {
  return a.name == b.name && a.dtype == b.dtype && a.shape == b.shape && a.begin == b.begin &&
         a.end == b.end;
}

TEST(HeaderWrite, WhatIsWrittenReadsBack) {
  std::mt19937_64 rng(20240607);
  for (int round = 0; round < 3000; ++round) {
    const Model model = random_model(rng);
    auto shuffled = model.tensors;
    std::shuffle(shuffled.begin(), shuffled.end(), rng);
    const std::uint64_t alignment = std::uint64_t{1} << (rng() % 10);
    const std::uint64_t min_bytes = rng() % 3 == 0 ? rng() % 5000 : 0;
    const std::string bytes = serialize_header(shuffled, model.metadata, alignment, min_bytes);
    ASSERT_EQ(bytes.size() % alignment, 0U);
    ASSERT_GE(bytes.size(), min_bytes);
    ASSERT_TRUE(
        looks_like_safetensors(std::as_bytes(std::span(bytes)), bytes.size() + model.data_bytes));

    const auto header = parse_header(std::string_view(bytes).substr(8), model.data_bytes);
    ASSERT_TRUE(header) << header.error().message << "\n" << bytes;
    ASSERT_EQ(header->data_begin, bytes.size());
    ASSERT_EQ(header->metadata, model.metadata);
    ASSERT_EQ(header->has_metadata, !model.metadata.empty());
    ASSERT_EQ(header->tensors.size(), model.tensors.size());
    std::uint64_t covered = 0;
    for (const auto& tensor : header->tensors) {
      ASSERT_EQ(tensor.begin, covered);
      covered = tensor.end;
    }
    for (const auto& tensor : model.tensors) {
      const TensorEntry* found = header->find(tensor.name);
      ASSERT_TRUE(found != nullptr && same(*found, tensor)) << tensor.name;
    }
  }
}

TEST(HeaderWrite, EmptyTensorsKeepTheirOrder) {
  std::vector<TensorEntry> tensors;
  for (const char* name : {"c", "a", "b"}) tensors.push_back({name, "U8", {0}, 0, 0});
  const std::string bytes = serialize_header(tensors, {}, 1);
  const auto header = parse_header(std::string_view(bytes).substr(8), 0);
  ASSERT_TRUE(header);
  for (std::size_t i = 0; i < tensors.size(); ++i)
    EXPECT_EQ(header->tensors[i].name, tensors[i].name);
}

TEST(HeaderWrite, ExactBytes) {
  const std::vector<TensorEntry> tensors = {{"w", "BF16", {2, 1}, 0, 4}};
  const std::string json =
      R"({"__metadata__":{"a":"1","b":"2"},"w":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]}})";
  const std::string bytes = serialize_header(tensors, {{"b", "2"}, {"a", "1"}}, 64);
  EXPECT_EQ(bytes.substr(8), json + std::string(128 - 8 - json.size(), ' '));
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x78\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(serialize_header({}, {}, 0).substr(8), "{}");
}

}  // namespace
}  // namespace unweight::safetensors
