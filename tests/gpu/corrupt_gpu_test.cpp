// SPDX-License-Identifier: BSD-3-Clause
//
// Device memory that is not what an encoder wrote, past every check of the host: decoders stay
// inside their buffers (guards here; compute-sanitizer says the rest), come to an end, and CUDA is
// well afterwards.
#include <cstring>
#include <random>

#include "codec/families_format.h"
#include "gpu_test_support.h"

namespace unweight::gpu_testing {
namespace {

using CorruptGpuTest = GpuTest;
using testing::HostileTensor;

struct Outputs {
  explicit Outputs(const HostileTensor& t)
      : tiles(layout::TileGrid{t.rows, t.cols}.num_tiles()),
        matrix(t.weights.size() * 2),
        weight_section(tiles * layout::kTileWeightSectionBytes),
        exponents(tiles * layout::kTileByteSectionBytes),
        codes(tiles * layout::kTileCodeSectionBytes),
        status(sizeof(std::uint32_t)) {}
  std::uint64_t tiles;
  Guarded matrix, weight_section, exponents, codes, status;
};

// All decoders over one tensor; returns the status bits.
std::uint32_t run_decoders(const HostileTensor& t, const gpu::PackedTensor& tensor, Outputs& out) {
  EXPECT_EQ(cudaMemset(out.status.data(), 0, sizeof(std::uint32_t)), cudaSuccess);
  gpu::DecodeOptions options;
  options.status = out.status.as<std::uint32_t>();
  EXPECT_TRUE(gpu::decode(tensor, {out.matrix.as<std::uint16_t>(), t.rows, t.cols, t.cols}, nullptr,
                          options)
                  .ok());
  EXPECT_TRUE(gpu::decode_to_tiles(tensor, out.weight_section.data(), nullptr, options).ok());
  if (tensor.extents.family == Family::kHuffman) {
    EXPECT_TRUE(gpu::decode_exponents(tensor, out.exponents.data(), nullptr, options).ok());
    EXPECT_TRUE(gpu::transcode_to_codes(tensor, out.codes.data(), nullptr, options).ok());
  }
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  (void)out.matrix.read();
  (void)out.weight_section.read();
  (void)out.exponents.read();
  (void)out.codes.read();
  return out.status.read<std::uint32_t>()[0];
}

void flip_bits(const Guarded& section, std::mt19937_64& rng, int count) {
  auto bytes = section.read();
  if (bytes.empty()) return;
  for (int i = 0; i < count; ++i) {
    bytes[rng() % bytes.size()] ^= static_cast<std::uint8_t>(1u << rng() % 8);
  }
  ASSERT_EQ(cudaMemcpy(section.data(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice),
            cudaSuccess);
}

void randomize(const Guarded& section, std::mt19937_64& rng) {
  auto bytes = section.read();
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(rng());
  if (bytes.empty()) return;
  ASSERT_EQ(cudaMemcpy(section.data(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice),
            cudaSuccess);
}

void corrupt_every_section(const HostileTensor& t, Family family) {
  const auto blob = encode(view_of(t), {.family = family, .self_check = false});
  ASSERT_TRUE(blob.ok());
  const auto extents = gpu::blob_extents(*blob);
  ASSERT_TRUE(extents.ok());
  const GuardedTensor tensor(*extents);
  Outputs out(t);
  std::mt19937_64 rng(99);
  const std::vector<const Guarded*> sections = tensor.sections();
  const int rounds = small_sizes() ? 1 : 20;
  for (std::size_t s = 0; s < sections.size(); ++s) {
    for (int round = 0; round < rounds; ++round) {
      SCOPED_TRACE(t.name + " " + family_name(family) + " section " + std::to_string(s) +
                   " round " + std::to_string(round));
      ASSERT_TRUE(gpu::upload(*blob, tensor.view, nullptr).ok());
      flip_bits(*sections[s], rng, 1 << (round % 8));
      run_decoders(t, tensor.view, out);
    }
    ASSERT_TRUE(gpu::upload(*blob, tensor.view, nullptr).ok());
    randomize(*sections[s], rng);
    run_decoders(t, tensor.view, out);
  }
  for (const Guarded* section : sections) randomize(*section, rng);
  run_decoders(t, tensor.view, out);
  // And the decoders are as good as before.
  ASSERT_TRUE(gpu::upload(*blob, tensor.view, nullptr).ok());
  EXPECT_EQ(run_decoders(t, tensor.view, out), 0u);
  EXPECT_TRUE(out.matrix.read<std::uint16_t>() == t.weights);
}

TEST_F(CorruptGpuTest, DecodersStayInsideTheirBuffers) {
  const std::uint64_t rows = small_sizes() ? 40 : 250;
  for (const HostileTensor& t :
       {testing::student_t_tensor(rows, 330), testing::lone_outliers_tensor(),
        testing::random_bits_tensor(33, 130)}) {
    if (small_sizes() && t.weights.size() > 200000) continue;
    for (const Family family : kFamilies) corrupt_every_section(t, family);
  }
}

void fill(const Guarded& section, const std::vector<std::uint16_t>& words) {
  const std::uint64_t bytes = std::min<std::uint64_t>(section.bytes(), words.size() * 2);
  ASSERT_EQ(cudaMemcpy(section.data(), words.data(), bytes, cudaMemcpyHostToDevice), cudaSuccess);
}

// Positions that no writer writes: all the same, descending, of tiles that are not there.
TEST_F(CorruptGpuTest, EscapesLeadNowhere) {
  const HostileTensor t = testing::student_t_tensor(100, 1000);
  const auto blob = encode(view_of(t), {.family = Family::kRadix, .self_check = false});
  ASSERT_TRUE(blob.ok());
  const GuardedTensor tensor(*gpu::blob_extents(*blob));
  Outputs out(t);
  const std::uint64_t count = tensor.verbatim_positions.bytes() / 2;
  ASSERT_GT(count, 100u);
  constexpr std::uint16_t kEverywhere[] = {0x0000, 0x7fff, 0x8000, 0xffff};
  for (const std::uint16_t same : kEverywhere) {
    ASSERT_TRUE(gpu::upload(*blob, tensor.view, nullptr).ok());
    fill(tensor.verbatim_positions, std::vector<std::uint16_t>(count, same));
    EXPECT_EQ(run_decoders(t, tensor.view, out), 0u);
  }
  ASSERT_TRUE(gpu::upload(*blob, tensor.view, nullptr).ok());
  auto descending = tensor.verbatim_positions.read<std::uint16_t>();
  std::reverse(descending.begin(), descending.end());
  fill(tensor.verbatim_positions, descending);
  EXPECT_EQ(run_decoders(t, tensor.view, out), 0u);
  // Every tile looks, and finds the chunk's beginning behind its end, or behind the section's.
  for (const std::uint32_t first : {0xffffffffu, static_cast<std::uint32_t>(count + 1)}) {
    ASSERT_TRUE(gpu::upload(*blob, tensor.view, nullptr).ok());
    auto index = tensor.verbatim_index.read<codec::VerbatimIndexEntry>();
    for (codec::VerbatimIndexEntry& entry : index) entry = {first, ~0u};
    ASSERT_EQ(cudaMemcpy(tensor.verbatim_index.data(), index.data(), tensor.verbatim_index.bytes(),
                         cudaMemcpyHostToDevice),
              cudaSuccess);
    EXPECT_EQ(run_decoders(t, tensor.view, out), gpu::kStatusBadIndex);
  }
}

// A wrong stream is noticed, not only survived.
TEST_F(CorruptGpuTest, StatusSpeaksOfStreams) {
  const HostileTensor t = testing::normal_tensor(128, 512);
  const auto blob = encode(view_of(t), {.family = Family::kHuffman, .self_check = false});
  ASSERT_TRUE(blob.ok());
  const GuardedTensor tensor(*gpu::blob_extents(*blob));
  Outputs out(t);
  std::mt19937_64 rng(5);
  ASSERT_TRUE(gpu::upload(*blob, tensor.view, nullptr).ok());
  randomize(tensor.stream, rng);
  EXPECT_NE(run_decoders(t, tensor.view, out) & gpu::kStatusStreamMismatch, 0u);
  ASSERT_TRUE(gpu::upload(*blob, tensor.view, nullptr).ok());
  const std::uint64_t far_away = 0x0000ffffffffff00;  // an offset behind the section
  ASSERT_EQ(
      cudaMemcpy(tensor.chunk_streams.data(), &far_away, sizeof(far_away), cudaMemcpyHostToDevice),
      cudaSuccess);
  EXPECT_NE(run_decoders(t, tensor.view, out) & gpu::kStatusBadIndex, 0u);
}

}  // namespace
}  // namespace unweight::gpu_testing
