// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   Huffman family -> BF16 (row-major or tile order), exponent bytes or palette codes
// Bound by:   memory (14336 x 4096 to BF16: 78 MB read, 117 MB written); on matrices of few chunks
// by
//             the chain of 512 look-ups that a lane's string is
// Requires:   checked pointers and sizes; section contents may be anything
// Threads:    a warp a chunk, each lane its own string; warps do not wait for each other
// Pipeline:   a chunk's stream comes by one bulk copy; sign_mantissa two tiles ahead, in registers;
//             BF16 goes through a stage of two tiles, so that stores are rows of 256 bytes
// Shared map: pair words 1 KiB | barriers | stages, as many as fit | decode table 16 KiB, at a
//             multiple of 16 KiB | the other stages | streams | slack
// Measured, Rejected: docs/kernels/huffman-decode.md
#pragma once

#include <cstdint>

#include "kernels/decode/decode_params.h"
#include "kernels/decode/decode_status.cuh"
#include "kernels/decode/huffman_sinks.cuh"
#include "kernels/decode/lane_reader.cuh"
#include "kernels/decode/verbatim_patch.cuh"
#include "kernels/ptx/warp_moves.cuh"
#include "kernels/warp_sums.cuh"
#include "unweight/gpu.h"

namespace unweight::kernels {

/// Sizes that depend on the tensor: of the launch, and of shared memory.
struct HuffmanShape {
  static constexpr std::uint32_t kMaxWarps = 24;
  /// BF16 by rows needs more than the 80 registers that 24 warps leave a thread.
  static constexpr std::uint32_t kMaxStagingWarps = 16;
  static constexpr std::uint32_t kVectorBytes = 16;
  /// A reader looks three words behind the one that holds the last bit of a string.
  static constexpr std::uint32_t kReadAheadBytes = 16;
  /// The first vector of a warp's share is empty: a reader begins one bit early.
  static constexpr std::uint32_t kLeadBytes = kVectorBytes;
  /// A corrupt stream can run on for 512 pairs of 15 bits beyond the warp's own stream: into the
  /// next warp's, and behind the last one's into this.
  static constexpr std::uint32_t kSlackBytes = 1024;

  std::uint32_t num_warps;
  std::uint32_t stream_bytes;  ///< a warp's share, a multiple of 16
  std::uint32_t stage_bytes;

  /// Dynamic shared memory that begins at address `begin`: behind what the system reserves.
  [[nodiscard]] std::uint32_t shared_bytes(std::uint32_t begin) const;
};

/// What begins the dynamic shared memory.
struct HuffmanShared {
  std::uint32_t pair_words[codec::kNumPairs];
  alignas(8) std::uint64_t barriers[HuffmanShape::kMaxWarps];
};

/// Where things are in shared memory, as addresses, from where the dynamic part begins.
struct HuffmanAddresses {
  static constexpr std::uint32_t kTableBytes = codec::kDecodeTableSize * sizeof(std::uint16_t);
  std::uint32_t head_stages;  ///< stages before the table
  std::uint32_t num_head_stages;
  std::uint32_t table;
  std::uint32_t tail_stages;
  std::uint32_t streams;
  std::uint32_t end;

  __host__ __device__ HuffmanAddresses(std::uint32_t begin, const HuffmanShape& shape) {
    constexpr std::uint32_t kAlign = 128;
    head_stages = (begin + std::uint32_t{sizeof(HuffmanShared)} + kAlign - 1) / kAlign * kAlign;
    table = (head_stages + kTableBytes - 1) / kTableBytes * kTableBytes;
    const std::uint32_t room = table - head_stages;
    num_head_stages = shape.stage_bytes == 0 ? 0 : room / shape.stage_bytes;
    if (num_head_stages > shape.num_warps) num_head_stages = shape.num_warps;
    tail_stages = table + kTableBytes;
    streams = tail_stages + (shape.num_warps - num_head_stages) * shape.stage_bytes;
    end = streams + shape.num_warps * shape.stream_bytes + HuffmanShape::kSlackBytes;
  }
  [[nodiscard]] __device__ std::uint32_t stage(const HuffmanShape& shape,
                                               std::uint32_t warp) const {
    return warp < num_head_stages ? head_stages + warp * shape.stage_bytes
                                  : tail_stages + (warp - num_head_stages) * shape.stage_bytes;
  }
};

inline std::uint32_t HuffmanShape::shared_bytes(std::uint32_t begin) const {
  return HuffmanAddresses(begin, *this).end - begin;
}

template <Kind kKind>
inline constexpr std::uint32_t kMaxWarps =
    kKind == Kind::kMatrix ? HuffmanShape::kMaxStagingWarps : HuffmanShape::kMaxWarps;

template <Kind kKind>
inline constexpr bool kNeedsSignMantissa = kKind == Kind::kMatrix || kKind == Kind::kTiles;

/// A chunk's stream: where the lane's string begins in shared memory, in bits, and what it must
/// come to.
struct LaneString {
  std::uint32_t first_bit, num_bits, filling;
  bool bad_index;

  /// kStatus... bits of a string whose codes ended at bit `end`.
  [[nodiscard]] __device__ std::uint32_t problems(std::uint32_t end) const {
    if (bad_index) return gpu::kStatusBadIndex;
    const std::uint32_t left = num_bits - (end - first_bit);
    return left > filling ? gpu::kStatusStreamMismatch : 0;
  }
};

/// Starts the bulk copy of the chunk's stream, as much of it as exists.
__device__ __forceinline__ LaneString fetch_stream(const DecodeParams& params,
                                                   const HuffmanShape& shape, std::uint32_t chunk,
                                                   std::uint32_t lane, std::uint32_t buffer,
                                                   std::uint32_t barrier) {
  const codec::ChunkStreamEntry& entry = params.chunk_streams[chunk];
  const std::uint32_t shift = entry.length_shift();
  const std::uint32_t bits =
      entry.min_lane_bits() + (std::uint32_t{entry.lane_delta[lane]} << shift);
  const std::uint32_t end_bit = inclusive_sum(bits, lane);
  const std::uint32_t bytes = (__shfl_sync(~0u, end_bit, layout::kLanes - 1) + 7) / 8;
  const std::uint64_t offset = entry.stream_offset();
  const auto phase = static_cast<std::uint32_t>(offset % HuffmanShape::kVectorBytes);
  const std::uint32_t wanted = (phase + bytes + HuffmanShape::kReadAheadBytes) /
                               HuffmanShape::kVectorBytes * HuffmanShape::kVectorBytes;
  // A sound entry ends 64 bytes or more before the section does.
  const bool sound = HuffmanShape::kLeadBytes + wanted <= shape.stream_bytes &&
                     offset <= params.stream_bytes &&
                     offset - phase + wanted <= params.stream_bytes;
  if (lane == 0) {
    const std::uint32_t copied = sound ? wanted : 0;
    ptx::fence_proxy_async_shared();  // the buffer's last readers were this warp's loads
    ptx::mbarrier_arrive_expect_tx(barrier, copied);
    if (copied != 0) {
      ptx::bulk_copy_to_shared(buffer + HuffmanShape::kLeadBytes, params.stream + (offset - phase),
                               copied, barrier);
    }
  }
  const std::uint32_t begin = sound ? 8 * phase + end_bit - bits : 0;
  return {8 * HuffmanShape::kLeadBytes + begin, bits, (1u << shift) - 1, !sound};
}

template <Kind kKind, bool kRun>
__device__ __forceinline__ void decode_tile(LaneReader& reader, std::uint32_t table,
                                            std::uint32_t run, const std::uint32_t* pair_words,
                                            std::uint32_t (&words)[16]) {
#pragma unroll
  for (std::uint32_t i = 0; i < codec::kLanePairs; i += 2) {
    std::uint32_t first, second;
    reader.read_two(table, first, second);
    words[i] = word_of_entry<kKind, kRun>(first, run, pair_words);
    words[i + 1] = word_of_entry<kKind, kRun>(second, run, pair_words);
  }
}

/// A lane's string that a bulk copy is bringing.
struct ArrivingString {
  LaneString string;
  std::uint32_t buffer, barrier, parity;

  [[nodiscard]] __device__ __forceinline__ LaneReader wait() const {
    ptx::mbarrier_wait(barrier, parity);
    return {buffer, string.first_bit};
  }
};

/// Decodes the chunk's tiles two by two; kStaged of them are gathered before they are stored.
/// Returns where the lane's codes ended.
template <Kind kKind, std::uint32_t kStaged, bool kRun>
__device__ __forceinline__ std::uint32_t decode_tiles(
    const DecodeParams& params, const DecodeTarget& target, const HuffmanShared& shared,
    std::uint32_t table, const ArrivingString& string, std::uint32_t first_tile,
    std::uint32_t num_tiles, std::uint32_t tiles_per_strip, std::uint32_t stage,
    std::uint32_t lane) {
  constexpr std::uint32_t kGroup = 2;
  const std::uint32_t run = params.record->palette[0] * 0x00800080u;
  TilePlace place = TilePlace::of(first_tile, tiles_per_strip);
  LaneBytes ahead[kGroup] = {};
  const auto fetch = [&](std::uint32_t t) {
    if constexpr (kNeedsSignMantissa<kKind>) {
#pragma unroll
      for (std::uint32_t i = 0; i < kGroup; ++i) {
        if (t + i < num_tiles) {
          ahead[i] = load_lane_bytes(params.sign_mantissa, first_tile + t + i, lane);
        }
      }
    }
  };
  fetch(0);
  const std::uint32_t chunk = first_tile / layout::kChunkTiles;
  const std::uint32_t tile_mask =
      kKind == Kind::kMatrix ? params.verbatim_index[chunk].tile_mask : 0;
  VerbatimWindow verbatim(params, tile_mask == 0 ? VerbatimRange{} : verbatim_range(params, chunk),
                          lane);
  LaneReader reader = string.wait();
  for (std::uint32_t t = 0; t < num_tiles; t += kGroup) {
    const LaneBytes bytes[kGroup] = {ahead[0], ahead[1]};
    fetch(t + kGroup);
    const std::uint32_t group_tiles = min(kGroup, num_tiles - t);
#pragma unroll
    for (std::uint32_t i = 0; i < kGroup; ++i) {
      if (i >= group_tiles) break;
      const std::uint32_t tile = first_tile + t + i;
      std::uint32_t words[16];
      decode_tile<kKind, kRun>(reader, table, run, shared.pair_words, words);
      if constexpr (kKind == Kind::kMatrix) {
        const std::uint32_t tile_stage = stage + i % kStaged * kStageBytes;
        stage_tile(words, bytes[i], tile_stage, lane);
        if (tile_mask >> (t + i) & 1) {
          __syncwarp();
          verbatim.patch_stage(t + i, tile_stage);
        }
        if (i % kStaged == kStaged - 1 || i == group_tiles - 1) {
          const TilePlace second = place.next(tiles_per_strip);
          __syncwarp();
          store_staged_tiles<kStaged>(params, target, place, second, i % kStaged == 1, stage, lane);
          __syncwarp();
          place = kStaged == 2 ? second.next(tiles_per_strip) : second;
        }
      } else if constexpr (kKind == Kind::kTiles) {
        store_weight_tile(words, bytes[i], target.out, tile, lane);
      } else if constexpr (kKind == Kind::kExponents) {
        store_exponent_tile(words, target.out, tile, lane);
      } else {
        store_code_tile(words, target.out, tile, lane);
      }
    }
  }
  return reader.position();
}

/// By all threads of the CTA.
template <Kind kKind>
__device__ __forceinline__ void make_tables(const TensorRecord& record, HuffmanShared& shared,
                                            const HuffmanAddresses& at,
                                            std::uint8_t* shared_bytes) {
  auto* table =
      reinterpret_cast<uint4*>(shared_bytes + (at.table - ptx::shared_address(shared_bytes)));
  for (std::uint32_t i = threadIdx.x; i < HuffmanAddresses::kTableBytes / sizeof(uint4);
       i += blockDim.x) {
    table[i] = reinterpret_cast<const uint4*>(record.decode_table.data())[i];
  }
  for (std::uint32_t pair = threadIdx.x; pair < codec::kNumPairs; pair += blockDim.x) {
    shared.pair_words[pair] = pair_word<kKind>(record.palette, pair);
  }
}

template <Kind kKind, std::uint32_t kStaged>
__global__ void __launch_bounds__(kMaxWarps<kKind>* layout::kLanes, 1)
    huffman_decode(const __grid_constant__ DecodeParams params,
                   const __grid_constant__ DecodeTarget target,
                   const __grid_constant__ HuffmanShape shape) {
  extern __shared__ __align__(128) std::uint8_t shared_bytes[];
  auto& shared = *reinterpret_cast<HuffmanShared*>(shared_bytes);
  const std::uint32_t lane = threadIdx.x % layout::kLanes, warp = threadIdx.x / layout::kLanes;
  const HuffmanAddresses at(ptx::shared_address(shared_bytes), shape);
  const std::uint32_t stage = at.stage(shape, warp);
  const auto num_chunks = static_cast<std::uint32_t>(params.grid.num_chunks());
  const auto tiles_per_strip = static_cast<std::uint32_t>(params.grid.tiles_per_strip());
  std::uint32_t chunk = warp * gridDim.x + blockIdx.x;
  ArrivingString arriving{
      {}, at.streams + warp * shape.stream_bytes, ptx::shared_address(&shared.barriers[warp]), 0};
  if (lane == 0) {
    ptx::mbarrier_init(arriving.barrier, 1);
    ptx::fence_mbarrier_init();
  }
  __syncwarp();
  const auto fetch = [&] {
    if (chunk < num_chunks) {
      arriving.string = fetch_stream(params, shape, chunk, lane, arriving.buffer, arriving.barrier);
    }
  };
  fetch();  // on its way while the tables are made
  make_tables<kKind>(*params.record, shared, at, shared_bytes);
  __syncthreads();

  // A record of an encoder or of a checked header says so; anything else decodes to garbage.
  const bool is_run = kKind == Kind::kCodes || params.record->palette_is_run != 0;
  while (chunk < num_chunks) {
    const std::uint32_t num_tiles = params.grid.chunk_tiles(chunk);
    const auto decode = [&]<bool kRun>() {
      return decode_tiles<kKind, kStaged, kRun>(params, target, shared, at.table, arriving,
                                                chunk * layout::kChunkTiles, num_tiles,
                                                tiles_per_strip, stage, lane);
    };
    const std::uint32_t end =
        is_run ? decode.template operator()<true>() : decode.template operator()<false>();
    report(params, arriving.string.problems(end));
    __syncwarp();
    const std::uint32_t decoded = chunk;
    chunk += gridDim.x * shape.num_warps;
    arriving.parity ^= 1;
    fetch();
    if constexpr (kKind == Kind::kTiles || kKind == Kind::kExponents) {
      if (params.verbatim_index[decoded].tile_mask != 0) {
        patch_verbatim<kKind>(params, target, verbatim_range(params, decoded), decoded, 0,
                              num_tiles, lane);
      }
    }
  }
}

struct HuffmanLaunch {
  HuffmanShape shape;
  std::uint64_t rounds;  ///< chunks of the busiest warp
};

/// As many warps as chunks and shared memory give work and room for, evenly loaded.
template <Kind kKind>
HuffmanLaunch huffman_shape(std::uint32_t max_chunk_stream_bytes, std::uint32_t staged_tiles,
                            std::uint64_t num_chunks, std::uint32_t num_ctas,
                            const gpu::LaunchLimits& limits) {
  HuffmanShape shape{};
  constexpr std::uint32_t kVector = HuffmanShape::kVectorBytes;
  shape.stream_bytes =
      (max_chunk_stream_bytes + kVector - 1 + HuffmanShape::kReadAheadBytes) / kVector * kVector +
      kVector + HuffmanShape::kLeadBytes;
  shape.stage_bytes = staged_tiles * kStageBytes;
  shape.num_warps = kMaxWarps<kKind>;
  while (shape.num_warps > 1 &&
         shape.shared_bytes(limits.reserved_shared_bytes) > limits.max_shared_bytes) {
    --shape.num_warps;
  }
  const std::uint64_t most = std::uint64_t{num_ctas} * shape.num_warps;
  const std::uint64_t rounds = (num_chunks + most - 1) / most;
  shape.num_warps =
      static_cast<std::uint32_t>((num_chunks + num_ctas * rounds - 1) / (num_ctas * rounds));
  return {shape, rounds};
}

template <Kind kKind, std::uint32_t kStaged>
cudaError_t launch_shape(const DecodeParams& params, const DecodeTarget& target,
                         const HuffmanShape& shape, std::uint32_t num_ctas,
                         const gpu::LaunchLimits& limits, cudaStream_t stream) {
  const auto kernel = huffman_decode<kKind, kStaged>;
  const cudaError_t status =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           static_cast<int>(limits.max_shared_bytes));
  if (status != cudaSuccess) return status;
  // More than half of an SM's shared memory: CTAs of a limited launch never share an SM.
  const std::uint32_t shared = std::max(shape.shared_bytes(limits.reserved_shared_bytes),
                                        limits.max_shared_bytes / 2 + 1024);
  kernel<<<num_ctas, shape.num_warps * layout::kLanes, shared, stream>>>(params, target, shape);
  return cudaGetLastError();
}

template <Kind kKind>
cudaError_t launch_huffman(const DecodeParams& params, const DecodeTarget& target,
                           const gpu::LaunchLimits& limits, std::uint32_t max_sms,
                           cudaStream_t stream) {
  const std::uint64_t num_chunks = params.grid.num_chunks();
  std::uint64_t ctas = std::min<std::uint64_t>(limits.num_sms, num_chunks);
  if (max_sms != 0) ctas = std::min<std::uint64_t>(ctas, max_sms);
  const auto num_ctas = static_cast<std::uint32_t>(ctas);
  const auto shape_with = [&](std::uint32_t staged_tiles) {
    return huffman_shape<kKind>(params.max_chunk_stream_bytes, staged_tiles, num_chunks, num_ctas,
                                limits);
  };
  if constexpr (kKind == Kind::kMatrix) {
    // Two staged tiles are better, unless their room costs a round of chunks.
    const HuffmanLaunch two = shape_with(2), one = shape_with(1);
    if (one.rounds < two.rounds) {
      return launch_shape<kKind, 1>(params, target, one.shape, num_ctas, limits, stream);
    }
    return launch_shape<kKind, 2>(params, target, two.shape, num_ctas, limits, stream);
  } else {
    return launch_shape<kKind, 0>(params, target, shape_with(0).shape, num_ctas, limits, stream);
  }
}

}  // namespace unweight::kernels
