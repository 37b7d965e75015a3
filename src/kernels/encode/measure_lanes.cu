// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   codes -> chunk_streams (stream_offset 0) and chunk_bytes
// Bound by:   reading the codes once (half a byte a weight) and a look-up a pair
// Requires:   record.code_lengths
// Threads:    a warp a chunk, each lane its own string
#include "kernels/encode/code_words.cuh"
#include "kernels/encode/encode_params.h"

namespace unweight::kernels {
namespace {

constexpr std::uint32_t kThreads = 256;
constexpr std::uint32_t kWarps = kThreads / layout::kLanes;
constexpr std::uint32_t kMaxDelta = 255;

__device__ std::uint32_t word_bits(std::uint32_t word, const std::uint8_t* lengths) {
  std::uint32_t bits = 0;
#pragma unroll
  for (std::uint32_t r = 0; r < 4; ++r) bits += lengths[pair_of_word(word, r)];
  return bits;
}

// codec/stream_entry.cpp: the smallest shift for which all deltas fit, deltas rounded up.
__device__ void write_entry(const EncodeParams& params, std::uint32_t chunk, std::uint32_t lane,
                            std::uint32_t code_bits) {
  const std::uint32_t shortest = __reduce_min_sync(~0u, code_bits);
  const std::uint32_t longest = __reduce_max_sync(~0u, code_bits);
  std::uint32_t shift = 0;
  while ((longest - shortest + (1u << shift) - 1) >> shift > kMaxDelta) ++shift;
  const std::uint32_t delta = (code_bits - shortest + (1u << shift) - 1) >> shift;
  const std::uint32_t total =
      __reduce_add_sync(~0u, shortest + (delta << shift));
  codec::ChunkStreamEntry& entry = params.chunk_streams[chunk];
  entry.lane_delta[lane] = static_cast<std::uint8_t>(delta);
  if (lane == 0) {
    entry.packed = codec::pack_stream_entry(0, shortest, shift);
    params.chunk_bytes[chunk] = (total + 7) / 8;
  }
}

__global__ void __launch_bounds__(kThreads) measure_lanes(const __grid_constant__ EncodeParams params) {
  __shared__ std::uint8_t lengths[codec::kNumPairs];
  if (threadIdx.x < codec::kNumPairs) lengths[threadIdx.x] = params.record->code_lengths[threadIdx.x];
  __syncthreads();
  const std::uint32_t lane = threadIdx.x % layout::kLanes, warp = threadIdx.x / layout::kLanes;
  const auto num_chunks = static_cast<std::uint32_t>(params.grid.num_chunks());
  for (std::uint32_t chunk = blockIdx.x * kWarps + warp; chunk < num_chunks;
       chunk += gridDim.x * kWarps) {
    const std::uint32_t num_tiles = params.grid.chunk_tiles(chunk);
    const auto* words = reinterpret_cast<const uint4*>(
                            params.codes + std::uint64_t{chunk} * layout::kChunkTiles *
                                               layout::kTileCodeSectionBytes) +
                        lane;
    std::uint32_t bits = 0;
#pragma unroll 8
    for (std::uint32_t tile = 0; tile < num_tiles; ++tile) {
      const uint4 w = words[tile * layout::kLanes];
      bits += word_bits(w.x, lengths) + word_bits(w.y, lengths) + word_bits(w.z, lengths) +
              word_bits(w.w, lengths);
    }
    write_entry(params, chunk, lane, bits);
  }
}

}  // namespace

cudaError_t launch_measure_lanes(const EncodeParams& params, std::uint32_t num_sms,
                                 cudaStream_t stream) {
  measure_lanes<<<num_sms * 4, kThreads, 0, stream>>>(params);
  return cudaGetLastError();
}

}  // namespace unweight::kernels
