// SPDX-License-Identifier: BSD-3-Clause
//
// Every GPU decoder against the weights themselves and against the specification's slow decoder.
#include <cstring>
#include <functional>

#include "codec/reference_decoder.h"
#include "gpu_test_support.h"
#include "packed/packed_reader.h"

namespace unweight::gpu_testing {
namespace {

using DecodeGpuTest = GpuTest;
using testing::HostileTensor;

struct Loaded {
  std::vector<std::byte> blob;
  std::unique_ptr<GuardedTensor> tensor;
};

Loaded load(const HostileTensor& t, Family family) {
  Loaded loaded;
  auto blob = encode(view_of(t), {.family = family, .self_check = false});
  EXPECT_TRUE(blob.ok());
  loaded.blob = std::move(blob).value();
  const auto extents = gpu::blob_extents(loaded.blob);
  EXPECT_TRUE(extents.ok());
  loaded.tensor = std::make_unique<GuardedTensor>(*extents);
  const auto uploaded = gpu::upload(loaded.blob, loaded.tensor->view, nullptr);
  EXPECT_TRUE(uploaded.ok()) << (uploaded ? "" : uploaded.error().message);
  return loaded;
}

std::uint16_t padding_of(const std::vector<std::byte>& blob) {
  packed::PackedHeader header;
  std::memcpy(&header, blob.data(), sizeof(header));
  return codec::join_weight(header.palette[header.padding_code], 0);
}

// Runs `decoder` twice into poisoned memory, with all SMs and with few, and returns the output.
std::vector<std::uint8_t> decoded(
    std::uint64_t bytes,
    const std::function<Result<void>(std::byte*, const gpu::DecodeOptions&)>& decoder) {
  std::vector<std::uint8_t> first;
  for (const std::uint32_t max_sms : {0u, 3u}) {
    Guarded out(bytes);
    const Guarded status =
        Guarded::of(std::span<const std::uint32_t>(std::vector<std::uint32_t>{0}));
    gpu::DecodeOptions options;
    options.launch.max_sms = max_sms;
    options.status = status.as<std::uint32_t>();
    const auto result = decoder(out.data(), options);
    EXPECT_TRUE(result.ok()) << (result ? "" : result.error().message);
    EXPECT_EQ(status.read<std::uint32_t>()[0], 0u);
    auto contents = out.read();
    if (max_sms == 0) first = contents;
    EXPECT_TRUE(first == contents) << "differs with " << max_sms << " SMs";
  }
  return first;
}

void expect_matrix(const HostileTensor& t, const Loaded& loaded) {
  const std::uint64_t stride = t.cols + 3;
  for (const std::uint64_t s : {t.cols, stride, (t.cols + 15) / 8 * 8}) {
    const auto bytes = decoded(t.rows * s * 2, [&](std::byte* out, const gpu::DecodeOptions& o) {
      return gpu::decode(loaded.tensor->view,
                         {reinterpret_cast<std::uint16_t*>(out), t.rows, t.cols, s}, nullptr, o);
    });
    std::vector<std::uint16_t> expected(t.rows * s, kPoison << 8 | kPoison);
    for (std::uint64_t r = 0; r < t.rows; ++r) {
      std::copy_n(t.weights.begin() + static_cast<std::ptrdiff_t>(r * t.cols), t.cols,
                  expected.begin() + static_cast<std::ptrdiff_t>(r * s));
    }
    EXPECT_TRUE(bytes.empty() || std::memcmp(bytes.data(), expected.data(), bytes.size()) == 0)
        << "stride " << s;
  }
}

void expect_tiles(const HostileTensor& t, const Loaded& loaded) {
  const std::uint64_t tiles = layout::TileGrid{t.rows, t.cols}.num_tiles();
  const auto bytes = decoded(tiles * layout::kTileWeightSectionBytes,
                             [&](std::byte* out, const gpu::DecodeOptions& o) {
                               return gpu::decode_to_tiles(loaded.tensor->view, out, nullptr, o);
                             });
  std::vector<std::uint8_t> expected(bytes.size());
  for_each_weight(t, padding_of(loaded.blob),
                  [&](std::uint64_t tile, layout::LanePosition p, std::uint16_t weight) {
                    std::memcpy(expected.data() + tile * layout::kTileWeightSectionBytes +
                                    layout::weight_section_offset(p),
                                &weight, sizeof(weight));
                  });
  EXPECT_TRUE(bytes == expected);
}

void expect_exponents(const HostileTensor& t, const Loaded& loaded) {
  const std::uint64_t tiles = layout::TileGrid{t.rows, t.cols}.num_tiles();
  const auto bytes = decoded(tiles * layout::kTileByteSectionBytes,
                             [&](std::byte* out, const gpu::DecodeOptions& o) {
                               return gpu::decode_exponents(loaded.tensor->view, out, nullptr, o);
                             });
  std::vector<std::uint8_t> expected(bytes.size());
  for_each_weight(
      t, padding_of(loaded.blob),
      [&](std::uint64_t tile, layout::LanePosition p, std::uint16_t weight) {
        expected[tile * layout::kTileByteSectionBytes + layout::byte_section_offset(p)] =
            codec::exponent_of(weight);
      });
  EXPECT_TRUE(bytes == expected);
}

// The codes section that the palette family would have.
void expect_codes(const HostileTensor& t, const Loaded& loaded) {
  const auto palette = encode(view_of(t), {.family = Family::kPalette, .self_check = false});
  ASSERT_TRUE(palette.ok());
  const auto view = packed::open_packed(*palette, false);
  ASSERT_TRUE(view.ok());
  const auto bytes = decoded(view->codes.size(), [&](std::byte* out, const gpu::DecodeOptions& o) {
    return gpu::transcode_to_codes(loaded.tensor->view, out, nullptr, o);
  });
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), view->codes.begin(), view->codes.end()));
}

TEST_F(DecodeGpuTest, EveryBitComesBack) {
  for (const HostileTensor& t : test_tensors()) {
    for (const Family family : kFamilies) {
      SCOPED_TRACE(t.name + " " + family_name(family));
      const Loaded loaded = load(t, family);
      const auto reference = codec::reference_decode(loaded.blob);
      ASSERT_TRUE(reference.ok());
      ASSERT_TRUE(reference->weights == t.weights);
      expect_matrix(t, loaded);
      expect_tiles(t, loaded);
      if (family == Family::kHuffman) {
        expect_exponents(t, loaded);
        expect_codes(t, loaded);
      }
      loaded.tensor->expect_guards_intact();
    }
  }
}

// A Huffman tensor whose codes section was transcoded is a palette tensor.
TEST_F(DecodeGpuTest, TranscodedTensorIsAPaletteTensor) {
  const HostileTensor t = testing::student_t_tensor(200, 500);
  const Loaded loaded = load(t, Family::kHuffman);
  Guarded codes(layout::TileGrid{t.rows, t.cols}.num_tiles() * layout::kTileCodeSectionBytes);
  ASSERT_TRUE(gpu::transcode_to_codes(loaded.tensor->view, codes.data(), nullptr).ok());
  gpu::PackedTensor palette = loaded.tensor->view;
  palette.extents.family = Family::kPalette;
  palette.codes = codes.data();
  Guarded out(t.weights.size() * 2);
  ASSERT_TRUE(
      gpu::decode(palette, {out.as<std::uint16_t>(), t.rows, t.cols, t.cols}, nullptr).ok());
  EXPECT_TRUE(out.read<std::uint16_t>() == t.weights);
}

TEST_F(DecodeGpuTest, AnyAlignmentOfTheOutput) {
  const HostileTensor t = testing::student_t_tensor(64, 256);
  for (const Family family : kFamilies) {
    const Loaded loaded = load(t, family);
    for (const std::uint64_t shift : {1u, 2u, 4u, 8u}) {
      Guarded out((t.weights.size() + shift) * 2);
      ASSERT_TRUE(gpu::decode(loaded.tensor->view,
                              {out.as<std::uint16_t>() + shift, t.rows, t.cols, t.cols}, nullptr)
                      .ok());
      const auto words = out.read<std::uint16_t>();
      EXPECT_TRUE(std::equal(t.weights.begin(), t.weights.end(),
                             words.begin() + static_cast<std::ptrdiff_t>(shift)));
    }
  }
}

TEST_F(DecodeGpuTest, RadixHasNoExponentsAndNoCodesOfItsOwn) {
  const HostileTensor t = testing::normal_tensor(64, 64);
  const Loaded loaded = load(t, Family::kRadix);
  Guarded out(layout::kTileByteSectionBytes * 4);
  for (const auto& result : {gpu::decode_exponents(loaded.tensor->view, out.data(), nullptr),
                             gpu::transcode_to_codes(loaded.tensor->view, out.data(), nullptr)}) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(result.error().message.find("not of the huffman family"), std::string::npos);
  }
}

TEST_F(DecodeGpuTest, ArgumentsAreChecked) {
  const HostileTensor t = testing::normal_tensor(64, 64);
  const Loaded loaded = load(t, Family::kPalette);
  Guarded out(64 * 64 * 2);
  const gpu::MutableDeviceMatrix good{out.as<std::uint16_t>(), 64, 64, 64};
  const auto code = [](const Result<void>& result) {
    return result ? ErrorCode::kInternal : result.error().code;
  };
  gpu::MutableDeviceMatrix m = good;
  m.cols = 63;
  EXPECT_EQ(code(gpu::decode(loaded.tensor->view, m, nullptr)), ErrorCode::kInvalidArgument);
  m = good;
  m.row_stride_elems = 10;
  EXPECT_EQ(code(gpu::decode(loaded.tensor->view, m, nullptr)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(gpu::decode_to_tiles(loaded.tensor->view, out.data() + 2, nullptr)),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(gpu::decode_exponents(loaded.tensor->view, out.data(), nullptr)),
            ErrorCode::kInvalidArgument)
      << "palette tensors have no stream";
  gpu::PackedTensor broken = loaded.tensor->view;
  broken.codes = nullptr;
  EXPECT_EQ(code(gpu::decode(broken, good, nullptr)), ErrorCode::kInvalidArgument);
  std::vector<std::byte> blob = loaded.blob;
  blob[600] ^= std::byte{1};
  EXPECT_FALSE(gpu::upload(blob, loaded.tensor->view, nullptr).ok());
}

}  // namespace
}  // namespace unweight::gpu_testing
