// SPDX-License-Identifier: BSD-3-Clause
//
// Holds layout/tile_order.h against the hardware: a tile written by the CPU in tile order, loaded
// by one warp as every kernel will load it, must be what mma.sync.m16n8k16 takes for 16 x 64
// weights.
//
// Two kinds of activations B (64 x 8): one-hot, which reads every weight back alone, and random
// integers, whose sums are exact in float32 in any order. Weights come once from exponent bytes and
// once from palette codes; both must give the same registers.
//
// Exit code: 0 right, 1 wrong, 2 CUDA failed, 77 no device that can run this.
#include <cuda_runtime.h>

#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "layout/tile_order.h"

namespace {

using namespace unweight::layout;

constexpr int kNumTiles = 64;
constexpr int kNumTokens = 8;  // columns of B: the n of m16n8k16
constexpr int kNumOneHot = 64 / kNumTokens;
constexpr int kNumProducts = kNumOneHot + 1;
constexpr int kProductElems = kTileRows * kNumTokens;
constexpr std::uint32_t kFirstExponent = 120;  // the palette: 16 consecutive exponents
constexpr int kNoDevice = 77;

struct Params {
  const std::uint8_t* sign_mantissa;  // kNumTiles x 1024 bytes, byte section
  const std::uint8_t* exponents;      // kNumTiles x 1024 bytes, byte section
  const std::uint8_t* codes;          // kNumTiles x 512 bytes, code section
  const std::uint16_t* activations;   // kNumProducts x [64 k][8 n], BF16 bits
  float* products;                    // kNumTiles x kNumProducts x [16][8]
  std::uint32_t* num_mismatches;      // registers that differ between exponent bytes and codes
};

// The BF16 pair in one register from two sign_mantissa bytes and two exponents, low weight first.
__device__ std::uint32_t join_pair(std::uint32_t sm_lo, std::uint32_t sm_hi, std::uint32_t e_lo,
                                   std::uint32_t e_hi) {
  const std::uint32_t lo = (sm_lo & 0x80) << 8 | e_lo << 7 | (sm_lo & 0x7f);
  const std::uint32_t hi = (sm_hi & 0x80) << 8 | e_hi << 7 | (sm_hi & 0x7f);
  return hi << 16 | lo;
}

// D += A (16 x 16, row) * B (16 x 8, col), BF16 in, float32 out.
__device__ void mma_m16n8k16(float (&d)[4], const std::uint32_t (&a)[4],
                             const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// One warp a tile.
__global__ void multiply_tiles(Params params) {
  const std::uint32_t lane = threadIdx.x, g = lane >> 2, t = lane & 3;
  const std::size_t tile = blockIdx.x;

  // Everything this lane owns, by 16-byte loads.
  __align__(16) std::uint8_t sm[kLaneElems], ex[kLaneElems];
  __align__(16) std::uint32_t words[4];
  for (std::uint32_t half = 0; half < 2; ++half) {
    const std::uint32_t offset = byte_section_offset({lane, 16 * half});
    reinterpret_cast<uint4*>(sm)[half] = *reinterpret_cast<const uint4*>(
        params.sign_mantissa + tile * kTileByteSectionBytes + offset);
    reinterpret_cast<uint4*>(ex)[half] =
        *reinterpret_cast<const uint4*>(params.exponents + tile * kTileByteSectionBytes + offset);
  }
  *reinterpret_cast<uint4*>(words) = *reinterpret_cast<const uint4*>(
      params.codes + tile * kTileCodeSectionBytes + code_section_bit({lane, 0}) / 8);

  std::uint32_t a[4][4];  // [k16 step][register]
  for (std::uint32_t s = 0; s < 4; ++s) {
    for (std::uint32_t r = 0; r < 4; ++r) {
      const std::uint32_t i = 8 * s + 2 * r;
      a[s][r] = join_pair(sm[i], sm[i + 1], ex[i], ex[i + 1]);
      const std::uint32_t pair = words[s] >> (4 * r) & 0x000f000f;  // one shift, one mask
      const std::uint32_t from_codes =
          join_pair(sm[i], sm[i + 1], kFirstExponent + (pair & 0xf), kFirstExponent + (pair >> 16));
      if (from_codes != a[s][r]) atomicAdd(params.num_mismatches, 1u);
    }
  }

  for (int p = 0; p < kNumProducts; ++p) {
    const std::uint16_t* b = params.activations + p * kTileCols * kNumTokens;
    const auto b_pair = [&](std::uint32_t k) {
      return static_cast<std::uint32_t>(b[(k + 1) * kNumTokens + g]) << 16 | b[k * kNumTokens + g];
    };
    float d[4] = {};
    for (std::uint32_t s = 0; s < 4; ++s) {
      const std::uint32_t fragment[2] = {b_pair(16 * s + 2 * t), b_pair(16 * s + 2 * t + 8)};
      mma_m16n8k16(d, a[s], fragment);
    }
    float* out = params.products + (tile * kNumProducts + p) * kProductElems;
    out[g * kNumTokens + 2 * t] = d[0];
    out[g * kNumTokens + 2 * t + 1] = d[1];
    out[(g + 8) * kNumTokens + 2 * t] = d[2];
    out[(g + 8) * kNumTokens + 2 * t + 1] = d[3];
  }
}

// ---- host
// -----------------------------------------------------------------------------------------

void require(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  std::fprintf(stderr, "tile_order_check: %s: %s\n", what, cudaGetErrorString(status));
  std::exit(2);
}

template <typename T>
T* to_device(const std::vector<T>& host) {
  T* device = nullptr;
  require(cudaMalloc(&device, host.size() * sizeof(T)), "cudaMalloc");
  require(cudaMemcpy(device, host.data(), host.size() * sizeof(T), cudaMemcpyHostToDevice),
          "cudaMemcpy");
  return device;
}

template <typename T>
std::vector<T> from_device(const T* device, std::size_t count) {
  std::vector<T> host(count);
  require(cudaMemcpy(host.data(), device, count * sizeof(T), cudaMemcpyDeviceToHost), "cudaMemcpy");
  return host;
}

float bf16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}
// Exact for integers of up to 8 significant bits, which is all that is used here.
std::uint16_t bf16_of_int(int value) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) >> 16);
}

bool can_run_here() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
    std::printf("tile_order_check: no CUDA device on this machine, nothing was checked\n");
    return false;
  }
  cudaDeviceProp properties{};
  require(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  if (properties.major == 9 && properties.minor == 0) return true;
  std::printf("tile_order_check: %s is compute capability %d.%d, this was compiled for 9.0a\n",
              properties.name, properties.major, properties.minor);
  return false;
}

// Non-zero integers of up to 8 significant bits: exponents 127..134, inside the palette.
std::vector<std::uint16_t> random_weights(std::mt19937& rng) {
  std::vector<std::uint16_t> weights(kNumTiles * kTileElems);
  for (auto& w : weights) {
    const int magnitude = static_cast<int>(rng() % 255) + 1;
    w = bf16_of_int(rng() % 2 == 0 ? magnitude : -magnitude);
  }
  return weights;
}

std::vector<std::uint16_t> make_activations(std::mt19937& rng) {
  std::vector<std::uint16_t> b(kNumProducts * kTileCols * kNumTokens);
  for (int k = 0; k < static_cast<int>(kTileCols); ++k) {
    const int product = k / kNumTokens, token = k % kNumTokens;
    b[(product * kTileCols + k) * kNumTokens + token] = bf16_of_int(1);
  }
  for (std::size_t i = kNumOneHot * kTileCols * kNumTokens; i < b.size(); ++i)
    b[i] = bf16_of_int(static_cast<int>(rng() % 31) - 15);
  return b;
}

std::size_t count_wrong_products(const std::vector<std::uint16_t>& weights,
                                 const std::vector<std::uint16_t>& activations,
                                 const std::vector<float>& products) {
  std::size_t wrong = 0;
  for (int tile = 0; tile < kNumTiles; ++tile)
    for (int p = 0; p < kNumProducts; ++p)
      for (int row = 0; row < static_cast<int>(kTileRows); ++row)
        for (int n = 0; n < kNumTokens; ++n) {
          double sum = 0;
          for (int k = 0; k < static_cast<int>(kTileCols); ++k)
            sum += static_cast<double>(
                       bf16_to_float(weights[(tile * kTileRows + row) * kTileCols + k])) *
                   bf16_to_float(activations[(p * kTileCols + k) * kNumTokens + n]);
          const float got =
              products[(tile * kNumProducts + p) * kProductElems + row * kNumTokens + n];
          if (static_cast<double>(got) == sum) continue;
          if (++wrong <= 5)
            std::printf("wrong: tile %d product %d row %d column %d: %g, not %g\n", tile, p, row, n,
                        got, sum);
        }
  return wrong;
}

}  // namespace

int main() {
  if (!can_run_here()) return kNoDevice;
  std::mt19937 rng(20260101);
  const auto weights = random_weights(rng);  // [tile][row][col]
  const auto activations = make_activations(rng);

  std::vector<std::uint8_t> sign_mantissa(weights.size()), exponents(weights.size()),
      codes(weights.size() / 2);
  for (std::uint32_t tile = 0; tile < kNumTiles; ++tile)
    for (std::uint32_t row = 0; row < kTileRows; ++row)
      for (std::uint32_t col = 0; col < kTileCols; ++col) {
        const std::uint16_t w = weights[(tile * kTileRows + row) * kTileCols + col];
        const LanePosition p = lane_position({row, col});
        const auto exponent = static_cast<std::uint8_t>(w >> 7);
        const std::size_t byte = tile * kTileByteSectionBytes + byte_section_offset(p);
        sign_mantissa[byte] = static_cast<std::uint8_t>((w >> 8 & 0x80) | (w & 0x7f));
        exponents[byte] = exponent;
        const std::uint32_t bit = code_section_bit(p);
        codes[tile * kTileCodeSectionBytes + bit / 8] |=
            static_cast<std::uint8_t>((exponent - kFirstExponent) << bit % 8);
      }

  const std::size_t num_results = std::size_t{kNumTiles} * kNumProducts * kProductElems;
  float* products = to_device(std::vector<float>(num_results, -1e30f));  // poisoned
  std::uint32_t* num_mismatches = to_device(std::vector<std::uint32_t>{0});
  multiply_tiles<<<kNumTiles, kLanes>>>({to_device(sign_mantissa), to_device(exponents),
                                         to_device(codes), to_device(activations), products,
                                         num_mismatches});
  require(cudaGetLastError(), "launch");
  require(cudaDeviceSynchronize(), "multiply_tiles");

  const std::size_t wrong =
      count_wrong_products(weights, activations, from_device(products, num_results));
  const std::uint32_t mismatches = from_device(num_mismatches, 1)[0];
  if (mismatches != 0)
    std::printf("wrong: %u registers differ between exponent bytes and codes\n", mismatches);
  if (wrong != 0 || mismatches != 0) return 1;
  std::printf("tile_order_check: %d tiles, %zu products: the tile order is what mma.sync takes\n",
              kNumTiles, num_results);
  return 0;
}
