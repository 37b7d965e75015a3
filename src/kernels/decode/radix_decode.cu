// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   radix family -> BF16, row-major or in tile order; escapes
// Bound by:   memory: 1.44 bytes a weight read, 2 written
// Requires:   checked pointers and sizes; section contents may be anything
// Pipeline:   loads of 16, 16, 8, 4 and 2 bytes a lane; index, place in the chunk and escapes one
//             after the other meanwhile -> two digits at a time to exponents -> escapes over them
//             -> stage in shared memory (row-major only) -> stores of 128-byte rows. Latency is
//             hidden by other warps.
// Launch:     tile_decode.cuh
// Measured:   docs/kernels/palette-decode.md
#include "kernels/decode/escape_patch.cuh"
#include "kernels/decode/tile_decode.cuh"
#include "kernels/radix_digits.cuh"

namespace unweight::kernels {
namespace {

template <Kind kKind>
class RadixDecoder {
 public:
  __device__ explicit RadixDecoder(const DecodeParams& params)
      : base_(radix_base(params.record->palette[0])) {}

  __device__ __forceinline__ void decode(const DecodeParams& params, const DecodeTarget& target,
                                         const TileTask& task) const {
    const auto [tile, tiles_per_strip, stage, lane] = task;
    const LaneBytes bytes = load_lane_bytes(params.sign_mantissa, tile, lane);
    const std::uint8_t* codes = params.codes + std::uint64_t{tile} * codec::kTileRadixSectionBytes;
    const uint2 w01 = __ldcs(reinterpret_cast<const uint2*>(codes) + lane);
    const std::uint32_t w2 =
        __ldcs(reinterpret_cast<const std::uint32_t*>(codes + codec::kRadixPlane1) + lane);
    const std::uint32_t rest =
        __ldcs(reinterpret_cast<const std::uint16_t*>(codes + codec::kRadixPlane2) + lane);
    TileEscapes escapes(params, tile, lane);

    std::uint32_t words[layout::kSteps], exponents[16];
    auto& by_step = reinterpret_cast<std::uint32_t(&)[layout::kSteps][4]>(exponents);
    radix_step_words(w01.x, w01.y, w2, rest, words);
#pragma unroll
    for (std::uint32_t s = 0; s < layout::kSteps; ++s) {
      radix_exponents(base_, words[s], by_step[s]);
    }
    escapes.put_into(by_step, stage);
    if constexpr (kKind == Kind::kMatrix) {
      stage_tile(exponents, bytes, stage, lane);
      __syncwarp();
      const TilePlace place = TilePlace::of(tile, tiles_per_strip);
      store_staged_tiles<1>(params, target, place, place, false, stage, lane);
      __syncwarp();
    } else {
      store_weight_tile(exponents, bytes, target.out, tile, lane);
    }
  }

 private:
  std::uint32_t base_;
};

}  // namespace

cudaError_t launch_radix_decode(const DecodeParams& params, const DecodeTarget& target,
                                const gpu::LaunchLimits& limits, std::uint32_t max_sms,
                                cudaStream_t stream) {
  return launch_tiles<RadixDecoder>(params, target, limits, max_sms, stream);
}

}  // namespace unweight::kernels
