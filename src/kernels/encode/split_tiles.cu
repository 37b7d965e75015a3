// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   weights -> sign_mantissa and codes in tile order; record.pair_counts (kHuffman);
//             per chunk the number of verbatim rows (kRadix: escapes) and the mask of tiles that
//             have any; per tile the number of escapes (kRadix)
// Bound by:   memory: reads 2 bytes a weight, writes 1.5 (kRadix: 1.44)
// Requires:   record.code_of; pair_counts and verbatim_index are zero
// Threads:    a warp a tile; tiles go round over all warps
// Pipeline:   row-major pieces -> stage in shared memory -> ldmatrix -> fragments -> split, look
// up,
//             pack -> 16-byte stores. Latency is hidden by 32 warps a SM.
// Shared map: pair counters (lane_counters.cuh) | stages
#include "kernels/encode/encode_params.h"
#include "kernels/encode/lane_counters.cuh"
#include "kernels/encode/source_tile.cuh"

namespace unweight::kernels {
namespace {

constexpr std::uint32_t kThreads = 512;
constexpr std::uint32_t kWarps = kThreads / layout::kLanes;
constexpr std::uint32_t kCtasPerSm = 2;

template <Family kFamily>
struct SharedStorage {
  std::uint32_t pair_counters[kFamily == Family::kHuffman ? kLaneCounters : 1];
  alignas(128) std::uint8_t stages[kWarps][kStageBytes];
  std::uint8_t code_of[256];
};

/// One lane's share of a tile, ready to be stored.
struct LaneTile {
  std::uint32_t sign_mantissa[8];       ///< bytes i = 0..31
  std::uint32_t codes[layout::kSteps];  ///< a word a step, as the code section has them
  std::uint32_t num_verbatim;           ///< rows that have a weight outside; kRadix: weights
};

/// sign_mantissa bytes of a register in bytes 0 and 2.
__device__ __forceinline__ std::uint32_t sign_mantissa_bytes(std::uint32_t two_weights) {
  return (two_weights & 0x007f007fu) | (two_weights >> 8 & 0x00800080u);
}

/// What register r's codes add to the word of their step.
template <Family kFamily>
__device__ __forceinline__ std::uint32_t codes_in_word(std::uint32_t r, std::uint32_t lo,
                                                       std::uint32_t hi) {
  if constexpr (kFamily != Family::kRadix) return lo << (4 * r) | hi << (16 + 4 * r);
  const std::uint32_t digits =
      lo << codec::radix_field_shift(r, 0) | hi << codec::radix_field_shift(r, 1);
  return r % 2 == 0 ? codec::kRadix * digits : digits;
}

template <Family kFamily>
__device__ __forceinline__ LaneTile split(const std::uint32_t (&fragments)[layout::kSteps][4],
                                          SharedStorage<kFamily>& shared, std::uint32_t lane,
                                          std::uint32_t padding_code) {
  LaneTile out;
  out.num_verbatim = 0;
#pragma unroll
  for (std::uint32_t s = 0; s < layout::kSteps; ++s) {
    std::uint32_t word = 0, outside = 0;
#pragma unroll
    for (std::uint32_t r = 0; r < 4; ++r) {
      const std::uint32_t weights = fragments[s][r];
      std::uint32_t lo = shared.code_of[weights >> 7 & 0xff];
      std::uint32_t hi = shared.code_of[weights >> 23 & 0xff];
      outside |= lo | hi;  // kNotInPalette has bit 7, codes have not
      if constexpr (kFamily == Family::kRadix) out.num_verbatim += (lo >> 7) + (hi >> 7);
      lo = lo == codec::kNotInPalette ? padding_code : lo;
      hi = hi == codec::kNotInPalette ? padding_code : hi;
      word += codes_in_word<kFamily>(r, lo, hi);
      if constexpr (kFamily == Family::kHuffman) {
        atomicAdd(&shared.pair_counters[(lo | hi << 4) * layout::kLanes + lane], 1u);
      }
    }
    out.codes[s] = word;
    if constexpr (kFamily != Family::kRadix) out.num_verbatim += outside >> 7;
#pragma unroll
    for (std::uint32_t half = 0; half < 2; ++half) {
      out.sign_mantissa[2 * s + half] =
          __byte_perm(sign_mantissa_bytes(fragments[s][2 * half]),
                      sign_mantissa_bytes(fragments[s][2 * half + 1]), 0x6420);
    }
  }
  return out;
}

template <Family kFamily>
__device__ __forceinline__ void store_codes(const EncodeParams& params, std::uint32_t tile,
                                            std::uint32_t lane,
                                            const std::uint32_t (&words)[layout::kSteps]) {
  if constexpr (kFamily == Family::kRadix) {
    const codec::RadixLane packed = codec::pack_radix_lane(words);
    std::uint8_t* section = params.codes + std::uint64_t{tile} * codec::kTileRadixSectionBytes;
    reinterpret_cast<uint2*>(section)[lane] = {packed.words[0], packed.words[1]};
    reinterpret_cast<std::uint32_t*>(section + codec::kRadixPlane1)[lane] = packed.words[2];
    reinterpret_cast<std::uint16_t*>(section + codec::kRadixPlane2)[lane] = packed.rest;
  } else {
    reinterpret_cast<uint4*>(params.codes +
                             std::uint64_t{tile} * layout::kTileCodeSectionBytes)[lane] = {
        words[0], words[1], words[2], words[3]};
  }
}

template <Family kFamily>
__device__ __forceinline__ void note_verbatim(const EncodeParams& params, std::uint32_t tile,
                                              std::uint32_t lane, std::uint32_t num_of_lane) {
  const std::uint32_t num = __reduce_add_sync(~0u, num_of_lane);
  if (lane != 0) return;
  if constexpr (kFamily == Family::kRadix) {
    params.tile_escapes[tile] = static_cast<std::uint16_t>(num);
  }
  if (num == 0) return;
  codec::VerbatimIndexEntry& entry = params.verbatim_index[tile / layout::kChunkTiles];
  atomicAdd(&entry.first_verbatim_row, num);
  atomicOr(&entry.tile_mask, 1u << tile % layout::kChunkTiles);
}

template <Family kFamily>
__global__ void __launch_bounds__(kThreads, kCtasPerSm)
    split_tiles(const __grid_constant__ EncodeParams params) {
  extern __shared__ __align__(128) std::uint8_t shared_bytes[];
  auto& shared = *reinterpret_cast<SharedStorage<kFamily>*>(shared_bytes);
  if constexpr (kFamily == Family::kHuffman) clear_lane_counters<kThreads>(shared.pair_counters);
  if (threadIdx.x < 256) shared.code_of[threadIdx.x] = params.record->code_of[threadIdx.x];
  const std::uint32_t padding_code = params.record->padding_code;
  const std::uint16_t padding = codec::join_weight(params.record->palette[padding_code], 0);
  __syncthreads();

  const std::uint32_t lane = threadIdx.x % layout::kLanes, warp = threadIdx.x / layout::kLanes;
  const std::uint32_t stage = ptx::shared_address(shared.stages[warp]);
  const auto num_tiles = static_cast<std::uint32_t>(params.grid.num_tiles());
  const auto tiles_per_strip = static_cast<std::uint32_t>(params.grid.tiles_per_strip());
  for (std::uint32_t tile = blockIdx.x * kWarps + warp; tile < num_tiles;
       tile += gridDim.x * kWarps) {
    const TilePieces pieces = load_tile(params, tile, tiles_per_strip, lane, padding);
    std::uint32_t fragments[layout::kSteps][4];
    to_fragments(pieces, stage, lane, fragments);
    const LaneTile out = split<kFamily>(fragments, shared, lane, padding_code);

    auto* bytes = reinterpret_cast<uint4*>(params.sign_mantissa +
                                           std::uint64_t{tile} * layout::kTileByteSectionBytes) +
                  lane;
    const std::uint32_t(&sm)[8] = out.sign_mantissa;
    __stcs(bytes, uint4{sm[0], sm[1], sm[2], sm[3]});
    __stcs(bytes + layout::kLanes, uint4{sm[4], sm[5], sm[6], sm[7]});
    store_codes<kFamily>(params, tile, lane, out.codes);
    note_verbatim<kFamily>(params, tile, lane, out.num_verbatim);
  }

  if constexpr (kFamily == Family::kHuffman) {
    __syncthreads();
    add_lane_counters(shared.pair_counters, params.record->pair_counts.data());
  }
}

template <Family kFamily>
cudaError_t launch(const EncodeParams& params, std::uint32_t num_sms, cudaStream_t stream) {
  constexpr std::size_t kShared = sizeof(SharedStorage<kFamily>);
  const cudaError_t status = cudaFuncSetAttribute(
      split_tiles<kFamily>, cudaFuncAttributeMaxDynamicSharedMemorySize, kShared);
  if (status != cudaSuccess) return status;
  split_tiles<kFamily><<<num_sms * kCtasPerSm, kThreads, kShared, stream>>>(params);
  return cudaGetLastError();
}

}  // namespace

cudaError_t launch_split_tiles(const EncodeParams& params, std::uint32_t num_sms,
                               cudaStream_t stream) {
  switch (params.family) {
    case Family::kPalette:
      return launch<Family::kPalette>(params, num_sms, stream);
    case Family::kHuffman:
      return launch<Family::kHuffman>(params, num_sms, stream);
    case Family::kRadix:
      return launch<Family::kRadix>(params, num_sms, stream);
    case Family::kRaw:
      break;
  }
  return cudaErrorInvalidValue;
}

}  // namespace unweight::kernels
