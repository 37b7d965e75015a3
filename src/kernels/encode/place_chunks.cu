// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   exclusive prefix sums over the chunks: chunk_bytes -> stream_offset of chunk_streams;
//             verbatim rows -> first_verbatim_row of verbatim_index; totals and whether they fit
//             -> record.outcome; the zeros behind the last chunk's stream
// Bound by:   latency; one CTA, 1024 chunks (33.5 million weights) a round
#include "kernels/encode/encode_params.h"

namespace unweight::kernels {
namespace {

constexpr std::uint32_t kThreads = 1024;
constexpr std::uint32_t kWarps = kThreads / 32;
constexpr std::uint32_t kWarpThreads = 32;

struct Sums {
  unsigned long long stream_bytes, verbatim_rows;
};

__device__ Sums operator+(Sums a, Sums b) {
  return {a.stream_bytes + b.stream_bytes, a.verbatim_rows + b.verbatim_rows};
}

__device__ Sums shuffle_up(Sums v, std::uint32_t by) {
  return {__shfl_up_sync(~0u, v.stream_bytes, by), __shfl_up_sync(~0u, v.verbatim_rows, by)};
}

__device__ Sums inclusive_in_warp(Sums v) {
#pragma unroll
  for (std::uint32_t by = 1; by < kWarpThreads; by *= 2) {
    const Sums before = shuffle_up(v, by);
    if (threadIdx.x % kWarpThreads >= by) v = v + before;
  }
  return v;
}

// Sum of the values of all threads before this one; `total` gets that of all threads.
__device__ Sums exclusive_in_cta(Sums value, Sums* warp_sums, Sums& total) {
  const std::uint32_t warp = threadIdx.x / kWarpThreads, lane = threadIdx.x % kWarpThreads;
  const Sums inclusive = inclusive_in_warp(value);
  if (lane == kWarpThreads - 1) warp_sums[warp] = inclusive;
  __syncthreads();
  if (warp == 0) warp_sums[lane] = inclusive_in_warp(warp_sums[lane]);
  __syncthreads();
  Sums before{inclusive.stream_bytes - value.stream_bytes,
              inclusive.verbatim_rows - value.verbatim_rows};
  if (warp > 0) before = before + warp_sums[warp - 1];
  total = warp_sums[kWarps - 1];
  __syncthreads();
  return before;
}

__device__ void write_outcome(const EncodeParams& params, Sums totals, std::uint32_t longest) {
  const std::uint64_t stream_bytes =
      params.huffman() ? totals.stream_bytes + codec::kStreamTailBytes : 0;
  gpu::EncodeOutcome& outcome = params.record->outcome;
  outcome.num_verbatim_rows = totals.verbatim_rows;
  outcome.stream_bytes = stream_bytes;
  outcome.max_chunk_stream_bytes = longest;
  outcome.fits =
      totals.verbatim_rows <= params.verbatim_capacity && stream_bytes <= params.stream_capacity;
  if (!params.huffman() || stream_bytes > params.stream_capacity) return;
  for (std::uint32_t i = 0; i < codec::kStreamTailBytes; ++i) {
    params.stream[totals.stream_bytes + i] = 0;
  }
}

__global__ void __launch_bounds__(kThreads)
    place_chunks(const __grid_constant__ EncodeParams params) {
  static_assert(kWarps == kWarpThreads);
  __shared__ Sums warp_sums[kWarps];
  __shared__ std::uint32_t longest;
  if (threadIdx.x == 0) longest = 0;
  __syncthreads();
  const auto num_chunks = static_cast<std::uint32_t>(params.grid.num_chunks());
  Sums running{0, 0};
  for (std::uint32_t first = 0; first < num_chunks; first += kThreads) {
    const std::uint32_t chunk = first + threadIdx.x;
    Sums mine{0, 0};
    if (chunk < num_chunks) {
      if (params.huffman()) mine.stream_bytes = params.chunk_bytes[chunk];
      mine.verbatim_rows = params.verbatim_index[chunk].first_verbatim_row;
    }
    Sums total;
    const Sums before = running + exclusive_in_cta(mine, warp_sums, total);
    if (chunk < num_chunks) {
      params.verbatim_index[chunk].first_verbatim_row =
          static_cast<std::uint32_t>(before.verbatim_rows);
      if (params.huffman()) {
        params.chunk_streams[chunk].packed |= before.stream_bytes;
        atomicMax(&longest, static_cast<std::uint32_t>(mine.stream_bytes));
      }
    }
    running = running + total;
  }
  __syncthreads();
  if (threadIdx.x == 0) write_outcome(params, running, longest);
}

}  // namespace

cudaError_t launch_place_chunks(const EncodeParams& params, cudaStream_t stream) {
  place_chunks<<<1, kThreads, 0, stream>>>(params);
  return cudaGetLastError();
}

}  // namespace unweight::kernels
