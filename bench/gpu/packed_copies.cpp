// SPDX-License-Identifier: BSD-3-Clause
#include "packed_copies.h"

#include "bench_machine.h"

namespace unweight::bench {
namespace {

constexpr std::uint64_t kAlignment = 256;
constexpr int kPoison = 0xa5;

std::uint64_t aligned(std::uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

gpu::Extents measure_extents(const Matrix& matrix, Family family, cudaStream_t stream) {
  const gpu::Extents bounds = gpu::worst_case_extents(family, matrix.rows, matrix.cols);
  const RotatingBuffers memory(1, gpu::packed_tensor_bytes(bounds));
  const gpu::PackedTensor tensor = gpu::place_packed_tensor(bounds, memory.at(0));
  const auto workspace = take(
      gpu::DeviceBuffer::allocate(gpu::encode_workspace_bytes(family, matrix.rows, matrix.cols)),
      "encode workspace");
  require(gpu::encode(matrix.view(), tensor, workspace.data(), workspace.bytes(), stream),
          "encode");
  return exact_extents(tensor, stream);
}

}  // namespace

RotatingBuffers::RotatingBuffers(std::uint32_t num_copies, std::uint64_t bytes)
    : num_copies_(num_copies),
      stride_(aligned(bytes)),
      memory_(take(gpu::DeviceBuffer::allocate(num_copies * stride_), "rotating copies")) {}

void RotatingBuffers::poison(cudaStream_t stream) const {
  require(cudaMemsetAsync(memory_.data(), kPoison, memory_.bytes(), stream), "cudaMemset");
}

Matrix::Matrix(Weights weights_, std::uint64_t rows_, std::uint64_t cols_, cudaStream_t stream)
    : weights(weights_),
      rows(rows_),
      cols(cols_),
      memory(take(gpu::DeviceBuffer::allocate(2 * rows_ * cols_), "weights")) {
  constexpr std::uint64_t kSeed = 2026;
  make_weights(weights, rows, cols, kSeed, memory.as<std::uint16_t>(), stream);
}

gpu::Extents exact_extents(const gpu::PackedTensor& tensor, cudaStream_t stream) {
  const gpu::EncodeOutcome outcome = take(gpu::encode_outcome(tensor, stream), "encode_outcome");
  if (!outcome.fits) give_up("encode: the outcome does not fit the extents");
  gpu::Extents extents = tensor.extents;
  extents.num_verbatim_rows = outcome.num_verbatim_rows;
  extents.stream_bytes = outcome.stream_bytes;
  extents.max_chunk_stream_bytes = outcome.max_chunk_stream_bytes;
  return extents;
}

PackedCopies::PackedCopies(const Matrix& matrix, Family family, std::uint32_t num_copies,
                           cudaStream_t stream)
    : extents(measure_extents(matrix, family, stream)),
      tensor_bytes(gpu::packed_tensor_bytes(extents)),
      buffers_(num_copies, tensor_bytes) {
  for (std::uint32_t copy = 0; copy < num_copies; ++copy)
    tensors.push_back(gpu::place_packed_tensor(extents, buffers_.at(copy)));
  const auto workspace = take(
      gpu::DeviceBuffer::allocate(gpu::encode_workspace_bytes(family, matrix.rows, matrix.cols)),
      "encode workspace");
  require(gpu::encode(matrix.view(), tensors[0], workspace.data(), workspace.bytes(), stream),
          "encode into exact extents");
  (void)exact_extents(tensors[0], stream);
  for (std::uint32_t copy = 1; copy < num_copies; ++copy)
    require(cudaMemcpyAsync(buffers_.at(copy), buffers_.at(0), tensor_bytes,
                            cudaMemcpyDeviceToDevice, stream),
            "copy of a packed tensor");
}

std::uint64_t count_wrong_weights(const Matrix& matrix, const gpu::PackedTensor& tensor,
                                  std::uint16_t* scratch, cudaStream_t stream) {
  require(cudaMemsetAsync(scratch, kPoison, matrix.bytes(), stream), "cudaMemset");
  require(gpu::decode(tensor, {scratch, matrix.rows, matrix.cols, matrix.cols}, stream), "decode");
  return count_differences(matrix.data(), scratch, matrix.num_weights(), stream);
}

}  // namespace unweight::bench
