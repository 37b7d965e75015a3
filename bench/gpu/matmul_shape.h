// SPDX-License-Identifier: BSD-3-Clause
//
// What the matmuls of one weight shape read and write: the same synthetic weights in every form, in
// as many copies as a timing rotates; activations; two outputs.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <optional>

#include "gpu/device_memory.h"
#include "matmul_options.h"
#include "packed_copies.h"
#include "unweight/gpu_matmul.h"

namespace unweight::bench {

class MatmulShape {
 public:
  /// Forms as the arguments say (palette always); BF16 rows in copies too if with_rows.
  MatmulShape(const MatmulArguments& arguments, WeightShape shape, bool with_rows,
              std::uint64_t l2_bytes, cudaStream_t stream);

  [[nodiscard]] std::uint64_t n() const { return original_.rows; }
  [[nodiscard]] std::uint64_t k() const { return original_.cols; }
  [[nodiscard]] Weights kind() const { return weights_; }
  [[nodiscard]] std::uint32_t num_copies() const { return num_copies_; }
  [[nodiscard]] cudaStream_t stream() const { return stream_; }

  [[nodiscard]] gpu::MatmulWeights weights(gpu::WeightForm form, std::uint32_t copy) const;
  [[nodiscard]] std::uint64_t stored_bytes(gpu::WeightForm form) const;
  [[nodiscard]] double bits_per_weight(gpu::WeightForm form) const;

  /// BF16, row-major: the original; its copies.
  [[nodiscard]] const std::uint16_t* original() const { return original_.data(); }
  [[nodiscard]] const std::uint16_t* rows(std::uint32_t copy) const;
  /// Where a decoder may put BF16 rows before somebody multiplies them.
  [[nodiscard]] gpu::MutableDeviceMatrix decoded() const;

  [[nodiscard]] gpu::DeviceMatrix x(std::uint64_t m) const;
  /// which: 0 or 1.
  [[nodiscard]] gpu::MutableDeviceMatrix y(std::uint32_t which, std::uint64_t m) const;
  void poison_y(std::uint32_t which, std::uint64_t m) const;
  /// Enough for any config.
  [[nodiscard]] const gpu::DeviceBuffer& workspace() const { return workspace_; }

 private:
  [[nodiscard]] std::uint64_t num_tiles() const;
  void make_tiles();
  void make_exponents();

  cudaStream_t stream_ = nullptr;
  Weights weights_ = Weights::kNormal;
  Matrix original_;
  std::uint32_t num_copies_ = 0;
  PackedCopies palette_;
  std::optional<PackedCopies> radix_;
  std::optional<RotatingBuffers> tiles_, exponents_, rows_;
  Matrix x_;
  gpu::DeviceBuffer decoded_, y_[2], workspace_;
};

}  // namespace unweight::bench
