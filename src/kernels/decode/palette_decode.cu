// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   palette family -> BF16, row-major or in tile order; any palette, verbatim rows
// Bound by:   memory: 1.5 bytes a weight read, 2 written
// Requires:   checked pointers and sizes; section contents may be anything
// Pipeline:   16-byte loads -> exponents by byte permutes -> stage in shared memory (row-major
// only)
//             -> verbatim rows over it -> stores of 128-byte rows. Latency is hidden by other
//             warps.
// Launch:     tile_decode.cuh
// Measured, Rejected: docs/kernels/palette-decode.md
#include "kernels/decode/tile_decode.cuh"
#include "kernels/decode/verbatim_patch.cuh"
#include "kernels/palette_codes.cuh"

namespace unweight::kernels {
namespace {

template <Kind kKind>
class PaletteDecoder {
 public:
  __device__ explicit PaletteDecoder(const DecodeParams& params)
      : palette_(load_palette(params.record->palette)) {}

  __device__ __forceinline__ void decode(const DecodeParams& params, const DecodeTarget& target,
                                         const TileTask& task) const {
    const auto [tile, tiles_per_strip, stage, lane] = task;
    const LaneBytes bytes = load_lane_bytes(params.sign_mantissa, tile, lane);
    const uint4 codes =
        __ldcs(reinterpret_cast<const uint4*>(params.codes +
                                              std::uint64_t{tile} * layout::kTileCodeSectionBytes) +
               lane);
    const std::uint32_t mask = params.verbatim_index[tile / layout::kChunkTiles].tile_mask;
    std::uint32_t exponents[16];
    step_exponents(palette_, codes.x, exponents);
    step_exponents(palette_, codes.y, exponents + 4);
    step_exponents(palette_, codes.z, exponents + 8);
    step_exponents(palette_, codes.w, exponents + 12);
    const std::uint32_t chunk = tile / layout::kChunkTiles, in_chunk = tile % layout::kChunkTiles;
    const bool verbatim = (mask >> in_chunk & 1) != 0;
    if constexpr (kKind == Kind::kMatrix) {
      stage_tile(exponents, bytes, stage, lane);
      __syncwarp();
      if (verbatim) {
        VerbatimWindow(params, verbatim_range(params, chunk), lane).patch_stage(in_chunk, stage);
        __syncwarp();
      }
      const TilePlace place = TilePlace::of(tile, tiles_per_strip);
      store_staged_tiles<1>(params, target, place, place, false, stage, lane);
      __syncwarp();
    } else {
      store_weight_tile(exponents, bytes, target.out, tile, lane);
      __syncwarp();
      if (verbatim)
        patch_verbatim<kKind>(params, target, verbatim_range(params, chunk), chunk, in_chunk, 1,
                              lane);
    }
  }

 private:
  PaletteRegisters palette_;
};

}  // namespace

cudaError_t launch_palette_decode(const DecodeParams& params, const DecodeTarget& target,
                                  const gpu::LaunchLimits& limits, std::uint32_t max_sms,
                                  cudaStream_t stream) {
  return launch_tiles<PaletteDecoder>(params, target, limits, max_sms, stream);
}

}  // namespace unweight::kernels
