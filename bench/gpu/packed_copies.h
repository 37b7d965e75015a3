// SPDX-License-Identifier: BSD-3-Clause
//
// A matrix of synthetic weights, its packed tensors, and as many copies of them as a timing
// rotates.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <vector>

#include "gpu/device_memory.h"
#include "synthetic_weights.h"
#include "unweight/gpu.h"

namespace unweight::bench {

/// Equal buffers, one after the other, each at a multiple of 256 bytes.
class RotatingBuffers {
 public:
  RotatingBuffers(std::uint32_t num_copies, std::uint64_t bytes);
  [[nodiscard]] std::byte* at(std::uint32_t copy) const { return memory_.data() + copy * stride_; }
  [[nodiscard]] std::uint32_t size() const { return num_copies_; }
  /// Fills everything with bytes that no decoder and no encoder would leave behind by chance.
  void poison(cudaStream_t stream) const;

 private:
  std::uint32_t num_copies_ = 0;
  std::uint64_t stride_ = 0;
  gpu::DeviceBuffer memory_;
};

/// The original of one case, on the device.
struct Matrix {
  Matrix(Weights weights, std::uint64_t rows, std::uint64_t cols, cudaStream_t stream);

  [[nodiscard]] std::uint64_t num_weights() const { return rows * cols; }
  [[nodiscard]] std::uint64_t bytes() const { return 2 * num_weights(); }
  [[nodiscard]] const std::uint16_t* data() const { return memory.as<std::uint16_t>(); }
  [[nodiscard]] gpu::DeviceMatrix view() const { return {data(), rows, cols, cols}; }

  Weights weights = Weights::kNormal;
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
  gpu::DeviceBuffer memory;
};

/// Exact extents of a tensor that encode() wrote within `bounds`. Waits.
[[nodiscard]] gpu::Extents exact_extents(const gpu::PackedTensor& tensor, cudaStream_t stream);

/// Encoded on the GPU: once to learn its exact extents, once into exactly those, then copied.
struct PackedCopies {
  PackedCopies(const Matrix& matrix, Family family, std::uint32_t num_copies, cudaStream_t stream);

  gpu::Extents extents;
  std::vector<gpu::PackedTensor> tensors;
  std::uint64_t tensor_bytes = 0;  ///< of one, record and alignment included

 private:
  RotatingBuffers buffers_;
};

/// How many weights of `tensor`, decoded into `scratch` (matrix.bytes()), differ from the original.
[[nodiscard]] std::uint64_t count_wrong_weights(const Matrix& matrix,
                                                const gpu::PackedTensor& tensor,
                                                std::uint16_t* scratch, cudaStream_t stream);

}  // namespace unweight::bench
