// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   record.exponent_counts[e] += weights with exponent e
// Bound by:   reading the weights once (2 bytes each); then 1 shared-memory atomic a weight
// Requires:   counts are zero
// Threads:    a warp takes segments of 2048 weights of a row; 16 bytes a lane and load
// Shared map: counters of lane_counters.cuh. An exponent's byte offset is e * 128, which is what
//             weight & 0x7f80 already is.
#include "kernels/encode/encode_params.h"
#include "kernels/encode/lane_counters.cuh"

namespace unweight::kernels {
namespace {

constexpr std::uint32_t kThreads = 1024;
constexpr std::uint32_t kSegmentElems = 2048;
constexpr std::uint32_t kLoads = kSegmentElems / (layout::kLanes * 8);  // 16-byte loads a lane
constexpr std::uint32_t kExponentBits = 0x7f80;

struct Params {
  const std::uint16_t* weights;
  std::uint64_t rows, cols, stride_elems;
  TensorRecord* record;
};

__device__ void count(std::uint32_t* lane_counters, std::uint32_t weight_bits) {
  auto* counter = reinterpret_cast<std::uint32_t*>(reinterpret_cast<char*>(lane_counters) +
                                                   (weight_bits & kExponentBits));
  atomicAdd(counter, 1u);
}

__device__ void count_pair(std::uint32_t* lane_counters, std::uint32_t two_weights) {
  count(lane_counters, two_weights);
  count(lane_counters, two_weights >> 16);
}

__device__ void count_segment(const std::uint16_t* segment, std::uint32_t num_elems,
                              std::uint32_t lane, std::uint32_t* lane_counters) {
  if (num_elems == kSegmentElems && reinterpret_cast<std::uintptr_t>(segment) % 16 == 0) {
    uint4 loaded[kLoads];
#pragma unroll
    for (std::uint32_t i = 0; i < kLoads; ++i) {
      loaded[i] = __ldcs(reinterpret_cast<const uint4*>(segment) + i * layout::kLanes + lane);
    }
#pragma unroll
    for (std::uint32_t i = 0; i < kLoads; ++i) {
      count_pair(lane_counters, loaded[i].x);
      count_pair(lane_counters, loaded[i].y);
      count_pair(lane_counters, loaded[i].z);
      count_pair(lane_counters, loaded[i].w);
    }
  } else {
    for (std::uint32_t i = lane; i < num_elems; i += layout::kLanes) {
      count(lane_counters, segment[i]);
    }
  }
}

__global__ void __launch_bounds__(kThreads) count_exponents(Params params) {
  __shared__ std::uint32_t counters[kLaneCounters];
  clear_lane_counters<kThreads>(counters);
  __syncthreads();

  const std::uint32_t lane = threadIdx.x % layout::kLanes;
  const std::uint64_t segments_per_row = (params.cols + kSegmentElems - 1) / kSegmentElems;
  const std::uint64_t num_segments = params.rows * segments_per_row;
  const std::uint32_t warps = gridDim.x * (kThreads / layout::kLanes);
  for (std::uint64_t segment =
           blockIdx.x * (kThreads / layout::kLanes) + threadIdx.x / layout::kLanes;
       segment < num_segments; segment += warps) {
    const std::uint64_t row = segment / segments_per_row;
    const std::uint64_t col = segment % segments_per_row * kSegmentElems;
    const std::uint64_t left = params.cols - col;
    count_segment(params.weights + row * params.stride_elems + col,
                  left < kSegmentElems ? static_cast<std::uint32_t>(left) : kSegmentElems, lane,
                  counters + lane);
  }
  __syncthreads();
  add_lane_counters(counters, params.record->exponent_counts.data());
}

}  // namespace

cudaError_t launch_count_exponents(const EncodeParams& params, std::uint32_t num_sms,
                                   cudaStream_t stream) {
  Params p{params.weights, params.grid.rows, params.grid.cols, params.stride_elems, params.record};
  if (p.stride_elems == p.cols || p.rows == 1) {  // one long row
    p.cols = p.rows * p.cols;
    p.rows = 1;
  }
  count_exponents<<<num_sms, kThreads, 0, stream>>>(p);
  return cudaGetLastError();
}

}  // namespace unweight::kernels
