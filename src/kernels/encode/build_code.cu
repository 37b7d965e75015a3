// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   record.pair_counts -> code_lengths, code_bits, decode_table, max_code_length,
//             single_symbol: package-merge and canonical code of codec/huffman_code.cpp, to the bit
// Bound by:   latency; one CTA
// Pipeline:   package-merge (Larmore & Hirschberg 1990) is 13 merges of two sorted lists. A merge is
//             done at once: the place of an element is its own rank plus the number of elements of
//             the other list that go before it, by binary search. On ties symbols go first.
// Rejected:   one thread, as the CPU does it: about 0.4 ms of dependent shared-memory accesses.
#include "kernels/encode/encode_params.h"

namespace unweight::kernels {
namespace {

constexpr std::uint32_t kThreads = 1024;
constexpr std::uint32_t kSymbols = codec::kNumPairs;
constexpr std::uint32_t kLevels = codec::kMaxCodeLength;
using Weight = unsigned long long;

struct SharedStorage {
  Weight counts[kSymbols];
  Weight sorted[kSymbols];      // of the pairs that occur, ascending (ties: lower pair first)
  Weight coins[2][2 * kSymbols];  // the list of this level and of the one below
  std::uint16_t symbol_place[kLevels][kSymbols];  // where symbol s stands in each level's list
  std::uint8_t pair_at[kSymbols];                 // rank -> pair
  std::uint8_t lengths[kSymbols];                 // by pair
  std::uint32_t num_with_length[kLevels + 1];
  std::uint32_t first_code[kLevels + 1], first_index[kLevels + 1];
  std::uint8_t canonical[kSymbols];  // pairs by (length, pair)
  std::uint32_t most_frequent;
};

// Number of elements of list[0..n) that are < weight (or <= weight): list ascends.
__device__ std::uint32_t count_below(const Weight* list, std::uint32_t n, Weight weight,
                                     bool or_equal) {
  std::uint32_t low = 0, high = n;
  while (low < high) {
    const std::uint32_t middle = (low + high) / 2;
    const bool below = or_equal ? list[middle] <= weight : list[middle] < weight;
    low = below ? middle + 1 : low;
    high = below ? high : middle;
  }
  return low;
}

// Pairs that occur, ascending by (count, pair); returns how many.
__device__ std::uint32_t sort_symbols(SharedStorage& shared) {
  const std::uint32_t p = threadIdx.x;
  const bool occurs = p < kSymbols && shared.counts[p] != 0;
  std::uint32_t rank = 0, more_frequent = 0;
  if (p < kSymbols) {
#pragma unroll 16
    for (std::uint32_t q = 0; q < kSymbols; ++q) {
      const Weight mine = shared.counts[p], other = shared.counts[q];
      rank += other != 0 && (other < mine || (other == mine && q < p)) ? 1 : 0;
      more_frequent += other > mine || (other == mine && q < p) ? 1 : 0;
    }
    if (more_frequent == 0) shared.most_frequent = p;
  }
  if (occurs) {
    shared.sorted[rank] = shared.counts[p];
    shared.pair_at[rank] = static_cast<std::uint8_t>(p);
  }
  return static_cast<std::uint32_t>(__syncthreads_count(occurs));
}

__device__ void package_merge(SharedStorage& shared, std::uint32_t n) {
  const std::uint32_t t = threadIdx.x;
  std::uint32_t below_size = 0;
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    const std::uint32_t packages = below_size / 2;
    const Weight* below = shared.coins[(level + 1) % 2];
    Weight* list = shared.coins[level % 2];
    if (t < n) {
      // Packages are ascending sums of neighbours: search them without storing them.
      std::uint32_t low = 0, high = packages;
      while (low < high) {
        const std::uint32_t middle = (low + high) / 2;
        const bool less = below[2 * middle] + below[2 * middle + 1] < shared.sorted[t];
        low = less ? middle + 1 : low;
        high = less ? high : middle;
      }
      shared.symbol_place[level][t] = static_cast<std::uint16_t>(t + low);
      list[t + low] = shared.sorted[t];
    } else if (t >= kSymbols && t - kSymbols < packages) {
      const std::uint32_t package = t - kSymbols;
      const Weight weight = below[2 * package] + below[2 * package + 1];
      list[package + count_below(shared.sorted, n, weight, true)] = weight;
    }
    below_size = n + packages;
    __syncthreads();
  }
  // Buy the 2n - 2 cheapest coins of the last list; see codec/huffman_code.cpp.
  std::uint32_t bought = 2 * n - 2, length = 0;
  for (std::uint32_t level = kLevels; level-- > 0;) {
    const bool mine = t < n && shared.symbol_place[level][t] < bought;
    const auto symbols = static_cast<std::uint32_t>(__syncthreads_count(mine));
    length += mine ? 1 : 0;
    bought = 2 * (bought - symbols);
  }
  if (t < n) shared.lengths[shared.pair_at[t]] = static_cast<std::uint8_t>(length);
  __syncthreads();
}

__device__ void number_codes(SharedStorage& shared, TensorRecord* record) {
  const std::uint32_t p = threadIdx.x;
  if (p <= kLevels) shared.num_with_length[p] = 0;
  __syncthreads();
  const std::uint32_t length = p < kSymbols ? shared.lengths[p] : 0;
  if (length != 0) atomicAdd(&shared.num_with_length[length], 1u);
  __syncthreads();
  if (p == 0) {
    std::uint32_t code = 0, index = 0, longest = 0;
    for (std::uint32_t l = 1; l <= kLevels; ++l) {
      code <<= 1;
      shared.first_code[l] = code;
      shared.first_index[l] = index;
      code += shared.num_with_length[l];
      index += shared.num_with_length[l];
      if (shared.num_with_length[l] != 0) longest = l;
    }
    record->max_code_length = static_cast<std::uint8_t>(longest);
    record->single_symbol =
        longest == 0 ? static_cast<std::uint8_t>(shared.most_frequent) : std::uint8_t{0};
  }
  __syncthreads();
  if (p >= kSymbols) return;
  std::uint32_t before = 0;
#pragma unroll 16
  for (std::uint32_t q = 0; q < kSymbols; ++q) {
    before += q < p && shared.lengths[q] == length ? 1 : 0;
  }
  std::uint16_t bits = 0;
  if (length != 0) {
    shared.canonical[shared.first_index[length] + before] = static_cast<std::uint8_t>(p);
    bits = static_cast<std::uint16_t>(__brev(shared.first_code[length] + before) >> (32 - length));
  }
  record->code_lengths[p] = static_cast<std::uint8_t>(length);
  record->code_bits[p] = bits;
}

// What the 13 bits `next`, first one in bit 0, begin with.
__device__ std::uint16_t table_entry(const SharedStorage& shared, std::uint32_t next) {
  const std::uint32_t first_bit_left = __brev(next) >> (32 - kLevels);
  for (std::uint32_t length = 1; length <= kLevels; ++length) {
    const std::uint32_t offset = (first_bit_left >> (kLevels - length)) - shared.first_code[length];
    if (offset < shared.num_with_length[length]) {
      return pack_table_entry(shared.canonical[shared.first_index[length] + offset], length);
    }
  }
  return pack_table_entry(shared.most_frequent, 0);  // one pair, or none: no bits
}

__global__ void __launch_bounds__(kThreads) build_code(TensorRecord* record) {
  __shared__ SharedStorage shared;
  const std::uint32_t t = threadIdx.x;
  if (t < kSymbols) {
    shared.counts[t] = record->pair_counts[t];
    shared.lengths[t] = 0;
  }
  __syncthreads();
  const std::uint32_t n = sort_symbols(shared);
  if (n >= 2) package_merge(shared, n);
  number_codes(shared, record);
  __syncthreads();
  for (std::uint32_t next = t; next < codec::kDecodeTableSize; next += kThreads) {
    record->decode_table[next] = table_entry(shared, next);
  }
}

}  // namespace

cudaError_t launch_build_code(const EncodeParams& params, cudaStream_t stream) {
  build_code<<<1, kThreads, 0, stream>>>(params.record);
  return cudaGetLastError();
}

}  // namespace unweight::kernels
