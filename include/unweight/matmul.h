// SPDX-License-Identifier: BSD-3-Clause
//
// Y = X W^T on the CPU, from weights that stay compressed: what runs where no GPU is, and what GPU
// results are compared with. gpu_matmul.h is the GPU's.
//
//   X  M x K, BF16, row-major    a row is one token's activations
//   W  N x K, a packed tensor    a row is one output feature; any family
//   Y  M x N, BF16, row-major
//
//   UNWEIGHT_TRY_ASSIGN(const CpuWeights weights, CpuWeights::open(blob));   once
//   UNWEIGHT_TRY_ASSIGN(CpuMatmul cpu, CpuMatmul::create());                 once
//   UNWEIGHT_TRY(cpu.matmul(weights, x, y));                                 for every multiply
//
// Every output is one sum in fp32, always in the same order: 16 partial sums, number k % 16 taking
// its products in ascending k by fused multiply-add from +0; then partial sums l and l + 8 are
// added, l and l + 4, l and l + 2, l and l + 1; then bias; then residual; then it is rounded to
// BF16 once, to nearest even. So the bits do not depend on the number of threads, on the
// instruction set, on M or on the weights' family. NaN and infinities propagate as IEEE 754 has
// it; a NaN result is 0x7fff. The caller's floating-point environment must be the default one
// (nearest even, subnormals kept).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "unweight/codec.h"
#include "unweight/result.h"

namespace unweight {

/// A packed tensor that has been validated down to the last code, so that multiplies check
/// nothing. Copies share one state; the blob is not owned and must outlive them, unchanged.
class CpuWeights {
 public:
  /// Checks header, indices and checksums of `blob`, and that every Huffman string decodes; takes
  /// about as long as one multiply by a vector. `blob`: 8-byte aligned host memory.
  /// num_threads 0: all cores. Errors: kInvalidArgument (alignment), kInvalidFormat,
  /// kChecksumMismatch, kUnsupported, kOutOfMemory.
  [[nodiscard]] static Result<CpuWeights> open(std::span<const std::byte> blob,
                                               unsigned num_threads = 0);

  [[nodiscard]] std::uint64_t rows() const noexcept;  ///< N, output features
  [[nodiscard]] std::uint64_t cols() const noexcept;  ///< K, input features
  [[nodiscard]] Family family() const noexcept;

  struct State;

 private:
  friend class CpuMatmul;
  explicit CpuWeights(std::shared_ptr<const State> state) noexcept : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

/// Added in fp32 before rounding, in this order; null for none.
struct CpuMatmulEpilogue {
  const std::uint16_t* bias = nullptr;      ///< [N] BF16
  const std::uint16_t* residual = nullptr;  ///< M x N BF16, row-major; may be y itself
  std::uint64_t residual_stride_elems = 0;  ///< >= N
};

/// Threads and scratch memory that multiplies share. One multiply at a time per object.
class CpuMatmul {
 public:
  /// num_threads 0: all cores. Error: kOutOfMemory.
  [[nodiscard]] static Result<CpuMatmul> create(unsigned num_threads = 0);
  CpuMatmul(CpuMatmul&&) noexcept;
  CpuMatmul& operator=(CpuMatmul&&) noexcept;
  ~CpuMatmul();

  /// y = x W^T [+ bias] [+ residual]. x: M x K, y: M x N, host memory, any strides >= cols; M, N
  /// and K may be 0 (a sum over nothing is 0). y must not overlap anything that is read, but
  /// residual may be y with y's stride. Weights are decoded once for about 1000 tokens. Errors:
  /// kInvalidArgument (dimensions, strides, null pointers; y is then as it was), kOutOfMemory,
  /// kInvalidFormat (the blob was changed after open()).
  [[nodiscard]] Result<void> matmul(const CpuWeights& weights, const MatrixView& x,
                                    const MutableMatrixView& y,
                                    const CpuMatmulEpilogue& epilogue = {});

  /// y = silu(x gate^T) * (x up^T), silu(g) = g / (1 + exp(-g)); in fp32, rounded once. gate and
  /// up have the same dimensions, families may differ. The exponential is the C library's: bits
  /// may differ between machines with different ones. Errors: as matmul().
  [[nodiscard]] Result<void> matmul_swiglu(const CpuWeights& gate, const CpuWeights& up,
                                           const MatrixView& x, const MutableMatrixView& y);

 private:
  struct State;
  explicit CpuMatmul(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace unweight
