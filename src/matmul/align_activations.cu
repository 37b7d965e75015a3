// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   a copy of the activations whose rows begin at multiples of 16 bytes
// Bound by:   nothing that matters: only for strides and bases that tensor copies cannot read
// Threads:    one an element
#include <algorithm>

#include "kernels/ptx/grid_moves.cuh"
#include "matmul/tensor_maps.h"

namespace unweight::matmul {
namespace {

constexpr std::uint32_t kThreads = 256;

__global__ void align_activations(const std::uint16_t* x, std::uint64_t rows, std::uint64_t cols,
                                  std::uint64_t stride, std::uint64_t out_stride,
                                  std::uint16_t* out) {
  const std::uint64_t step = std::uint64_t{gridDim.x} * kThreads;
  for (std::uint64_t i = std::uint64_t{blockIdx.x} * kThreads + threadIdx.x; i < rows * out_stride;
       i += step) {
    const std::uint64_t row = i / out_stride, col = i % out_stride;
    out[i] = col < cols ? x[row * stride + col] : 0;
  }
}

}  // namespace

cudaError_t launch_align_activations(const gpu::DeviceMatrix& x, std::uint16_t* out,
                                     cudaStream_t stream) {
  const std::uint64_t stride = aligned_stride(x.cols), elems = x.rows * stride;
  const auto ctas =
      static_cast<std::uint32_t>(std::min<std::uint64_t>((elems + kThreads - 1) / kThreads, 4096));
  align_activations<<<ctas, kThreads, 0, stream>>>(x.data, x.rows, x.cols, x.row_stride_elems,
                                                   stride, out);
  return cudaGetLastError();
}

}  // namespace unweight::matmul
