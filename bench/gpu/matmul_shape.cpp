// SPDX-License-Identifier: BSD-3-Clause
#include "matmul_shape.h"

#include "bench_machine.h"
#include "launch_graph.h"
#include "layout/tile_order.h"

namespace unweight::bench {
namespace {

using gpu::WeightForm;

constexpr int kPoison = 0xa5;
constexpr std::uint64_t kSeedOfX = 4711;
constexpr std::uint64_t kWorkspaceBytes = 64 << 20;

void copy_first_to_others(const RotatingBuffers& buffers, std::uint64_t bytes,
                          cudaStream_t stream) {
  for (std::uint32_t copy = 1; copy < buffers.size(); ++copy)
    require(
        cudaMemcpyAsync(buffers.at(copy), buffers.at(0), bytes, cudaMemcpyDeviceToDevice, stream),
        "copy of weights");
}

/// The form with the fewest bytes decides: its copies are what the cache may hold most of.
std::uint32_t copies_for(WeightShape shape, std::uint64_t l2_bytes) {
  return num_rotating_copies(shape.n * shape.k * 23 / 16, l2_bytes);
}

}  // namespace

MatmulShape::MatmulShape(const MatmulArguments& arguments, WeightShape shape, bool with_rows,
                         std::uint64_t l2_bytes, cudaStream_t stream)
    : stream_(stream),
      weights_(shape.weights),
      original_(shape.weights, shape.n, shape.k, stream),
      num_copies_(copies_for(shape, l2_bytes)),
      palette_(original_, Family::kPalette, num_copies_, stream),
      x_(Weights::kNormal, arguments.most_tokens(), shape.k, stream),
      decoded_(take(gpu::DeviceBuffer::allocate(original_.bytes()), "decoded weights")),
      workspace_(take(gpu::DeviceBuffer::allocate(kWorkspaceBytes), "workspace")) {
  require(gpu::prepare_matmul_workspace(workspace_.data(), workspace_.bytes(), stream),
          "prepare_matmul_workspace");
  make_weights(Weights::kNormal, x_.rows, x_.cols, kSeedOfX, x_.memory.as<std::uint16_t>(), stream);
  for (gpu::DeviceBuffer& y : y_)
    y = take(gpu::DeviceBuffer::allocate(2 * arguments.most_tokens() * shape.n), "y");
  if (arguments.has(WeightForm::kRadix))
    radix_.emplace(original_, Family::kRadix, num_copies_, stream);
  if (arguments.has(WeightForm::kTiles)) make_tiles();
  if (arguments.has(WeightForm::kExponents)) make_exponents();
  if (with_rows) {
    rows_.emplace(num_copies_, original_.bytes());
    require(cudaMemcpyAsync(rows_->at(0), original_.data(), original_.bytes(),
                            cudaMemcpyDeviceToDevice, stream),
            "copy of weights");
    copy_first_to_others(*rows_, original_.bytes(), stream);
  }
  require(cudaStreamSynchronize(stream), "weights of a shape");
}

std::uint64_t MatmulShape::num_tiles() const {
  return layout::TileGrid{original_.rows, original_.cols}.num_tiles();
}

void MatmulShape::make_tiles() {
  const std::uint64_t bytes = num_tiles() * layout::kTileWeightSectionBytes;
  tiles_.emplace(num_copies_, bytes);
  require(gpu::decode_to_tiles(palette_.tensors[0], tiles_->at(0), stream_), "decode_to_tiles");
  copy_first_to_others(*tiles_, bytes, stream_);
}

void MatmulShape::make_exponents() {
  const std::uint64_t bytes = num_tiles() * layout::kTileByteSectionBytes;
  exponents_.emplace(num_copies_, bytes);
  const PackedCopies huffman(original_, Family::kHuffman, 1, stream_);
  require(gpu::decode_exponents(huffman.tensors[0], exponents_->at(0), stream_),
          "decode_exponents");
  copy_first_to_others(*exponents_, bytes, stream_);
  require(cudaStreamSynchronize(stream_), "decode_exponents");  // huffman goes
}

gpu::MatmulWeights MatmulShape::weights(WeightForm form, std::uint32_t copy) const {
  // sign_mantissa is the same section in all families, so the palette's serves kExponents.
  gpu::MatmulWeights weights{form, palette_.tensors[copy], nullptr, nullptr};
  if (form == WeightForm::kRadix) weights.packed = radix_->tensors[copy];
  if (form == WeightForm::kExponents) weights.exponents = exponents_->at(copy);
  if (form == WeightForm::kTiles) weights.tiles = tiles_->at(copy);
  return weights;
}

std::uint64_t MatmulShape::stored_bytes(WeightForm form) const {
  if (form == WeightForm::kPalette) return palette_.tensor_bytes;
  if (form == WeightForm::kRadix) return radix_->tensor_bytes;
  return num_tiles() * layout::kTileWeightSectionBytes;
}

double MatmulShape::bits_per_weight(WeightForm form) const {
  return 8.0 * static_cast<double>(stored_bytes(form)) /
         static_cast<double>(original_.num_weights());
}

const std::uint16_t* MatmulShape::rows(std::uint32_t copy) const {
  return reinterpret_cast<const std::uint16_t*>(rows_->at(copy));
}

gpu::MutableDeviceMatrix MatmulShape::decoded() const {
  return {decoded_.as<std::uint16_t>(), n(), k(), k()};
}

gpu::DeviceMatrix MatmulShape::x(std::uint64_t m) const {
  return {x_.data(), m, k(), k()};
}

gpu::MutableDeviceMatrix MatmulShape::y(std::uint32_t which, std::uint64_t m) const {
  return {y_[which].as<std::uint16_t>(), m, n(), n()};
}

void MatmulShape::poison_y(std::uint32_t which, std::uint64_t m) const {
  require(cudaMemsetAsync(y_[which].data(), kPoison, 2 * m * n(), stream_), "cudaMemset");
}

}  // namespace unweight::bench
