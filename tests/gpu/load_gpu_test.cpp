// SPDX-License-Identifier: BSD-3-Clause
//
// Bundles loaded into GPU memory: decoded there they are the original, in both resident forms;
// damage, cancellation and reuse leave a usable Loader and nothing else.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bundle/bundle_file.h"
#include "bundle/bundle_test_support.h"
#include "gpu/device_memory.h"
#include "gpu_test_support.h"
#include "hostile_tensors.h"
#include "unweight/gpu_load.h"

namespace unweight::gpu {
namespace {

using testing::HostileTensor;
using testing::SafetensorsText;
using testing::TempDir;
using Resident = LoadOptions::Resident;
namespace fs = std::filesystem;

std::string bytes_of(const std::vector<std::uint16_t>& weights) {
  std::string bytes(weights.size() * 2, '\0');
  if (!bytes.empty()) std::memcpy(bytes.data(), weights.data(), bytes.size());
  return bytes;
}

/// Tensors by name: what must come back.
struct Model {
  std::map<std::string, std::string> bytes;
  SafetensorsText text;

  void add_bf16(const std::string& name, const HostileTensor& tensor) {
    text.add_bf16(name, {tensor.rows, tensor.cols}, tensor.weights);
    bytes[name] = bytes_of(tensor.weights);
  }
  void add(const std::string& name, const std::string& dtype, std::vector<std::uint64_t> shape,
           const std::string& data) {
    text.add(name, dtype, shape, data);
    bytes[name] = data;
  }
};

Model hostile_model() {
  Model model;
  std::size_t i = 0;
  for (const HostileTensor& tensor : gpu_testing::test_tensors()) {
    model.add_bf16(std::to_string(i++) + "_" + tensor.name, tensor);
  }
  if (!gpu_testing::small_sizes()) {
    model.add_bf16("large", testing::normal_tensor(2048, 2304));
  }
  model.add("carried_odd", "U8", {77}, testing::random_bytes(77, 1));
  model.add("carried_empty", "F32", {0}, "");
  model.add("carried_large", "F32", {1 << 20}, testing::random_bytes(4 << 20, 2));
  return model;
}

std::string download(const std::byte* data, std::uint64_t bytes) {
  std::string host(bytes, '\0');
  if (bytes != 0) {
    EXPECT_EQ(cudaMemcpy(host.data(), data, bytes, cudaMemcpyDeviceToHost), cudaSuccess);
  }
  return host;
}

std::string decoded(const PackedTensor& tensor) {
  const std::uint64_t rows = tensor.extents.rows, cols = tensor.extents.cols;
  const auto out = DeviceBuffer::allocate(rows * cols * 2);
  EXPECT_TRUE(out);
  const auto done = decode(tensor, {out->as<std::uint16_t>(), rows, cols, cols}, nullptr);
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  return download(out->data(), rows * cols * 2);
}

void expect_same(const LoadedModel& loaded, const Model& model) {
  EXPECT_EQ(loaded.tensors().size(), model.bytes.size());
  for (const auto& [name, bytes] : model.bytes) {
    const LoadedTensor* const tensor = loaded.find(name);
    ASSERT_NE(tensor, nullptr) << name;
    const std::string back = tensor->family == Family::kRaw ? download(tensor->data, tensor->bytes)
                                                            : decoded(tensor->packed);
    EXPECT_TRUE(back == bytes) << name << " as " << family_name(tensor->family);
  }
}

class LoadGpuTest : public gpu_testing::GpuTest {
 protected:
  fs::path bundle_of(const Model& model, std::optional<Family> family) {
    testing::write_file(dir_ / "in.safetensors", model.text.text());
    CompressOptions options;
    options.family = family;
    options.overwrite = true;
    const auto done = compress(dir_ / "in.safetensors", dir_ / "b.safetensors", options);
    EXPECT_TRUE(done) << done.error().message;
    return dir_ / "b.safetensors";
  }
  TempDir dir_;
};

TEST_F(LoadGpuTest, EveryTensorComesBack) {
  const Model model = hostile_model();
  for (const Family family : gpu_testing::kFamilies) {
    const fs::path bundle = bundle_of(model, family);
    for (const Resident resident : {Resident::kAsStored, Resident::kPalette}) {
      for (const bool verify : {true, false}) {
        LoadOptions options;
        options.resident = resident;
        options.verify_checksums = verify;
        const auto loaded = load_bundle(bundle, options);
        ASSERT_TRUE(loaded) << loaded.error().message;
        expect_same(*loaded, model);
        for (const LoadedTensor& tensor : loaded->tensors()) {
          if (tensor.family == Family::kRaw) continue;
          EXPECT_EQ(tensor.stored_family, family);
          const bool transcoded = family == Family::kHuffman && resident == Resident::kPalette;
          EXPECT_EQ(tensor.family, transcoded ? Family::kPalette : family);
        }
        EXPECT_GT(loaded->report().copied_bytes, 0u);
      }
    }
  }
}

TEST_F(LoadGpuTest, LittleStagingAndOneThreadDoIt) {
  const Model model = hostile_model();
  const fs::path bundle = bundle_of(model, {});
  for (const unsigned threads : {1u, 3u, 16u}) {
    LoadOptions options;
    options.num_threads = threads;
    options.staging_bytes = std::uint64_t{1} << 20;
    options.resident = Resident::kPalette;
    const auto loaded = load_bundle(bundle, options);
    ASSERT_TRUE(loaded) << loaded.error().message;
    expect_same(*loaded, model);
  }
}

TEST_F(LoadGpuTest, ALoaderServesSeveralBundlesAndSurvivesFailures) {
  const Model model = hostile_model();
  const fs::path bundle = bundle_of(model, Family::kHuffman);
  auto loader = Loader::create({});
  ASSERT_TRUE(loader) << loader.error().message;
  auto first = loader->load(bundle);
  ASSERT_TRUE(first) << first.error().message;
  const auto missing = loader->load(dir_ / "nothing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  {
    const auto second = loader->load(bundle);
    ASSERT_TRUE(second) << second.error().message;
    expect_same(*second, model);
  }
  expect_same(*first, model);
  LoadedModel moved = std::move(first).value();
  expect_same(moved, model);
}

TEST_F(LoadGpuTest, DirectoriesAndFilters) {
  Model a, b;
  a.add_bf16("a.weight", testing::normal_tensor(256, 512));
  b.add_bf16("b.weight", testing::normal_tensor(512, 256, 0.1f, 2));
  b.add("b.bias", "F32", {100}, testing::random_bytes(400, 3));
  testing::write_file(dir_ / "model/a.safetensors", a.text.text());
  testing::write_file(dir_ / "model/sub/b.safetensors", b.text.text());
  ASSERT_TRUE(compress(dir_ / "model", dir_ / "packed"));
  LoadOptions options;
  options.filter.include = {"b.*"};
  const auto loaded = load_bundle(dir_ / "packed", options);
  ASSERT_TRUE(loaded) << loaded.error().message;
  expect_same(*loaded, b);
  EXPECT_EQ(loaded->find("a.weight"), nullptr);
  EXPECT_EQ(loaded->find("b.weight")->file, "sub/b.safetensors");
}

/// The middle of every section of a packed tensor, or of a carried tensor.
std::vector<std::uint64_t> places_to_damage(const bundle::BundleFile& file, std::size_t i) {
  const bundle::StoredTensor& stored = file.tensors[i];
  if (!stored.packed) return {stored.stored_offset + stored.stored_bytes / 2};
  std::vector<std::uint64_t> places{stored.stored_offset + 100};
  const auto header = bundle::checked_packed_header(file, i);
  EXPECT_TRUE(header);
  for (const packed::SectionEntry& section : header->sections) {
    if (section.bytes != 0) {
      places.push_back(stored.stored_offset + section.offset + section.bytes / 2);
    }
  }
  return places;
}

TEST_F(LoadGpuTest, DamagedDataIsRefusedWithItsPlace) {
  Model model;
  model.add_bf16("normal", testing::normal_tensor(96, 128, 0.3f));
  model.add_bf16("odd", testing::student_t_tensor(185, 190));
  if (!gpu_testing::small_sizes()) model.add_bf16("large", testing::normal_tensor(2048, 2304));
  model.add("carried", "U8", {77}, testing::random_bytes(77, 1));
  const fs::path bundle = bundle_of(model, Family::kHuffman);
  const std::string good = testing::read_file(bundle);
  const auto opened = bundle::open_bundle_file(bundle);
  ASSERT_TRUE(opened);
  for (const Resident resident : {Resident::kAsStored, Resident::kPalette}) {
    LoadOptions options;
    options.resident = resident;
    auto loader = Loader::create(options);
    ASSERT_TRUE(loader) << loader.error().message;
    for (std::size_t i = 0; i < opened->tensors.size(); ++i) {
      const std::string& name = opened->original.tensors[i].name;
      for (const std::uint64_t place : places_to_damage(*opened, i)) {
        std::string bad = good;
        bad[place] = static_cast<char>(bad[place] ^ 0x10);
        testing::write_file(dir_ / "bad.safetensors", bad);
        const auto loaded = loader->load(dir_ / "bad.safetensors");
        ASSERT_FALSE(loaded) << name << " at " << place;
        EXPECT_EQ(loaded.error().message.find("bad.safetensors: " + name + ": "), 0u)
            << loaded.error().message;
      }
    }
    const auto loaded = loader->load(bundle);
    ASSERT_TRUE(loaded) << loaded.error().message;
    expect_same(*loaded, model);
  }
}

TEST_F(LoadGpuTest, CodesThatDoNotEndWhereStringsDoAreFoundByTranscoding) {
  Model model;
  model.add_bf16("w", testing::normal_tensor(256, 256));
  const fs::path bundle = bundle_of(model, Family::kHuffman);
  std::string bad = testing::read_file(bundle);
  const auto opened = bundle::open_bundle_file(bundle);
  ASSERT_TRUE(opened);
  const auto header = bundle::checked_packed_header(*opened, 0);
  ASSERT_TRUE(header);
  const std::uint64_t stream = opened->tensors[0].stored_offset + header->sections[6].offset;
  for (std::uint64_t i = 0; i < header->sections[6].bytes - 64; ++i) bad[stream + i] = '\x5a';
  testing::write_file(dir_ / "bad.safetensors", bad);
  LoadOptions options;
  options.verify_checksums = false;
  options.resident = Resident::kPalette;
  const auto loaded = load_bundle(dir_ / "bad.safetensors", options);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kInvalidFormat);
  EXPECT_EQ(loaded.error().message.find("bad.safetensors: w: "), 0u) << loaded.error().message;
}

TEST_F(LoadGpuTest, CancelledLoadsLeaveNothing) {
  const Model model = hostile_model();
  const fs::path bundle = bundle_of(model, Family::kHuffman);
  std::size_t before = 0, total = 0, after = 0;
  bool cancel = false;
  LoadOptions options;
  options.resident = Resident::kPalette;
  options.progress = [&](const Progress& progress) {
    EXPECT_LE(progress.done_bytes, progress.total_bytes);
    return !cancel;
  };
  auto loader = Loader::create(options);
  ASSERT_TRUE(loader) << loader.error().message;
  ASSERT_TRUE(loader->load(bundle));  // modules are loaded now
  ASSERT_EQ(cudaMemGetInfo(&before, &total), cudaSuccess);
  cancel = true;
  for (int i = 0; i < 3; ++i) {
    const auto loaded = loader->load(bundle);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::kCancelled);
  }
  ASSERT_EQ(cudaMemGetInfo(&after, &total), cudaSuccess);
  EXPECT_EQ(before, after);
  cancel = false;
  const auto loaded = loader->load(bundle);
  ASSERT_TRUE(loaded) << loaded.error().message;
  expect_same(*loaded, model);
}

TEST_F(LoadGpuTest, ACallbackThatThrowsIsAnError) {
  const Model model = hostile_model();
  const fs::path bundle = bundle_of(model, Family::kHuffman);
  LoadOptions options;
  options.resident = Resident::kPalette;
  options.num_threads = 8;
  options.progress = [](const Progress&) -> bool { throw 1; };
  const auto loaded = load_bundle(bundle, options);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kInternal);
}

TEST_F(LoadGpuTest, ArgumentsThatCannotBe) {
  LoadOptions options;
  options.device = 1000;
  EXPECT_EQ(Loader::create(options).error().code, ErrorCode::kUnsupported);
  options = {};
  options.staging_bytes = 1000;
  EXPECT_EQ(Loader::create(options).error().code, ErrorCode::kInvalidArgument);
  options = {};
  options.filter.exclude = {"["};
  EXPECT_EQ(Loader::create(options).error().code, ErrorCode::kInvalidArgument);
}

/// Runs everywhere: what a machine without a device says.
TEST(LoadWithoutGpu, SaysSo) {
  if (!devices().empty()) GTEST_SKIP() << "there is a device";
  const auto loaded = load_bundle("nothing");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kUnsupported);
  EXPECT_FALSE(loaded.error().message.empty());
}

}  // namespace
}  // namespace unweight::gpu
