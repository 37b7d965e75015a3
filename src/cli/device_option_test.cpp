// SPDX-License-Identifier: BSD-3-Clause
//
// --device as in a build with CUDA. The two functions of unweight/gpu_engine.h are the test's own:
// none of this needs a GPU.
#include "cli/device_option.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "bundle/tensor_engine.h"
#include "unweight/gpu_engine.h"

namespace unweight {
namespace {

int g_num_devices = 0;
bool g_opens = true;

class NoEngine final : public TensorEngine {
 public:
  bool can_encode(const layout::TileGrid&) override { return false; }
  bool can_decode(const layout::TileGrid&, Family, std::uint64_t) override { return false; }
  Result<std::unique_ptr<EngineEncoder>> begin_encode(const layout::TileGrid&) override {
    return Error{ErrorCode::kInternal, "never called"};
  }
  Result<std::unique_ptr<EngineDecoder>> begin_decode(const packed::PackedHeader&) override {
    return Error{ErrorCode::kInternal, "never called"};
  }
};

}  // namespace

int num_cuda_devices() noexcept {
  return g_num_devices;
}
Result<std::shared_ptr<TensorEngine>> open_cuda_engine(int ordinal) {
  if (!g_opens || ordinal >= g_num_devices) return Error{ErrorCode::kUnsupported, "no driver"};
  return std::shared_ptr<TensorEngine>(std::make_shared<NoEngine>());
}

namespace cli {
namespace {

namespace fs = std::filesystem;

class DeviceOption : public ::testing::Test {
 protected:
  DeviceOption() {
    std::string name = (fs::temp_directory_path() / "unweight-device-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    dir_ = name;
    g_num_devices = 2;
    g_opens = true;
  }
  ~DeviceOption() override {
    std::error_code ignored;
    fs::remove_all(dir_, ignored);
  }
  /// A file without content: it takes no disk.
  fs::path sparse_file(const std::string& name, std::uint64_t bytes) {
    fs::create_directories((dir_ / name).parent_path());
    std::ofstream(dir_ / name).close();
    fs::resize_file(dir_ / name, bytes);
    return dir_ / name;
  }
  /// Name of the device, or the error's message.
  static std::string chosen(const std::string& wanted, const fs::path& source = {},
                            Task task = Task::kCompress, unsigned num_threads = 2) {
    const auto device = choose_device(wanted, task, source, num_threads);
    if (!device) {
      EXPECT_EQ(device.error().code, ErrorCode::kUnsupported);
      return device.error().message;
    }
    EXPECT_EQ(device->engine == nullptr, device->name == "cpu");
    return device->name;
  }

  fs::path dir_;
};

TEST_F(DeviceOption, WhatWasAskedForIsTaken) {
  const fs::path large = sparse_file("large", kMinAutoCudaBytes);
  EXPECT_EQ(chosen("cpu", large), "cpu");
  EXPECT_EQ(chosen("cuda"), "cuda:0");
  EXPECT_EQ(chosen("cuda:0"), "cuda:0");
  EXPECT_EQ(chosen("cuda:1"), "cuda:1");
}

TEST_F(DeviceOption, WhatIsNotThereIsAnError) {
  EXPECT_EQ(chosen("cuda:2"), "cuda:2: there are 2 CUDA devices that can be used");
  g_num_devices = 1;
  EXPECT_EQ(chosen("cuda:1"), "cuda:1: there is 1 CUDA device that can be used");
  g_num_devices = 0;
  EXPECT_EQ(chosen("cuda"), "cuda:0: no driver");
  EXPECT_EQ(chosen("cuda:7"), "cuda:7: no driver");
}

TEST_F(DeviceOption, AutoTakesAGpuForLargeSourcesOnly) {
  const fs::path large = sparse_file("large", kMinAutoCudaBytes);
  const fs::path small = sparse_file("small", kMinAutoCudaBytes - 1);
  EXPECT_EQ(chosen("auto", large), "cuda:0");
  EXPECT_EQ(chosen("auto", small), "cpu");
  EXPECT_EQ(chosen("auto", dir_ / "none"), "cpu");
  g_opens = false;
  EXPECT_EQ(chosen("auto", large), "cpu");
  g_num_devices = 0;
  EXPECT_EQ(chosen("auto", large), "cpu");
}

TEST_F(DeviceOption, AutoTakesTheCpuWhereItIsFaster) {
  const fs::path large = sparse_file("large", kMinAutoCudaBytes);
  EXPECT_EQ(chosen("auto", large, Task::kCompress, 4), "cuda:0");
  EXPECT_EQ(chosen("auto", large, Task::kCompress, 5), "cpu");
  EXPECT_EQ(chosen("auto", large, Task::kDecompress, 2), "cuda:0");
  EXPECT_EQ(chosen("auto", large, Task::kDecompress, 3), "cpu");
  EXPECT_EQ(chosen("auto", large, Task::kVerify, 1), "cpu");
  EXPECT_EQ(chosen("cuda", large, Task::kVerify, 64), "cuda:0");
}

TEST_F(DeviceOption, WeightsOfADirectoryAreAddedUp) {
  sparse_file("model/a.safetensors", kMinAutoCudaBytes / 2);
  sparse_file("model/sub/b.safetensors", kMinAutoCudaBytes / 2 - 1);
  sparse_file("model/huge.bin", kMinAutoCudaBytes);
  EXPECT_EQ(weight_bytes(dir_ / "model"), kMinAutoCudaBytes - 1);
  EXPECT_EQ(chosen("auto", dir_ / "model"), "cpu");
  fs::create_symlink(sparse_file("c", 1), dir_ / "model" / "c.safetensors");
  EXPECT_EQ(chosen("auto", dir_ / "model"), "cuda:0");
}

TEST_F(DeviceOption, OtherWordsAreWrongUsage) {
  for (const std::string word : {"auto", "cpu", "cuda", "cuda:0", "cuda:12"}) {
    CLI::App app;
    std::string wanted;
    add_device_option(app, wanted);
    EXPECT_NO_THROW(app.parse("--device " + word)) << word;
    EXPECT_EQ(wanted, word);
  }
  for (const std::string word : {"gpu", "CUDA", "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "cuda:+1",
                                 "cuda0", "cuda:99999999999", "cpu:0"}) {
    CLI::App app;
    std::string wanted;
    add_device_option(app, wanted);
    EXPECT_THROW(app.parse("--device " + word), CLI::ValidationError) << word;
  }
}

}  // namespace
}  // namespace cli
}  // namespace unweight
