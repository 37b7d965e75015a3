// SPDX-License-Identifier: BSD-3-Clause
//
// The CUDA engine behind compress(), decompress() and verify(): the same bytes as the CPU codec's,
// whichever side made or reads them.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/try.h"
#include "bundle/bundle_test_support.h"
#include "bundle/tensor_engine.h"
#include "gpu_test_support.h"
#include "hostile_tensors.h"
#include "packed/packed_reader.h"
#include "packed/tensor_analyzer.h"
#include "unweight/gpu_engine.h"

namespace unweight {
namespace {

using testing::HostileTensor;
using testing::SafetensorsText;
using testing::TempDir;

class EngineGpuTest : public gpu_testing::GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (IsSkipped()) return;
    auto opened = open_cuda_engine();
    ASSERT_TRUE(opened) << opened.error().message;
    engine_ = std::move(opened).value();
  }
  std::shared_ptr<TensorEngine> engine_;
  TempDir dir_;
};

/// Large enough that the engine gets them; the last are no good for packing and full of surprises.
std::string model_text() {
  SafetensorsText file;
  file.add_bf16("normal", {2048, 1536}, testing::normal_tensor(2048, 1536).weights);
  file.add_bf16("odd", {1777, 1301}, testing::student_t_tensor(1777, 1301).weights);
  file.add_bf16("outliers", {1024, 2560}, testing::outlier_columns_tensor(1024, 2560).weights);
  file.add_bf16("random", {1600, 1600}, testing::random_bits_tensor(1600, 1600).weights);
  file.add_bf16("zeros", {1 << 22}, std::vector<std::uint16_t>(1 << 22));
  file.add("carried", "F32", {1000}, testing::random_bytes(4000, 1));
  return file.text();
}

TEST_F(EngineGpuTest, BundlesAreTheSameBytes) {
  if (gpu_testing::small_sizes()) GTEST_SKIP() << "large tensors only";
  testing::write_file(dir_ / "in.safetensors", model_text());
  for (const std::optional<Family> family :
       {std::optional<Family>(), std::optional(Family::kPalette), std::optional(Family::kHuffman),
        std::optional(Family::kRadix)}) {
    CompressOptions options;
    options.family = family;
    options.overwrite = true;
    ASSERT_TRUE(compress(dir_ / "in.safetensors", dir_ / "cpu.safetensors", options));
    options.engine = engine_;
    const auto done = compress(dir_ / "in.safetensors", dir_ / "gpu.safetensors", options);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_TRUE(testing::read_file(dir_ / "cpu.safetensors") ==
                testing::read_file(dir_ / "gpu.safetensors"));

    DecompressOptions decompression;
    decompression.overwrite = true;
    decompression.engine = engine_;
    const auto restored =
        decompress(dir_ / "cpu.safetensors", dir_ / "out.safetensors", decompression);
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_TRUE(testing::read_file(dir_ / "in.safetensors") ==
                testing::read_file(dir_ / "out.safetensors"));
    VerifyOptions verification;
    verification.engine = engine_;
    const auto verified = verify(dir_ / "gpu.safetensors", dir_ / "in.safetensors", verification);
    ASSERT_TRUE(verified) << verified.error().message;
    EXPECT_TRUE(verified->ok());
  }
}

/// What the engine says of a tensor through the seam, for tensors too small to get there by a call.
class SeamCheck {
 public:
  SeamCheck(TensorEngine& engine, const HostileTensor& tensor, Family family)
      : engine_(engine), tensor_(tensor), family_(family), grid_{tensor.rows, tensor.cols} {}

  void run() {
    ASSERT_TRUE(engine_.can_encode(grid_));
    packed::TensorAnalyzer analyzer(grid_, 1);
    analyzer.count_exponents(tensor_.weights, 0);
    ASSERT_TRUE(analyzer.finish_exponents());
    const codec::SourceWindow window{tensor_.weights.data(), 0, tensor_.rows, tensor_.cols};
    const codec::ChunkRange all{0, grid_.num_chunks()};
    analyzer.count_codes(window, all, 0);
    ASSERT_TRUE(analyzer.finish());
    const codec::EncodePlan plan = analyzer.plan(family_);

    auto encoder = engine_.begin_encode(grid_);
    ASSERT_TRUE(encoder) << encoder.error().message;
    const std::uint64_t half = tensor_.rows / 2 * tensor_.cols;
    const auto rows = std::span(std::as_const(tensor_.weights));
    ASSERT_TRUE((*encoder)->append_rows(rows.first(half)));
    ASSERT_TRUE((*encoder)->append_rows(rows.subspan(half)));
    const auto counts = (*encoder)->analyze();
    ASSERT_TRUE(counts) << counts.error().message;
    EXPECT_EQ(counts->exponents, analyzer.counts().exponents);
    EXPECT_EQ(counts->pairs, analyzer.counts().pairs);
    EXPECT_EQ(counts->num_verbatim_rows, analyzer.counts().num_verbatim_rows);
    auto encoded = (*encoder)->encode(plan);
    ASSERT_TRUE(encoded) << encoded.error().message;
    const auto checked = (*encoder)->self_check();
    ASSERT_TRUE(checked) << checked.error().message;
    for (std::uint64_t first = 0; first < all.count; first += 3) {
      compare(**encoder, plan, window, {first, std::min<std::uint64_t>(3, all.count - first)});
    }
    codec::EncodePlan other = plan;
    other.padding_code ^= 1;
    EXPECT_EQ((*encoder)->encode(other).error().code, ErrorCode::kInternal);
  }

 private:
  static void compare(EngineEncoder& encoder, const codec::EncodePlan& plan,
                      const codec::SourceWindow& window, codec::ChunkRange chunks) {
    codec::EncodedChunks expected, found;
    codec::encode_chunks(plan, window, chunks, expected);
    const auto read = encoder.read_chunks(chunks, found);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(found.sign_mantissa, expected.sign_mantissa);
    EXPECT_EQ(found.verbatim_positions, expected.verbatim_positions);
    EXPECT_EQ(found.verbatim_rows, expected.verbatim_rows);
    if (plan.family != Family::kHuffman) {
      EXPECT_EQ(found.codes, expected.codes);
    } else {
      EXPECT_EQ(found.stream, expected.stream);
      ASSERT_EQ(found.chunk_streams.size(), expected.chunk_streams.size());
      EXPECT_EQ(std::memcmp(found.chunk_streams.data(), expected.chunk_streams.data(),
                            expected.chunk_streams.size() * sizeof(codec::ChunkStreamEntry)),
                0);
    }
    ASSERT_EQ(found.verbatim_index.size(), expected.verbatim_index.size());
    EXPECT_EQ(std::memcmp(found.verbatim_index.data(), expected.verbatim_index.data(),
                          expected.verbatim_index.size() * sizeof(codec::VerbatimIndexEntry)),
              0);
  }

  TensorEngine& engine_;
  const HostileTensor& tensor_;
  Family family_;
  layout::TileGrid grid_;
};

TEST_F(EngineGpuTest, StatisticsAndChunksAreTheCpuCodecs) {
  for (const HostileTensor& tensor : gpu_testing::test_tensors()) {
    if (tensor.weights.empty()) continue;
    for (const Family family : gpu_testing::kFamilies) {
      SCOPED_TRACE(tensor.name + " " + family_name(family));
      SeamCheck(*engine_, tensor, family).run();
    }
  }
}

/// Sections in pieces of odd sizes, rows in ranges of odd sizes.
Result<std::vector<std::uint16_t>> decode_through(TensorEngine& engine,
                                                  const std::vector<std::byte>& blob) {
  UNWEIGHT_TRY_ASSIGN(const packed::PackedHeader header, packed::parse_header(blob, blob.size()));
  UNWEIGHT_TRY_ASSIGN(const auto decoder, engine.begin_decode(header));
  for (std::size_t i = 0; i < packed::kNumSections; ++i) {
    const packed::SectionEntry& section = header.sections[i];
    for (std::uint64_t at = 0; at < section.bytes; at += 10007) {
      const auto piece = std::span(blob).subspan(
          section.offset + at, std::min<std::uint64_t>(10007, section.bytes - at));
      UNWEIGHT_TRY(decoder->append_section(static_cast<packed::SectionId>(i), piece));
    }
  }
  UNWEIGHT_TRY(decoder->decode());
  std::vector<std::uint16_t> weights(header.rows * header.cols);
  for (std::uint64_t row = 0; row < header.rows; row += 37) {
    const std::uint64_t count = std::min<std::uint64_t>(37, header.rows - row);
    UNWEIGHT_TRY(decoder->read_rows(
        row, count, std::span(weights).subspan(row * header.cols, count * header.cols)));
  }
  return weights;
}

TEST_F(EngineGpuTest, PackedTensorsDecode) {
  for (const HostileTensor& tensor : gpu_testing::test_tensors()) {
    if (tensor.weights.empty()) continue;
    for (const Family family : gpu_testing::kFamilies) {
      SCOPED_TRACE(tensor.name + " " + family_name(family));
      EncodeOptions options;
      options.family = family;
      const auto blob = encode(gpu_testing::view_of(tensor), options);
      ASSERT_TRUE(blob) << blob.error().message;
      const layout::TileGrid grid{tensor.rows, tensor.cols};
      EXPECT_TRUE(engine_->can_decode(grid, family, blob->size()));
      const auto weights = decode_through(*engine_, *blob);
      ASSERT_TRUE(weights) << weights.error().message;
      EXPECT_TRUE(*weights == tensor.weights);
    }
  }
}

TEST_F(EngineGpuTest, CodesThatDoNotEndWhereStringsDoAreRefused) {
  EncodeOptions options;
  options.family = Family::kHuffman;
  auto blob = encode(gpu_testing::view_of(testing::normal_tensor(256, 256)), options);
  ASSERT_TRUE(blob);
  const auto header = packed::parse_header(*blob, blob->size());
  ASSERT_TRUE(header);
  const packed::SectionEntry& stream = header->sections[6];
  std::fill_n(blob->begin() + static_cast<std::ptrdiff_t>(stream.offset), stream.bytes - 64,
              std::byte{0x5a});
  const auto weights = decode_through(*engine_, *blob);
  ASSERT_FALSE(weights);
  EXPECT_EQ(weights.error().code, ErrorCode::kInvalidFormat);
}

/// Runs everywhere.
TEST(EngineWithoutGpu, SaysWhy) {
  const int count = num_cuda_devices();
  const auto engine = open_cuda_engine(count);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kUnsupported);
  EXPECT_FALSE(engine.error().message.empty());
  EXPECT_FALSE(open_cuda_engine(-1));
}

}  // namespace
}  // namespace unweight
