// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   record.exponent_counts -> palette, palette_is_run, padding_code, code_of: the choice
//             of analysis/exponent_stats.h, to the bit; kRadix: the best run of 11 exponents
// Bound by:   latency; one CTA, a thread an exponent
#include "codec/radix_format.h"
#include "kernels/encode/encode_params.h"

namespace unweight::kernels {
namespace {

constexpr std::uint32_t kExponents = 256;
constexpr std::uint32_t kRunStarts = kExponents - codec::kPaletteSize + 1;
static_assert(kRunStarts == codec::kMaxRadixBase + 1, "radix runs begin where palettes may");
constexpr std::uint8_t kInfOrNanExponent = 255;
constexpr std::uint32_t kRunAllowanceLog2 = 15;

using Count = unsigned long long;

struct Run {
  std::uint32_t start;
  Count inside;
};

// The run of kLength exponents with most weights, ties to the lower start. By all threads.
template <std::uint32_t kLength>
__device__ Run best_run(const Count* counts) {
  __shared__ Count run_sums[kExponents];
  __shared__ Run run;
  const std::uint32_t e = threadIdx.x;
  Count sum = 0;
  for (std::uint32_t i = 0; i < kLength && e < kRunStarts; ++i) sum += counts[e + i];
  run_sums[e] = sum;
  __syncthreads();
  bool best = e < kRunStarts;
#pragma unroll 16
  for (std::uint32_t other = 0; other < kRunStarts; ++other) {
    if (run_sums[other] > sum || (run_sums[other] == sum && other < e)) best = false;
  }
  if (best) run = {e, sum};
  __syncthreads();
  return run;
}

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

__global__ void __launch_bounds__(kExponents)
    choose_palette(TensorRecord* record, std::uint64_t num_weights) {
  __shared__ Count counts[kExponents], frequent_inside;
  __shared__ std::uint32_t warp_masks[kExponents / 32];
  __shared__ codec::Palette palette;
  const std::uint32_t e = threadIdx.x;
  counts[e] = record->exponent_counts[e];
  if (e == 0) frequent_inside = 0;
  __syncthreads();

  std::uint32_t more_frequent = 0;
#pragma unroll 16
  for (std::uint32_t other = 0; other < kExponents; ++other) {
    more_frequent += counts[other] > counts[e] || (counts[other] == counts[e] && other < e) ? 1 : 0;
  }
  const bool frequent = more_frequent < codec::kPaletteSize;
  if (frequent) atomicAdd(&frequent_inside, counts[e]);

  const Run run = best_run<codec::kPaletteSize>(counts);
  const bool is_run = frequent_inside - run.inside <= num_weights >> kRunAllowanceLog2;
  const bool in_run = e - run.start < codec::kPaletteSize;
  const bool in_palette = is_run ? in_run : frequent;
  const std::uint32_t code = rank_of_flag(in_palette, warp_masks);
  record->code_of[e] = in_palette ? static_cast<std::uint8_t>(code) : codec::kNotInPalette;
  if (in_palette) palette[code] = static_cast<std::uint8_t>(e);
  __syncthreads();
  if (e < codec::kPaletteSize) record->palette[e] = palette[e];
  if (e == 0) {
    record->palette_is_run =
        palette[codec::kPaletteSize - 1] - palette[0] + 1 == codec::kPaletteSize;
    record->padding_code = padding_code(counts, palette);
  }
}

__global__ void __launch_bounds__(kExponents) choose_radix_run(TensorRecord* record) {
  __shared__ Count counts[kExponents];
  const std::uint32_t e = threadIdx.x;
  counts[e] = record->exponent_counts[e];
  __syncthreads();
  const Run run = best_run<codec::kRadix>(counts);
  const std::uint32_t digit = e - run.start;
  record->code_of[e] =
      digit < codec::kRadix ? static_cast<std::uint8_t>(digit) : codec::kNotInPalette;
  if (e < codec::kPaletteSize) record->palette[e] = static_cast<std::uint8_t>(run.start + e);
  if (e != 0) return;
  std::uint32_t most_frequent = 0;
  for (std::uint32_t d = 1; d < codec::kRadix; ++d) {
    if (counts[run.start + d] > counts[run.start + most_frequent]) most_frequent = d;
  }
  record->palette_is_run = 1;
  record->padding_code = static_cast<std::uint8_t>(most_frequent);
}

}  // namespace

cudaError_t launch_choose_palette(const EncodeParams& params, cudaStream_t stream) {
  if (params.family == Family::kRadix) {
    choose_radix_run<<<1, kExponents, 0, stream>>>(params.record);
    return cudaGetLastError();
  }
  choose_palette<<<1, kExponents, 0, stream>>>(params.record, params.grid.num_elems());
  return cudaGetLastError();
}

}  // namespace unweight::kernels
