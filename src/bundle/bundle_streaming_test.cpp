// SPDX-License-Identifier: BSD-3-Clause
//
// Tensors that do not fit into a window: with windows of a few KiB, small tensors stand in for
// those of many gigabytes.
#include <gtest/gtest.h>

#include "bundle/bundle_file.h"
#include "bundle/bundle_test_support.h"
#include "bundle/file_compressor.h"
#include "bundle/file_restorer.h"
#include "bundle/file_verifier.h"
#include "bundle/tensor_windows.h"

namespace unweight::bundle {
namespace {

using namespace unweight::testing;

/// No tensor of these tests fits into a window, and no encoded group into the budget.
constexpr Limits kTiny{.source_window_bytes = std::uint64_t{40} << 10,
                       .decode_window_bytes = std::uint64_t{12} << 10,
                       .encode_budget_bytes = std::uint64_t{1} << 10,
                       .copy_bytes = 1000};

constexpr std::pair<Family, unsigned> kFamiliesAndThreads[] = {
    {Family::kHuffman, 1}, {Family::kHuffman, 3}, {Family::kRadix, 1}, {Family::kRadix, 3}};

/// Shapes whose strips end inside chunks, at every distance.
std::string shapes_file() {
  SafetensorsText file;
  std::uint64_t seed = 0;
  for (const std::uint64_t cols : {33, 64, 65, 130, 320, 447, 640})
    for (const std::uint64_t rows : {17, 64, 301, 800}) {
      HostileTensor tensor = normal_tensor(rows, cols, 0.02f, ++seed);
      for (std::size_t i = seed; i < tensor.weights.size(); i += 3000) tensor.weights[i] = 0x7f80;
      std::string name = "t";
      file.add_bf16(name + std::to_string(seed), {rows, cols}, tensor.weights);
    }
  file.add("carried", "U8", {12345}, random_bytes(12345, 1));
  return file.text();
}

TEST(BundleStreaming, WindowsGiveTheSameBundle) {
  const TempDir dir;
  write_file(dir / "in.safetensors", shapes_file());
  for (const auto& [family, threads] : kFamiliesAndThreads) {
    CompressOptions options;
    options.overwrite = true;
    options.family = family;
    ASSERT_TRUE(compress(dir / "in.safetensors", dir / "whole.safetensors", options));
    JobContext job(threads, {}, kTiny);
    FileCompressor compressor(job, options);
    const auto file =
        compressor.compress(dir / "in.safetensors", dir / "windows.safetensors", "in");
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_TRUE(read_file(dir / "windows.safetensors") == read_file(dir / "whole.safetensors"));
  }
}

TEST(BundleStreaming, WindowsRestoreAndVerify) {
  const TempDir dir;
  const std::string file = shapes_file();
  write_file(dir / "in.safetensors", file);
  for (const auto& [family, threads] : kFamiliesAndThreads) {
    CompressOptions compress_options;
    compress_options.overwrite = true;
    compress_options.family = family;
    ASSERT_TRUE(compress(dir / "in.safetensors", dir / "b.safetensors", compress_options));
    JobContext job(threads, {}, kTiny);
    DecompressOptions options;
    options.overwrite = true;
    const auto restored =
        restore_file(job, dir / "b.safetensors", dir / "out.safetensors", "b", options);
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_TRUE(read_file(dir / "out.safetensors") == file);
    VerifyReport report;
    ASSERT_TRUE(verify_file(job, dir / "b.safetensors", dir / "in.safetensors", "b", report));
    for (const std::string& problem : report.problems) ADD_FAILURE() << problem;
  }
}

TEST(BundleStreaming, WindowsCoverEveryChunkAndRowOnce) {
  const TempDir dir;
  write_file(dir / "zeros", std::string(std::size_t{2} << 20, '\0'));
  const auto input = InputFile::open(dir / "zeros");
  ASSERT_TRUE(input);
  JobContext job(1, {}, kTiny);
  for (std::uint64_t cols = 1; cols <= 640; cols += 9) {
    for (const std::uint64_t rows : {1, 15, 16, 17, 33, 500, 1600}) {
      const layout::TileGrid grid{rows, cols};
      ASSERT_TRUE(TensorWindows::can_window(grid, job.limits));
      FileRows source(job, *input, 0, cols);
      TensorWindows windows(job, source, grid);
      std::uint64_t chunk = 0, row = 0;
      for (std::size_t i = 0; i < windows.count(); ++i) {
        EXPECT_EQ(windows.chunks(i).first, chunk);
        EXPECT_GT(windows.chunks(i).count, 0u);
        chunk += windows.chunks(i).count;
        EXPECT_EQ(windows.new_rows(i).first, row);
        row += windows.new_rows(i).count;
        const auto loaded = windows.load(i);
        ASSERT_TRUE(loaded) << loaded.error().message;
        const codec::RowRange needed = codec::rows_of_chunks(grid, windows.chunks(i));
        EXPECT_LE(loaded->first_row, needed.first);
        EXPECT_GE(loaded->first_row + loaded->num_rows, needed.first + needed.count);
      }
      EXPECT_EQ(chunk, grid.num_chunks()) << rows << " x " << cols;
      EXPECT_EQ(row, rows) << rows << " x " << cols;
    }
  }
}

TEST(BundleStreaming, CarriesRowsThatAreTooLongToStream) {
  const TempDir dir;
  SafetensorsText file;
  file.add_bf16("long", {1, 50001}, normal_tensor(1, 50001).weights);
  write_file(dir / "in.safetensors", file.text());
  JobContext job(2, {}, kTiny);
  const CompressOptions options;
  FileCompressor compressor(job, options);
  const auto result = compressor.compress(dir / "in.safetensors", dir / "b.safetensors", "in");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->tensors[0].reason, "rows too long to stream");
  ASSERT_TRUE(decompress(dir / "b.safetensors", dir / "out.safetensors"));
  EXPECT_TRUE(read_file(dir / "out.safetensors") == file.text());
}

TEST(BundleStreaming, ASourceThatChangesBetweenThePassesIsNoticed) {
  const TempDir dir;
  const std::string bytes = shapes_file();
  write_file(dir / "in.safetensors", bytes);
  const auto before = fs::last_write_time(dir / "in.safetensors");
  int calls = 0;
  JobContext job(1, {}, kTiny);
  const CompressOptions options;
  FileCompressor compressor(job, options);
  // Statistics are known, encoding has not begun. Sign bits keep them; the time is put back.
  compressor.on_analysis([&](std::size_t i, const TensorAnalysis&) {
    if (i != 27 || calls++ != 0) return;
    std::string changed = bytes;
    for (std::size_t at = bytes.size() - 13000; at > bytes.size() - 14000; --at)
      changed[at] = static_cast<char>(changed[at] ^ 1);
    std::ofstream out(dir / "in.safetensors", std::ios::binary | std::ios::in);
    out.write(changed.data(), static_cast<std::streamsize>(changed.size()));
    out.close();
    fs::last_write_time(dir / "in.safetensors", before);
  });
  const auto result = compressor.compress(dir / "in.safetensors", dir / "b.safetensors", "in");
  ASSERT_EQ(calls, 1);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kSourceChanged) << result.error().message;
  EXPECT_FALSE(fs::exists(dir / "b.safetensors"));
}

}  // namespace
}  // namespace unweight::bundle
