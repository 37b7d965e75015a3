// SPDX-License-Identifier: BSD-3-Clause
//
// What GPU tests share: poisoned device memory with guards on both sides, and the host's idea of
// what a tensor looks like in tile order.
#pragma once

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "codec/radix_format.h"
#include "gpu/device_memory.h"
#include "hostile_tensors.h"
#include "layout/tile_order.h"
#include "unweight/codec.h"
#include "unweight/gpu.h"

namespace unweight::gpu_testing {

/// UNWEIGHT_GPU_TEST_SIZES=small: what a sanitizer can run in a minute.
inline bool small_sizes() {
  const char* sizes = std::getenv("UNWEIGHT_GPU_TEST_SIZES");
  return sizes != nullptr && std::string(sizes) == "small";
}

class GpuTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (gpu::devices().empty()) GTEST_SKIP() << "no device of compute capability 9.0";
  }
  void TearDown() override {
    if (IsSkipped()) return;
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  }
};

/// All of packed tensors.
inline constexpr Family kFamilies[] = {Family::kPalette, Family::kHuffman, Family::kRadix};

inline constexpr std::uint8_t kPoison = 0xa5;

/// Device memory between two guards, all of it poisoned.
class Guarded {
 public:
  explicit Guarded(std::uint64_t bytes) : bytes_(bytes) {
    auto buffer = gpu::DeviceBuffer::allocate(bytes + 2 * kGuard);
    EXPECT_TRUE(buffer.ok()) << (buffer ? "" : buffer.error().message);
    if (buffer) buffer_ = std::move(buffer).value();
    poison();
  }
  template <typename T>
  static Guarded of(std::span<const T> values) {
    Guarded guarded(values.size_bytes());
    if (!values.empty()) {
      EXPECT_EQ(
          cudaMemcpy(guarded.data(), values.data(), values.size_bytes(), cudaMemcpyHostToDevice),
          cudaSuccess);
    }
    return guarded;
  }

  [[nodiscard]] std::byte* data() const { return buffer_.data() + kGuard; }
  template <typename T>
  [[nodiscard]] T* as() const {
    return reinterpret_cast<T*>(data());
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  void poison() { EXPECT_EQ(cudaMemset(buffer_.data(), kPoison, buffer_.bytes()), cudaSuccess); }

  /// The contents; fails the test if a guard was written to.
  template <typename T = std::uint8_t>
  [[nodiscard]] std::vector<T> read() const {
    std::vector<std::uint8_t> all(buffer_.bytes());
    EXPECT_EQ(cudaMemcpy(all.data(), buffer_.data(), all.size(), cudaMemcpyDeviceToHost),
              cudaSuccess);
    const auto intact = [](std::uint8_t byte) { return byte == kPoison; };
    EXPECT_TRUE(std::all_of(all.begin(), all.begin() + kGuard, intact)) << "written before it";
    EXPECT_TRUE(std::all_of(all.end() - kGuard, all.end(), intact)) << "written behind it";
    std::vector<T> values(bytes_ / sizeof(T));
    if (bytes_ != 0) std::memcpy(values.data(), all.data() + kGuard, values.size() * sizeof(T));
    return values;
  }

 private:
  static constexpr std::ptrdiff_t kGuard = 4096;
  std::uint64_t bytes_;
  gpu::DeviceBuffer buffer_;
};

/// A packed tensor whose every section is memory of its own between guards.
struct GuardedTensor {
  explicit GuardedTensor(const gpu::Extents& extents)
      : record(gpu::kRecordBytes),
        chunk_streams(huffman(extents) ? 40 * grid(extents).num_chunks() : 0),
        verbatim_index(8 * grid(extents).num_chunks()),
        verbatim_positions(2 * extents.num_verbatim_rows),
        verbatim_rows((radix(extents) ? 1 : 8) * extents.num_verbatim_rows),
        sign_mantissa(1024 * grid(extents).num_tiles()),
        codes((huffman(extents) ? 0
               : radix(extents) ? 448
                                : 512) *
              grid(extents).num_tiles()),
        stream(extents.stream_bytes) {
    view.extents = extents;
    view.record = record.data();
    view.chunk_streams = chunk_streams.data();
    view.verbatim_index = verbatim_index.data();
    view.verbatim_positions = verbatim_positions.data();
    view.verbatim_rows = verbatim_rows.data();
    view.sign_mantissa = sign_mantissa.data();
    view.codes = codes.data();
    view.stream = stream.data();
  }
  void expect_guards_intact() const {
    for (const Guarded* section : sections()) (void)section->read();
  }
  [[nodiscard]] std::vector<const Guarded*> sections() const {
    return {&record,        &chunk_streams, &verbatim_index, &verbatim_positions,
            &verbatim_rows, &sign_mantissa, &codes,          &stream};
  }

  static bool huffman(const gpu::Extents& e) { return e.family == Family::kHuffman; }
  static bool radix(const gpu::Extents& e) { return e.family == Family::kRadix; }
  static layout::TileGrid grid(const gpu::Extents& e) { return {e.rows, e.cols}; }

  Guarded record, chunk_streams, verbatim_index, verbatim_positions, verbatim_rows, sign_mantissa,
      codes, stream;
  gpu::PackedTensor view;
};

/// f(tile, lane position, weight) for every weight of the padded matrix; padding is `padding`.
template <typename F>
void for_each_weight(const testing::HostileTensor& tensor, std::uint16_t padding, F f) {
  const layout::TileGrid grid{tensor.rows, tensor.cols};
  for (std::uint64_t tile = 0; tile < grid.num_tiles(); ++tile) {
    const std::uint64_t row = tile / grid.tiles_per_strip() * layout::kTileRows;
    const std::uint64_t col = tile % grid.tiles_per_strip() * layout::kTileCols;
    for (std::uint32_t r = 0; r < layout::kTileRows; ++r) {
      for (std::uint32_t c = 0; c < layout::kTileCols; ++c) {
        const bool real = row + r < tensor.rows && col + c < tensor.cols;
        f(tile, layout::lane_position({r, c}),
          real ? tensor.weights[(row + r) * tensor.cols + col + c] : padding);
      }
    }
  }
}

inline MatrixView view_of(const testing::HostileTensor& tensor) {
  return {tensor.weights.data(), tensor.rows, tensor.cols, tensor.cols};
}

/// The hostile tensors, or every third of them that is not large.
inline std::vector<testing::HostileTensor> test_tensors() {
  std::vector<testing::HostileTensor> all = testing::hostile_tensors();
  if (!small_sizes()) {
    all.push_back(testing::normal_tensor(1024, 2048));
    all.push_back(testing::student_t_tensor(513, 4097));
    return all;
  }
  std::vector<testing::HostileTensor> some;
  for (std::size_t i = 0; i < all.size(); i += 3) {
    if (all[i].weights.size() <= 140000) some.push_back(std::move(all[i]));
  }
  return some;
}

}  // namespace unweight::gpu_testing
