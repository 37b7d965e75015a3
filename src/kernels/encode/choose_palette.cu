// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   record.exponent_counts -> palette, palette_is_run, padding_code, code_of: the choice
//             of analysis/exponent_stats.h, to the bit
// Bound by:   latency; one CTA, a thread an exponent
#include "kernels/encode/encode_params.h"

namespace unweight::kernels {
namespace {

constexpr std::uint32_t kExponents = 256;
constexpr std::uint32_t kRunStarts = kExponents - codec::kPaletteSize + 1;
constexpr std::uint8_t kInfOrNanExponent = 255;
constexpr std::uint32_t kRunAllowanceLog2 = 15;

using Count = unsigned long long;

// Threads with a smaller index for which `flag` is set.
__device__ std::uint32_t rank_of_flag(bool flag, std::uint32_t* warp_masks) {
  const std::uint32_t warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const std::uint32_t mask = __ballot_sync(~0u, flag);
  if (lane == 0) warp_masks[warp] = mask;
  __syncthreads();
  std::uint32_t rank = __popc(mask & ((1u << lane) - 1));
  for (std::uint32_t w = 0; w < warp; ++w) rank += __popc(warp_masks[w]);
  __syncthreads();
  return rank;
}

// Most frequent entry that is not exponent 255, ties to the lower code; 255's code if nothing else
// occurs.
__device__ std::uint8_t padding_code(const Count* counts, const codec::Palette& palette) {
  std::uint8_t code = 0;
  Count most = 0;
  for (std::uint8_t c = 0; c < codec::kPaletteSize; ++c) {
    if (palette[c] == kInfOrNanExponent || counts[palette[c]] <= most) continue;
    most = counts[palette[c]];
    code = c;
  }
  const std::uint8_t last = codec::kPaletteSize - 1;
  if (most == 0 && palette[last] == kInfOrNanExponent && counts[kInfOrNanExponent] > 0) return last;
  return code;
}

__global__ void __launch_bounds__(kExponents) choose_palette(TensorRecord* record,
                                                             std::uint64_t num_weights) {
  __shared__ Count counts[kExponents], run_sums[kExponents], frequent_inside, run_inside;
  __shared__ std::uint32_t warp_masks[kExponents / 32], best_start;
  __shared__ codec::Palette palette;
  const std::uint32_t e = threadIdx.x;
  counts[e] = record->exponent_counts[e];
  if (e == 0) frequent_inside = 0;
  __syncthreads();

  std::uint32_t more_frequent = 0;
#pragma unroll 16
  for (std::uint32_t other = 0; other < kExponents; ++other) {
    more_frequent +=
        counts[other] > counts[e] || (counts[other] == counts[e] && other < e) ? 1 : 0;
  }
  const bool frequent = more_frequent < codec::kPaletteSize;
  if (frequent) atomicAdd(&frequent_inside, counts[e]);

  Count sum = 0;
  for (std::uint32_t i = 0; i < codec::kPaletteSize && e < kRunStarts; ++i) sum += counts[e + i];
  run_sums[e] = sum;
  __syncthreads();
  bool best = e < kRunStarts;
#pragma unroll 16
  for (std::uint32_t other = 0; other < kRunStarts; ++other) {
    if (run_sums[other] > sum || (run_sums[other] == sum && other < e)) best = false;
  }
  if (best) {
    best_start = e;
    run_inside = sum;
  }
  __syncthreads();

  const bool is_run = frequent_inside - run_inside <= num_weights >> kRunAllowanceLog2;
  const bool in_run = e - best_start < codec::kPaletteSize;
  const bool in_palette = is_run ? in_run : frequent;
  const std::uint32_t code = rank_of_flag(in_palette, warp_masks);
  record->code_of[e] = in_palette ? static_cast<std::uint8_t>(code) : codec::kNotInPalette;
  if (in_palette) palette[code] = static_cast<std::uint8_t>(e);
  __syncthreads();
  if (e < codec::kPaletteSize) record->palette[e] = palette[e];
  if (e == 0) {
    record->palette_is_run = palette[codec::kPaletteSize - 1] - palette[0] + 1 == codec::kPaletteSize;
    record->padding_code = padding_code(counts, palette);
  }
}

}  // namespace

cudaError_t launch_choose_palette(const EncodeParams& params, cudaStream_t stream) {
  choose_palette<<<1, kExponents, 0, stream>>>(params.record, params.grid.num_elems());
  return cudaGetLastError();
}

}  // namespace unweight::kernels
