// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "safetensors/safetensors.h"

namespace unweight::safetensors {
namespace {

TEST(ShardIndex, KeepsFileOrder) {
  const auto index = parse_shard_index(R"({
    "metadata": {"total_size": 123, "ratio": 1.5, "more": {"deep": [1, [null, {"x": -2}]]}},
    "weight_map": {"z": "model-00001-of-00002.safetensors", "a": "sub/model.safetensors",
                   "\u00e4": "..model..safetensors"}
  })");
  ASSERT_TRUE(index) << index.error().message;
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"z", "model-00001-of-00002.safetensors"},
      {"a", "sub/model.safetensors"},
      {"\xC3\xA4", "..model..safetensors"}};
  EXPECT_EQ(index->weight_map, expected);
  EXPECT_TRUE(parse_shard_index(R"({"weight_map":{}})"));
}

TEST(ShardIndex, Refuses) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "must begin with '{'"},
      {"[]", "must begin with '{'"},
      {"{}", R"("weight_map" is missing)"},
      {R"({"metadata":{}})", R"("weight_map" is missing)"},
      {R"({"metadata":[],"weight_map":{}})", "metadata: expected an object, found an array"},
      {R"({"metadata":1,"weight_map":{}})", "metadata: expected an object, found a number"},
      {R"({"metadata":"x","weight_map":{}})", "metadata: expected an object, found a string"},
      {R"({"metadata":null,"weight_map":{}})", "metadata: expected an object, found null"},
      {R"({"weight_map":[]})", "weight_map: expected an object, found an array"},
      {R"({"weight_map":"x"})", "weight_map: expected an object, found a string"},
      {R"({"weight_map":{"a":1}})", R"(tensor "a": expected a file name, found a number)"},
      {R"({"weight_map":{"a":{}}})", R"(tensor "a": expected a file name, found an object)"},
      {R"({"weight_map":{"a":["f"]}})", R"(tensor "a": expected a file name, found an array)"},
      {R"({"weight_map":{"a":null}})", R"(tensor "a": expected a file name, found null)"},
      {R"({"weight_map":{},"weight_map":{}})", R"(duplicate field "weight_map")"},
      {R"({"metadata":{},"metadata":{},"weight_map":{}})", R"(duplicate field "metadata")"},
      {R"({"weights":{}})", R"(unknown field "weights")"},
      {R"({"weight_map":{"a":"f","b":"f","a":"g"}})", R"(tensor "a": duplicate name)"},
      {R"({"weight_map":{}} x)", "invalid JSON"},
      {R"({"metadata":)" + std::string(1'000'000, '['), "metadata: expected an object"},
      {R"({"metadata":{"a":)" + std::string(1'000'000, '['), "nested too deeply"},
  };
  for (const auto& [json, reason] : cases) {
    const auto index = parse_shard_index(json);
    ASSERT_FALSE(index) << json;
    EXPECT_EQ(index.error().code, ErrorCode::kInvalidFormat);
    EXPECT_NE(index.error().message.find(reason), std::string::npos)
        << json.substr(0, 100) << " says: " << index.error().message;
  }
}

TEST(ShardIndex, FileNamesStayInTheDirectory) {
  for (const char* file : {"", "/etc/x", "../x", "a/../x", "a/..", "..", ".", "./x", "a//b", "a/",
                           R"(a\\b)", R"(a\u0000b)", R"(a\nb)"}) {
    const auto index = parse_shard_index(R"({"weight_map":{"t":")" + std::string(file) + R"("}})");
    ASSERT_FALSE(index) << file;
    EXPECT_NE(index.error().message.find("is not a plain relative name"), std::string::npos);
  }
}

}  // namespace
}  // namespace unweight::safetensors
