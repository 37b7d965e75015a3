// SPDX-License-Identifier: BSD-3-Clause
//
// Temporary directories, files and model files for the bundle's tests.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "hostile_tensors.h"
#include "unweight/bundle.h"

namespace unweight::testing {

namespace fs = std::filesystem;

class TempDir {
 public:
  TempDir() {
    std::string name = (fs::temp_directory_path() / "unweight-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] fs::path operator/(const fs::path& name) const { return path_ / name; }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

inline std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(out.flush()) << path;
}

/// Relative path -> bytes of every file below a directory.
inline std::map<std::string, std::string> read_tree(const fs::path& root) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (entry.is_regular_file())
      files[entry.path().lexically_relative(root).generic_string()] = read_file(entry.path());
  return files;
}

/// What a directory holds besides nothing: names of leftovers after a failure.
inline std::vector<std::string> list_names(const fs::path& root) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(root))
    names.push_back(entry.path().filename().string());
  return names;
}

/// Puts a safetensors file together by hand: any order, any spelling of the header.
class SafetensorsText {
 public:
  SafetensorsText& add(const std::string& json_name, const std::string& dtype,
                       const std::vector<std::uint64_t>& shape, const std::string& bytes) {
    std::string dims;
    for (const std::uint64_t dim : shape) {
      if (!dims.empty()) dims += ",";
      dims += std::to_string(dim);
    }
    members_.push_back(std::string("\"") + json_name + "\":{\"dtype\":\"" + dtype +
                       "\",\"shape\":[" + dims + "],\"data_offsets\":[" +
                       std::to_string(data_.size()) + "," +
                       std::to_string(data_.size() + bytes.size()) + "]}");
    data_ += bytes;
    return *this;
  }
  SafetensorsText& add_bf16(const std::string& json_name, const std::vector<std::uint64_t>& shape,
                            const std::vector<std::uint16_t>& weights) {
    std::string bytes(weights.size() * 2, '\0');
    if (!weights.empty()) std::memcpy(bytes.data(), weights.data(), bytes.size());
    return add(json_name, "BF16", shape, bytes);
  }
  /// A member of the header as it is, e.g. "__metadata__".
  SafetensorsText& member(const std::string& json) {
    members_.push_back(json);
    return *this;
  }
  /// Between members, and behind the closing brace.
  SafetensorsText& spelling(std::string separator, std::string padding) {
    separator_ = std::move(separator);
    padding_ = std::move(padding);
    return *this;
  }
  [[nodiscard]] std::string text() const {
    std::string json = "{";
    for (std::size_t i = 0; i < members_.size(); ++i)
      json += (i == 0 ? "" : separator_) + members_[i];
    json += "}" + padding_;
    const std::uint64_t length = json.size();
    std::string text(sizeof(length), '\0');
    std::memcpy(text.data(), &length, sizeof(length));
    return text + json + data_;
  }

 private:
  std::vector<std::string> members_;
  std::string data_, separator_ = ",", padding_;
};

inline std::string random_bytes(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  std::string bytes(count, '\0');
  for (char& c : bytes) c = static_cast<char>(rng());
  return bytes;
}

/// A file with a few packed tensors and one carried one.
inline std::string small_model_file(std::uint64_t seed = 1, std::uint64_t rows = 96) {
  SafetensorsText file;
  file.member(R"("__metadata__":{"format":"pt"})");
  file.add_bf16("a.weight", {rows, 128}, normal_tensor(rows, 128, 0.02f, seed).weights);
  file.add("b.scale", "F32", {9}, random_bytes(36, seed));
  file.add_bf16("c.weight", {64, 200}, normal_tensor(64, 200, 0.3f, seed + 1).weights);
  return file.text();
}

/// compress + decompress of bytes as a file; the restored bytes.
inline std::string round_trip(const TempDir& dir, const std::string& bytes,
                              const CompressOptions& options = {}) {
  write_file(dir / "in.safetensors", bytes);
  fs::remove(dir / "bundle.safetensors");
  fs::remove(dir / "out.safetensors");
  const auto compressed = compress(dir / "in.safetensors", dir / "bundle.safetensors", options);
  EXPECT_TRUE(compressed) << compressed.error().message;
  if (!compressed) return {};
  EXPECT_EQ(compressed->stored_bytes, fs::file_size(dir / "bundle.safetensors"));
  const auto restored = decompress(dir / "bundle.safetensors", dir / "out.safetensors");
  EXPECT_TRUE(restored) << restored.error().message;
  if (!restored) return {};
  const auto verified = verify(dir / "bundle.safetensors", dir / "in.safetensors");
  EXPECT_TRUE(verified);
  if (verified)
    for (const std::string& problem : verified->problems) ADD_FAILURE() << problem;
  return read_file(dir / "out.safetensors");
}

}  // namespace unweight::testing
