// SPDX-License-Identifier: BSD-3-Clause
#include "codec_cases.h"

#include <fmt/format.h>

#include <algorithm>

#include "layout/tile_order.h"
#include "stream_fork.h"
#include "unweight/gpu.h"

namespace unweight::bench {
namespace {

/// A replay moves about this much, so that its beginning and end do not count.
constexpr std::uint64_t kBytesPerReplay = std::uint64_t{3} << 29;
constexpr std::uint32_t kBatchTensors = 8;
constexpr std::uint32_t kBatchStreams = 4;

/// What a row says, besides the time.
struct Measured {
  std::string op;
  Family family = Family::kHuffman;
  std::uint32_t sms = 0;
  std::uint64_t num_tensors = 1;
  std::uint64_t stored_bytes = 0;  // of all tensors of a launch
  std::uint64_t moved_bytes = 0;   // read + written, the least that the operation can do with
};

/// A decoder: from one packed tensor to one output.
struct Decoder {
  std::string op;
  Family family = Family::kHuffman;
  std::uint32_t sms = 0;  // 0: all
  std::uint64_t out_bytes = 0;
  bool reads_sign_mantissa = true;
  std::function<void(const gpu::PackedTensor&, std::byte* out, cudaStream_t,
                     const gpu::DecodeOptions&)>
      enqueue;
  /// 16-bit words that are wrong.
  std::function<std::uint64_t(const gpu::PackedTensor&, std::byte* out)> count_wrong;
};

class CodecCase {
 public:
  CodecCase(const CodecSettings& settings, const Matrix& matrix, cudaStream_t stream,
            std::vector<Row>* results)
      : settings_(settings),
        matrix_(matrix),
        stream_(stream),
        results_(results),
        tiles_(layout::TileGrid{matrix.rows, matrix.cols}.num_tiles()),
        scratch_(take(gpu::DeviceBuffer::allocate(matrix.bytes()), "scratch")),
        status_(take(gpu::DeviceBuffer::allocate(sizeof(std::uint32_t)), "status")) {}

  [[nodiscard]] bool wants(const std::string& op, std::uint32_t sms = 0) const {
    return settings_.wanted(fmt::format("{}/{}/{}x{}/{}", op, weights_name(matrix_.weights),
                                        matrix_.rows, matrix_.cols, sms_of(sms)));
  }

  void run_decoders(const std::vector<std::uint32_t>& sm_limits) {
    std::vector<Decoder> decoders{to_rows("full_decode", Family::kHuffman, 0),
                                  to_tiles("decode_to_tiles", Family::kHuffman),
                                  to_exponents(),
                                  to_codes(),
                                  to_rows("palette_decode", Family::kPalette, 0),
                                  to_rows("radix_decode", Family::kRadix, 0),
                                  to_tiles("radix_to_tiles", Family::kRadix)};
    for (const std::uint32_t sms : sm_limits)
      decoders.push_back(to_rows("full_decode", Family::kHuffman, sms));
    for (const Decoder& decoder : decoders)
      if (wants(decoder.op, decoder.sms)) run(decoder);
  }

  void run_encoders() {
    if (wants("encode_huffman")) run_encoder("encode_huffman", Family::kHuffman, 1);
    if (wants("encode_palette")) run_encoder("encode_palette", Family::kPalette, 1);
    if (wants("encode_radix")) run_encoder("encode_radix", Family::kRadix, 1);
    if (wants("encode_batched")) run_encoder("encode_batched", Family::kHuffman, kBatchTensors);
  }

 private:
  [[nodiscard]] std::uint32_t sms_of(std::uint32_t limit) const {
    return limit == 0 ? settings_.machine.num_sms : limit;
  }

  // ---- decoders ----

  Decoder to_rows(const std::string& op, Family family, std::uint32_t sms) {
    return {op,
            family,
            sms,
            matrix_.bytes(),
            true,
            [this](const gpu::PackedTensor& tensor, std::byte* out, cudaStream_t stream,
                   const gpu::DecodeOptions& options) {
              const gpu::MutableDeviceMatrix rows{reinterpret_cast<std::uint16_t*>(out),
                                                  matrix_.rows, matrix_.cols, matrix_.cols};
              require(gpu::decode(tensor, rows, stream, options), "decode");
            },
            [this](const gpu::PackedTensor&, std::byte* out) {
              return count_differences(matrix_.data(), out, matrix_.num_weights(), stream_);
            }};
  }

  Decoder to_tiles(const std::string& op, Family family) {
    return {op,
            family,
            0,
            tiles_ * layout::kTileWeightSectionBytes,
            true,
            [](const gpu::PackedTensor& tensor, std::byte* out, cudaStream_t stream,
               const gpu::DecodeOptions& options) {
              require(gpu::decode_to_tiles(tensor, out, stream, options), "decode_to_tiles");
            },
            [this](const gpu::PackedTensor&, std::byte* out) {
              expect_tiles(matrix_.data(), matrix_.rows, matrix_.cols, scratch_.data(), stream_);
              return count_differences(scratch_.data(), out, tiles_ * layout::kTileElems, stream_);
            }};
  }

  Decoder to_exponents() {
    return {
        "decode_exponents",
        Family::kHuffman,
        0,
        tiles_ * layout::kTileByteSectionBytes,
        false,
        [](const gpu::PackedTensor& tensor, std::byte* out, cudaStream_t stream,
           const gpu::DecodeOptions& options) {
          require(gpu::decode_exponents(tensor, out, stream, options), "decode_exponents");
        },
        [this](const gpu::PackedTensor&, std::byte* out) {
          expect_exponents(matrix_.data(), matrix_.rows, matrix_.cols, scratch_.data(), stream_);
          return count_differences(scratch_.data(), out, tiles_ * layout::kTileElems / 2, stream_);
        }};
  }

  // Right if the same tensor, with these codes, is a palette tensor of the original.
  Decoder to_codes() {
    return {"transcode",
            Family::kHuffman,
            0,
            tiles_ * layout::kTileCodeSectionBytes,
            false,
            [](const gpu::PackedTensor& tensor, std::byte* out, cudaStream_t stream,
               const gpu::DecodeOptions& options) {
              require(gpu::transcode_to_codes(tensor, out, stream, options), "transcode_to_codes");
            },
            [this](const gpu::PackedTensor& tensor, std::byte* out) {
              gpu::PackedTensor palette = tensor;
              palette.extents.family = Family::kPalette;
              palette.codes = out;
              return count_wrong_weights(matrix_, palette, scratch_.as<std::uint16_t>(), stream_);
            }};
  }

  void run(const Decoder& decoder) {
    const std::uint64_t stored = PackedCopies(matrix_, decoder.family, 1, stream_).tensor_bytes;
    const std::uint64_t read =
        stored -
        (decoder.reads_sign_mantissa ? 0 : tiles_ * std::uint64_t{layout::kTileByteSectionBytes});
    const std::uint32_t copies =
        num_rotating_copies(std::min(read, decoder.out_bytes), settings_.machine.l2_bytes);
    const PackedCopies packed(matrix_, decoder.family, copies, stream_);
    const RotatingBuffers out(copies, decoder.out_bytes);

    gpu::DecodeOptions options;
    options.launch.max_sms = decoder.sms;
    options.status = status_.as<std::uint32_t>();
    require(cudaMemsetAsync(status_.data(), 0, status_.bytes(), stream_), "cudaMemset");
    LaunchGraph graph(copies, passes(copies, read + decoder.out_bytes), stream_,
                      [&](std::uint32_t copy, cudaStream_t stream) {
                        decoder.enqueue(packed.tensors[copy], out.at(copy), stream, options);
                      });
    out.poison(stream_);
    graph.replay();
    for (std::uint32_t copy = 0; copy < copies; ++copy)
      expect_none_wrong(decoder.op, decoder.count_wrong(packed.tensors[copy], out.at(copy)));
    expect_clear_status(decoder.op);
    add({decoder.op, decoder.family, sms_of(decoder.sms), 1, stored, read + decoder.out_bytes},
        graph.time(settings_.sampling));
  }

  // ---- encoders ----

  // A launch encodes `batch` tensors, on several streams if there are several.
  void run_encoder(const std::string& op, Family family, std::uint32_t batch) {
    const gpu::Extents bounds = gpu::worst_case_extents(family, matrix_.rows, matrix_.cols);
    const std::uint64_t stored = PackedCopies(matrix_, family, 1, stream_).tensor_bytes;
    const std::uint64_t moved = batch * (matrix_.bytes() + stored);
    const std::uint32_t copies =
        num_rotating_copies(batch * std::min(matrix_.bytes(), stored), settings_.machine.l2_bytes);
    const std::uint32_t num_streams = std::min(batch, kBatchStreams);
    const RotatingBuffers originals(copies * batch, matrix_.bytes());
    const RotatingBuffers packed(copies * batch, gpu::packed_tensor_bytes(bounds));
    const RotatingBuffers workspaces(
        num_streams, gpu::encode_workspace_bytes(family, matrix_.rows, matrix_.cols));
    for (std::uint32_t i = 0; i < originals.size(); ++i)
      require(cudaMemcpyAsync(originals.at(i), matrix_.data(), matrix_.bytes(),
                              cudaMemcpyDeviceToDevice, stream_),
              "copy of the original");

    const auto encode = [&](std::uint32_t tensor, std::uint32_t lane, cudaStream_t stream) {
      const gpu::DeviceMatrix original{reinterpret_cast<const std::uint16_t*>(originals.at(tensor)),
                                       matrix_.rows, matrix_.cols, matrix_.cols};
      require(gpu::encode(original, gpu::place_packed_tensor(bounds, packed.at(tensor)),
                          workspaces.at(lane),
                          gpu::encode_workspace_bytes(family, matrix_.rows, matrix_.cols), stream),
              "encode");
    };
    const StreamFork fork(num_streams);
    LaunchGraph graph(
        copies, passes(copies, moved), stream_, [&](std::uint32_t copy, cudaStream_t stream) {
          fork.begin(stream);
          for (std::uint32_t i = 0; i < batch; ++i)
            encode(copy * batch + i, i % num_streams, fork.stream(i % num_streams, stream));
          fork.join(stream);
        });
    packed.poison(stream_);
    graph.replay();
    for (std::uint32_t i = 0; i < packed.size(); ++i) {
      gpu::PackedTensor tensor = gpu::place_packed_tensor(bounds, packed.at(i));
      tensor.extents = exact_extents(tensor, stream_);
      expect_none_wrong(
          op, count_wrong_weights(matrix_, tensor, scratch_.as<std::uint16_t>(), stream_));
    }
    add({op, family, sms_of(0), batch, batch * stored, moved}, graph.time(settings_.sampling));
  }

  // ---- both ----

  static std::uint32_t passes(std::uint32_t copies, std::uint64_t moved_bytes) {
    return static_cast<std::uint32_t>(kBytesPerReplay / (copies * moved_bytes) + 1);
  }

  void expect_none_wrong(const std::string& op, std::uint64_t num_wrong) const {
    if (num_wrong != 0)
      give_up(fmt::format("{} of {}x{} {}: {} words are wrong; nothing is timed", op, matrix_.rows,
                          matrix_.cols, weights_name(matrix_.weights), num_wrong));
  }

  void expect_clear_status(const std::string& op) const {
    std::uint32_t status = 0;
    require(cudaMemcpy(&status, status_.data(), sizeof status, cudaMemcpyDeviceToHost), "status");
    if (status != 0) give_up(fmt::format("{}: status {}", op, status));
  }

  void add(const Measured& m, const Timing& timing) {
    const auto gb_s = [&](std::uint64_t bytes) {
      return static_cast<double>(bytes) / timing.us / 1000;
    };
    const double tensors = static_cast<double>(m.num_tensors);
    const double at_ceiling_us =
        static_cast<double>(m.moved_bytes) / settings_.ceilings.copy_tb_s / 1e6;
    results_->push_back({{"op", m.op},
                         {"N", matrix_.rows},
                         {"K", matrix_.cols},
                         {"family", std::string(family_name(m.family))},
                         {"weights", std::string(weights_name(matrix_.weights))},
                         {"bits_per_weight", 8 * static_cast<double>(m.stored_bytes) / tensors /
                                                 static_cast<double>(matrix_.num_weights())},
                         {"us", timing.us},
                         {"us_min", timing.us_min},
                         {"us_max", timing.us_max},
                         {"bf16_gb_s", gb_s(m.num_tensors * matrix_.bytes())},
                         {"stored_gb_s", gb_s(m.stored_bytes)},
                         {"moved_bytes", m.moved_bytes},
                         {"x_copy_ceiling", timing.us / at_ceiling_us},
                         {"num_tensors", m.num_tensors},
                         {"sms", std::uint64_t{m.sms}},
                         {"baseline", nullptr}});
  }

  const CodecSettings& settings_;
  const Matrix& matrix_;
  cudaStream_t stream_ = nullptr;
  std::vector<Row>* results_ = nullptr;
  std::uint64_t tiles_ = 0;
  gpu::DeviceBuffer scratch_;
  gpu::DeviceBuffer status_;
};

}  // namespace

void run_codec_case(const CodecSettings& settings, Weights weights, std::uint64_t rows,
                    std::uint64_t cols, const std::vector<std::uint32_t>& sm_limits,
                    std::vector<Row>* results) {
  const auto stream = take(gpu::OwnedStream::create(), "stream");
  const Matrix matrix(weights, rows, cols, stream.get());
  CodecCase codec_case(settings, matrix, stream.get(), results);
  codec_case.run_decoders(sm_limits);
  codec_case.run_encoders();
}

}  // namespace unweight::bench
