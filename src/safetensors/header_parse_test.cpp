// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "safetensors/safetensors.h"

namespace unweight::safetensors {
namespace {

/// One tensor "t" with these fields: tensor("BF16", "[2,3]", "[0,12]").
std::string tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"t":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

/// The shape [1,1,...,1].
std::string ones(int rank) {
  std::string shape = "[1";
  for (int i = 1; i < rank; ++i) shape += ",1";
  return shape + "]";
}

/// U8 tensors of any names and ranges.
std::string bytes_tensors(
    const std::vector<std::pair<std::string, std::pair<unsigned, unsigned>>>& entries) {
  std::string json;
  for (const auto& [name, range] : entries) {
    json += json.empty() ? "{" : ",";
    json += "\"" + name + R"(":{"dtype":"U8","shape":[)";
    json += std::to_string(range.second - range.first) + R"(],"data_offsets":[)";
    json += std::to_string(range.first) + "," + std::to_string(range.second) + "]}";
  }
  return json + "}";
}

struct Accepted {
  std::string json;
  std::uint64_t data_bytes;
  std::size_t num_tensors;
};

TEST(HeaderParse, Accepts) {
  const Accepted cases[] = {
      {"{}", 0, 0},
      {"{}      ", 0, 0},
      {"{ } \n\t\r ", 0, 0},
      {R"({"__metadata__":{}})", 0, 0},
      {tensor("BF16", "[2,3]", "[0,12]"), 12, 1},
      {tensor("BF16", "[2,3]", "[0,12]") + std::string(57, ' '), 12, 1},
      {tensor("F64", "[]", "[0,8]"), 8, 1},
      {tensor("F4", "[3,2]", "[0,3]"), 3, 1},
      {tensor("F6_E2M3", "[4]", "[0,3]"), 3, 1},
      {tensor("F8_E8M0", "[5]", "[0,5]"), 5, 1},
      {tensor("BF16", "[0,7]", "[0,0]"), 0, 1},
      {tensor("BF16", "[0,1152921504606846975]", "[0,0]"), 0, 1},
      {tensor("FROM_THE_FUTURE", "[3]", "[0,77]"), 77, 1},
      {bytes_tensors({{"b", {5, 9}}, {"a", {0, 5}}}), 9, 2},
      {bytes_tensors({{"a", {0, 5}}, {"empty", {0, 0}}, {"end", {5, 5}}}), 5, 3},
      {R"({"t":{"data_offsets":[0,1],"shape":[1],"dtype":"I8"},"__metadata__":{"k":"v"}})", 1, 1},
      {bytes_tensors({{"", {0, 1}}}), 1, 1},
      {bytes_tensors({{"gewicht_\xC3\xA4", {0, 1}}}), 1, 1},
      {bytes_tensors({{R"(a\"b\\c\u00e4\ud83d\ude00\n)", {0, 1}}}), 1, 1},
      {tensor("U8", ones(64), "[0,1]"), 1, 1},
  };
  for (const auto& c : cases) {
    const auto header = parse_header(c.json, c.data_bytes);
    ASSERT_TRUE(header) << c.json << ": " << header.error().message;
    EXPECT_EQ(header->tensors.size(), c.num_tensors);
    EXPECT_EQ(header->json, c.json);
    EXPECT_EQ(header->data_begin, 8 + c.json.size());
  }
}

struct Refused {
  std::string json;
  std::uint64_t data_bytes;
  std::string reason;
};

void expect_refused(const std::vector<Refused>& cases) {
  for (const auto& c : cases) {
    const auto header = parse_header(c.json, c.data_bytes);
    ASSERT_FALSE(header) << c.json;
    EXPECT_EQ(header.error().code, ErrorCode::kInvalidFormat) << c.json;
    EXPECT_NE(header.error().message.find(c.reason), std::string::npos)
        << c.json.substr(0, 200) << "\n  says:   " << header.error().message
        << "\n  wanted: " << c.reason;
  }
}

TEST(HeaderParse, RefusesWhatIsNotJson) {
  expect_refused({
      {"", 0, "must begin with '{'"},
      {" {}", 0, "must begin with '{'"},
      {"\xEF\xBB\xBF{}", 0, "must begin with '{'"},
      {"[]", 0, "must begin with '{'"},
      {"{", 0, "invalid JSON at byte 2: syntax error while parsing object key - unexpected end"},
      {"{}x", 0, "invalid JSON at byte 3"},
      {"{}{}", 0, "invalid JSON at byte 3"},
      {"{/* */}", 0, "invalid JSON"},
      {R"({"t":)", 0, "invalid JSON"},
      {R"({"t":{}})" + std::string(1, '\0'), 0, "zero byte"},
      {"{}" + std::string(1, '\0') + "hidden", 0, "invalid JSON at byte 3: zero byte"},
      {"{\"a\xFF\":{}}", 0,
       "invalid JSON at byte 4: syntax error while parsing object key - "
       "invalid string: ill-formed UTF-8 byte"},
      {"{\"\xC0\xAF\":{}}", 0, "ill-formed UTF-8"},
      {"{\"\xED\xA0\x80\":{}}", 0, "ill-formed UTF-8"},
      {R"({"\ud800":{}})", 0, "surrogate"},
      {"{\"a\nb\":{}}", 0, "control character"},
      {R"({"a":{},})", 0, ""},
      {"{'a':{}}", 0, "invalid JSON"},
      {R"({"a":NaN})", 0, "invalid JSON"},
      {R"({"a":01})", 0, "expected an object, found a number"},
      {R"({"a":1e999})", 0, "number overflow"},
  });
}

TEST(HeaderParse, RefusesWrongTypesAndFields) {
  expect_refused({
      {R"({"t":3})", 0, R"(tensor "t": expected an object, found a number)"},
      {R"({"t":null})", 0, R"(tensor "t": expected an object, found null)"},
      {R"({"t":[]})", 0, R"(tensor "t": expected an object, found an array)"},
      {R"({"t":"x"})", 0, R"(tensor "t": expected an object, found a string)"},
      {R"({"t":true})", 0, R"(tensor "t": expected an object, found a boolean)"},
      {R"({"t":{}})", 0, R"(tensor "t": field "dtype" is missing)"},
      {R"({"t":{"dtype":"U8"}})", 0, R"(tensor "t": field "shape" is missing)"},
      {R"({"t":{"dtype":"U8","shape":[]}})", 0, R"(tensor "t": field "data_offsets" is missing)"},
      {R"({"t":{"stride":[1]}})", 0, R"(tensor "t": unknown field "stride")"},
      {R"({"t":{"dtype":8}})", 0, R"(tensor "t": expected a string as dtype, found a number)"},
      {R"({"t":{"dtype":{}}})", 0, R"(tensor "t": expected a string as dtype, found an object)"},
      {R"({"t":{"shape":2}})", 0, R"(tensor "t": expected an array as shape, found a number)"},
      {R"({"t":{"shape":{}}})", 0, R"(tensor "t": expected an array as shape, found an object)"},
      {R"({"t":{"dtype":"U8","dtype":"U8"}})", 0, R"(tensor "t": duplicate field "dtype")"},
      {R"({"t":{"shape":[],"shape":[]}})", 0, R"(tensor "t": duplicate field "shape")"},
      {tensor("U8", "[[1]]", "[0,1]"), 1, "expected an unsigned integer in shape, found an array"},
      {tensor("U8", "[\"1\"]", "[0,1]"), 1, "unsigned integer in shape, found a string"},
      {tensor("U8", "[-1]", "[0,1]"), 1, "unsigned integer in shape, found a negative number"},
      {tensor("U8", "[-0]", "[0,0]"), 0, "unsigned integer in shape, found a negative number"},
      {tensor("U8", "[1.0]", "[0,1]"), 1, "in shape, found a number with a fraction"},
      {tensor("U8", "[1e0]", "[0,1]"), 1, "in shape, found a number with a fraction"},
      {tensor("U8", "[18446744073709551616]", "[0,1]"), 1, "or beyond 64 bits"},
      {tensor("U8", "[null]", "[0,1]"), 1, "in shape, found null"},
      {tensor("U8", "[1]", "[0]"), 1, R"(tensor "t": data_offsets must be two numbers)"},
      {tensor("U8", "[1]", "[]"), 1, R"(tensor "t": data_offsets must be two numbers)"},
      {tensor("U8", "[1]", "[0,1,1]"), 1, R"(tensor "t": data_offsets must be two numbers)"},
      {tensor("U8", "[1]", "[0,\"1\"]"), 1, "unsigned integer in data_offsets, found a string"},
      {tensor("U8", "[1]", "1"), 1, "expected an array as data_offsets, found a number"},
      {R"({"__metadata__":[]})", 0, "__metadata__: expected an object, found an array"},
      {R"({"__metadata__":{"k":1}})", 0, "__metadata__: expected a string as value, found a num"},
      {R"({"__metadata__":{"k":{}}})", 0, "__metadata__: expected a string as value, found an ob"},
      {R"({"__metadata__":{"k":"1","k":"2"}})", 0, R"(__metadata__: duplicate key "k")"},
      {R"({"__metadata__":{},"__metadata__":{}})", 0, "__metadata__: appears twice"},
      {bytes_tensors({{"a", {0, 1}}, {"b", {1, 2}}, {"a", {2, 3}}}), 3, "\"a\": duplicate name"},
      {bytes_tensors({{"a", {0, 1}}, {R"(\u0061)", {1, 2}}}), 2, R"("a": duplicate name)"},
  });
}

TEST(HeaderParse, RefusesSizesThatDoNotFit) {
  expect_refused({
      {tensor("BF16", "[2,3]", "[0,11]"), 11, "need 12 bytes, data_offsets give 11"},
      {tensor("BF16", "[2,3]", "[0,13]"), 13, "need 12 bytes, data_offsets give 13"},
      {tensor("BF16", "[0]", "[0,2]"), 2, "need 0 bytes, data_offsets give 2"},
      {tensor("F4", "[3]", "[0,2]"), 2, R"(tensor "t": elements do not fill whole bytes)"},
      {tensor("F6_E3M2", "[2]", "[0,1]"), 1, "elements do not fill whole bytes"},
      {tensor("U8", "[4294967296,4294967296]", "[0,0]"), 0, "number of elements overflows"},
      {tensor("U8", "[4294967296,4294967296,0]", "[0,0]"), 0, "number of elements overflows"},
      {tensor("X", "[18446744073709551615,2]", "[0,0]"), 0, "number of elements overflows"},
      {tensor("U8", "[18446744073709551615]", "[0,1]"), 1, "size overflows 64 bits"},
      {tensor("F64", "[2305843009213693952]", "[0,0]"), 0, "size overflows 64 bits"},
      {tensor("BF16", "[0,1152921504606846976]", "[0,0]"), 0, "size overflows 64 bits"},
      {tensor("U8", "[1]", "[1,0]"), 1, R"(tensor "t": data_offsets end before they begin)"},
      {tensor("U8", "[2]", "[18446744073709551615,1]"), 1, "end before they begin"},
      {tensor("U8", "[1]", "[18446744073709551614,18446744073709551615]"), 1, "reach past the dat"},
      {tensor("U8", "[2]", "[0,2]"), 1, "data_offsets [0, 2) reach past the data (1 bytes)"},
  });
}

TEST(HeaderParse, RefusesHolesAndOverlaps) {
  expect_refused({
      {bytes_tensors({{"a", {1, 3}}}), 3, R"(tensor "a": hole of 1 bytes before)"},
      {bytes_tensors({{"a", {0, 3}}, {"b", {4, 5}}}), 5, R"(tensor "b": hole of 1 bytes before)"},
      {bytes_tensors({{"a", {0, 3}}, {"b", {2, 5}}}), 5,
       R"(tensor "b": data_offsets [2, 5) overlap tensor "a")"},
      {bytes_tensors({{"a", {0, 3}}, {"b", {0, 3}}}), 3, R"([0, 3) overlap tensor "a")"},
      {bytes_tensors({{"a", {0, 3}}, {"b", {1, 1}}}), 3, R"([1, 1) overlap tensor "a")"},
      {bytes_tensors({{"a", {0, 3}}}), 5, "the last 2 bytes of the data belong to no tensor"},
      {"{}", 1, "the last 1 bytes of the data belong to no tensor"},
      {bytes_tensors({{"a", {3, 3}}}), 3, R"(tensor "a": hole of 3 bytes before)"},
  });
}

TEST(HeaderParse, DepthAndLengthCostNothing) {
  const std::string deep(10'000'000, '[');
  expect_refused({
      {deep, 0, "must begin with '{'"},
      {R"({"t":)" + deep, 0, R"(tensor "t": expected an object, found an array)"},
      {tensor("U8", deep, "[0,1]"), 1, "expected an unsigned integer in shape, found an array"},
      {tensor("U8", ones(65), "[0,1]"), 1, "shape has more than 64 dimensions"},
  });
  const std::string long_name(1'000'000, 'n');
  const auto refused = parse_header(bytes_tensors({{long_name, {1, 2}}}), 2);
  ASSERT_FALSE(refused);
  EXPECT_LT(refused.error().message.size(), 400U) << "messages stay readable";
  EXPECT_FALSE(parse_header(std::string(kMaxHeaderBytes + 1, '{'), 0));
}

TEST(HeaderParse, MessagesCarryNoControlCharacters) {
  const auto refused = parse_header(bytes_tensors({{R"(a\u001b[31m\u0000\u009b)", {1, 2}}}), 2);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(R"(tensor "a\x1b[31m\x00\xc2\x9b")"), std::string::npos)
      << refused.error().message;
}

TEST(HeaderParse, FieldsArriveWhole) {
  const std::string json = R"({"__metadata__":{"format":"pt","a":""},)"
                           R"("late":{"dtype":"F32","shape":[1,2],"data_offsets":[6,14]},)"
                           R"("early\u00e4":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]}}  )";
  const auto header = parse_header(json, 14);
  ASSERT_TRUE(header) << header.error().message;
  ASSERT_EQ(header->tensors.size(), 2U);
  const auto& early = header->tensors[0];
  EXPECT_EQ(early.name, "early\xC3\xA4");
  EXPECT_EQ(early.dtype, "BF16");
  EXPECT_EQ(early.shape, (std::vector<std::uint64_t>{3}));
  EXPECT_EQ(early.bytes(), 6U);
  EXPECT_EQ(header->tensors[1].begin, 6U);
  EXPECT_EQ(header->tensors[1].num_elems(), 2U);
  EXPECT_TRUE(header->has_metadata);
  EXPECT_EQ(header->metadata, (std::map<std::string, std::string>{{"format", "pt"}, {"a", ""}}));
  EXPECT_EQ(header->find("late"), &header->tensors[1]);
  EXPECT_EQ(header->find("lat"), nullptr);
}

TEST(HeaderParse, DtypeBits) {
  EXPECT_EQ(dtype_bits("BF16"), 16U);
  EXPECT_EQ(dtype_bits("F4"), 4U);
  EXPECT_EQ(dtype_bits("C64"), 64U);
  EXPECT_EQ(dtype_bits("bf16"), 0U);
  EXPECT_EQ(dtype_bits(""), 0U);
}

class HeaderFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name =
        (std::filesystem::temp_directory_path() / "unweight-header-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  Result<Header> read(const std::string& contents) const {
    std::ofstream(dir_ / "file", std::ios::binary) << contents;
    const auto file = InputFile::open(dir_ / "file");
    if (!file) return file.error();
    return read_header(*file);
  }
  static std::string with_length(std::uint64_t length, const std::string& rest) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i) & 0xFF);
    return bytes + rest;
  }

  std::filesystem::path dir_;
};

TEST_F(HeaderFileTest, ReadsAWholeFileAndNoPrefixOfIt) {
  const std::string json = tensor("BF16", "[2,3]", "[0,12]") + "   ";
  const std::string whole = with_length(json.size(), json + std::string(12, 'd'));
  const auto header = read(whole);
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->data_begin, 8 + json.size());
  EXPECT_EQ(header->json, json);
  EXPECT_TRUE(looks_like_safetensors(std::as_bytes(std::span(whole)), whole.size()));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = read(whole.substr(0, size));
    ASSERT_FALSE(cut) << size;
    ASSERT_EQ(cut.error().code, ErrorCode::kInvalidFormat);
    ASSERT_NE(cut.error().message.find("file: "), std::string::npos) << "names the file";
  }
  EXPECT_FALSE(read(whole + "x"));
}

TEST_F(HeaderFileTest, RefusesImplausibleLengths) {
  const auto reason = [&](std::uint64_t length) {
    const auto header = read(with_length(length, "{}"));
    return header ? "accepted" : header.error().message;
  };
  EXPECT_EQ(reason(2), "accepted");
  EXPECT_NE(reason(0).find("must begin with '{'"), std::string::npos);
  EXPECT_NE(reason(3).find("past the end of the file"), std::string::npos);
  EXPECT_NE(reason(kMaxHeaderBytes).find("past the end of the file"), std::string::npos);
  EXPECT_NE(reason(kMaxHeaderBytes + 1).find("larger than"), std::string::npos);
  EXPECT_NE(reason(~std::uint64_t{0}).find("larger than"), std::string::npos);
}

TEST(HeaderParse, LooksLikeSafetensors) {
  const auto looks = [](std::string_view bytes, std::uint64_t file_bytes) {
    return looks_like_safetensors(std::as_bytes(std::span(bytes)), file_bytes);
  };
  using std::string_view_literals::operator""sv;
  EXPECT_TRUE(looks("\x02\0\0\0\0\0\0\0{"sv, 10));
  EXPECT_FALSE(looks("\x02\0\0\0\0\0\0\0{"sv, 9)) << "longer than the file";
  EXPECT_FALSE(looks("\x02\0\0\0\0\0\0\0["sv, 10));
  EXPECT_FALSE(looks("\x01\0\0\0\0\0\0\0{"sv, 10));
  EXPECT_FALSE(looks("\x02\0\0\0\0\0\0\x80{"sv, ~std::uint64_t{0}));
  EXPECT_FALSE(looks("\x02\0\0\0\0\0\0\0"sv, 10));
  EXPECT_FALSE(looks("", 0));
}

}  // namespace
}  // namespace unweight::safetensors
