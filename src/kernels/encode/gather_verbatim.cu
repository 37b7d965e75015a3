// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   weights -> verbatim_positions and verbatim_rows, in the order of chunk, tile, step, lane
// Bound by:   reading the tiles that have verbatim rows again; few, where packing pays
// Requires:   verbatim_index and record.outcome as place_chunks leaves them, record.code_of
// Threads:    a warp a chunk
#include "kernels/encode/encode_params.h"
#include "kernels/encode/source_tile.cuh"

namespace unweight::kernels {
namespace {

constexpr std::uint32_t kThreads = 256;
constexpr std::uint32_t kWarps = kThreads / layout::kLanes;

struct SharedStorage {
  alignas(128) std::uint8_t stages[kWarps][kStageBytes];
  std::uint8_t code_of[256];
};

/// Exponents of a lane's row, byte k that of weight i = 8*step + k.
__device__ uint2 row_exponents(const std::uint32_t (&registers)[4]) {
  std::uint32_t e[4];
#pragma unroll
  for (std::uint32_t r = 0; r < 4; ++r) e[r] = registers[r] >> 7 & 0x00ff00ffu;  // bytes 0 and 2
  return {__byte_perm(e[0], e[1], 0x6420), __byte_perm(e[2], e[3], 0x6420)};
}

__device__ bool has_outside(uint2 exponents, const std::uint8_t* code_of) {
  std::uint32_t outside = 0;
#pragma unroll
  for (std::uint32_t k = 0; k < 4; ++k) {
    outside |= code_of[exponents.x >> 8 * k & 0xff] | code_of[exponents.y >> 8 * k & 0xff];
  }
  return (outside & 0x80) != 0;  // kNotInPalette; codes are below 16
}

/// Returns the number of verbatim rows of the tile.
__device__ std::uint32_t gather_tile(const EncodeParams& params, SharedStorage& shared,
                                     const std::uint32_t (&fragments)[layout::kSteps][4],
                                     std::uint32_t tile_in_chunk, std::uint64_t first_row,
                                     std::uint32_t lane) {
  std::uint32_t rows = 0;
#pragma unroll
  for (std::uint32_t step = 0; step < layout::kSteps; ++step) {
    const uint2 exponents = row_exponents(fragments[step]);
    const bool verbatim = has_outside(exponents, shared.code_of);
    const std::uint32_t lanes = __ballot_sync(~0u, verbatim);
    const std::uint64_t row = first_row + rows + __popc(lanes & ((1u << lane) - 1));
    if (verbatim && row < params.verbatim_capacity) {
      params.verbatim_positions[row] = codec::pack_verbatim_position(tile_in_chunk, step, lane);
      reinterpret_cast<uint2*>(params.verbatim_rows)[row] = exponents;
    }
    rows += __popc(lanes);
  }
  return rows;
}

__global__ void __launch_bounds__(kThreads) gather_verbatim(const __grid_constant__ EncodeParams params) {
  __shared__ SharedStorage shared;
  if (params.record->outcome.num_verbatim_rows == 0) return;
  shared.code_of[threadIdx.x] = params.record->code_of[threadIdx.x];
  const std::uint16_t padding =
      codec::join_weight(params.record->palette[params.record->padding_code], 0);
  __syncthreads();
  const std::uint32_t lane = threadIdx.x % layout::kLanes, warp = threadIdx.x / layout::kLanes;
  const std::uint32_t stage = ptx::shared_address(shared.stages[warp]);
  const auto num_chunks = static_cast<std::uint32_t>(params.grid.num_chunks());
  const auto tiles_per_strip = static_cast<std::uint32_t>(params.grid.tiles_per_strip());
  for (std::uint32_t chunk = blockIdx.x * kWarps + warp; chunk < num_chunks;
       chunk += gridDim.x * kWarps) {
    const codec::VerbatimIndexEntry entry = params.verbatim_index[chunk];
    std::uint64_t row = entry.first_verbatim_row;
    for (std::uint32_t left = entry.tile_mask; left != 0; left &= left - 1) {
      const std::uint32_t t = __ffs(static_cast<int>(left)) - 1;
      const TilePieces pieces =
          load_tile(params, chunk * layout::kChunkTiles + t, tiles_per_strip, lane, padding);
      std::uint32_t fragments[layout::kSteps][4];
      to_fragments(pieces, stage, lane, fragments);
      row += gather_tile(params, shared, fragments, t, row, lane);
    }
  }
}

}  // namespace

cudaError_t launch_gather_verbatim(const EncodeParams& params, std::uint32_t num_sms,
                                   cudaStream_t stream) {
  static_assert(kThreads == 256, "one thread an entry of code_of");
  gather_verbatim<<<num_sms * 4, kThreads, 0, stream>>>(params);
  return cudaGetLastError();
}

}  // namespace unweight::kernels
