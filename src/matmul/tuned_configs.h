// SPDX-License-Identifier: BSD-3-Clause
//
// Configs that a sweep found faster than the planner's rule: data, for exactly these shapes.
// Provenance: matmul_gpu_bench --sweep, H100 80GB HBM3 (132 SMs), driver 580.159.04, CUDA 13.0,
// 2026-11-26, by dependent launches; us at the greatest m of a line, the best of cuBLAS in
// brackets.
#pragma once

#include <cstdint>

#include "unweight/gpu_matmul.h"

namespace unweight::matmul {

inline constexpr std::uint32_t kTunedNumSms = 132;

struct TunedConfig {
  std::uint64_t n, k, min_m, max_m;
  gpu::MatmulConfig config;  ///< of the palette form, one matrix
};

[[nodiscard]] constexpr gpu::MatmulConfig tuned_wgmma(std::uint32_t tokens, std::uint32_t strips,
                                                      std::uint32_t k_warps, std::uint32_t k_parts,
                                                      std::uint32_t tiles, std::uint32_t stages) {
  gpu::MatmulConfig c;
  c.kernel = gpu::MatmulConfig::Kernel::kWgmma;
  c.tokens_per_tile = tokens;
  c.strips_per_tile = strips;
  c.k_warps = k_warps;
  c.k_parts = k_parts;
  c.tiles_per_stage = tiles;
  c.num_stages = stages;
  return c;
}

inline constexpr TunedConfig kTunedConfigs[] = {
    {4096, 4096, 17, 32, tuned_wgmma(32, 4, 2, 2, 4, 5)},       // 15.4 (14.1)
    {4096, 4096, 65, 128, tuned_wgmma(128, 4, 2, 2, 2, 5)},     // 20.9 (14.8)
    {6144, 4096, 17, 32, tuned_wgmma(32, 4, 2, 1, 4, 5)},       // 19.9 (19.9)
    {6144, 4096, 33, 64, tuned_wgmma(64, 8, 1, 2, 2, 5)},       // 21.5 (20.2)
    {6144, 4096, 65, 128, tuned_wgmma(128, 8, 1, 2, 2, 4)},     // 25.4 (20.8)
    {6144, 4096, 129, 256, tuned_wgmma(128, 8, 1, 1, 2, 4)},    // 35.7 (23.4)
    {6144, 4096, 257, 512, tuned_wgmma(256, 8, 1, 1, 1, 5)},    // 52.9 (36.3)
    {6144, 4096, 513, 1024, tuned_wgmma(128, 8, 1, 1, 2, 3)},   // 104.8 (78.0)
    {8192, 8192, 33, 64, tuned_wgmma(64, 8, 1, 2, 2, 5)},       // 42.7 (48.3)
    {8192, 8192, 129, 256, tuned_wgmma(128, 8, 1, 1, 2, 4)},    // 72.1 (55.6)
    {8192, 28672, 33, 64, tuned_wgmma(64, 8, 1, 2, 2, 5)},      // 129.5 (162.4)
    {10240, 8192, 33, 64, tuned_wgmma(64, 5, 1, 1, 4, 3)},      // 53.9 (59.7)
    {10240, 8192, 65, 128, tuned_wgmma(128, 8, 1, 1, 2, 4)},    // 65.8 (61.4)
    {10240, 8192, 129, 256, tuned_wgmma(256, 8, 1, 1, 1, 5)},   // 100.9 (69.1)
    {10240, 8192, 257, 512, tuned_wgmma(256, 7, 1, 2, 1, 5)},   // 190.7 (122.5)
    {10240, 8192, 513, 1024, tuned_wgmma(256, 8, 1, 1, 1, 5)},  // 314.9 (249.4)
    {14336, 4096, 65, 128, tuned_wgmma(128, 8, 1, 1, 2, 4)},    // 38.5 (44.6)
    {14336, 4096, 129, 256, tuned_wgmma(256, 7, 1, 1, 1, 5)},   // 57.6 (50.3)
    {128256, 4096, 17, 32, tuned_wgmma(32, 8, 1, 1, 4, 3)},     // 279.2 (360.9)
};

}  // namespace unweight::matmul
