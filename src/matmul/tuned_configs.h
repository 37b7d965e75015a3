// SPDX-License-Identifier: BSD-3-Clause
//
// Configs that a sweep found faster than the planner's rule: data, for exactly these shapes.
// Provenance: matmul_gpu_bench --sweep, driver 580.159.04, CUDA 13.0, 2026-11-26, by dependent
// launches; us at the greatest m of a line, the best of cuBLAS in brackets. H200 (4.6 TB/s) up to
// 128 tokens; above, H100 80GB HBM3. Both have 132 SMs.
#pragma once

#include <cstdint>

#include "unweight/gpu_matmul.h"

namespace unweight::matmul {

inline constexpr std::uint32_t kTunedNumSms = 132;

struct TunedConfig {
  std::uint64_t n, k, min_m, max_m;
  gpu::MatmulConfig config;  ///< of the palette form, one matrix
};

[[nodiscard]] constexpr gpu::MatmulConfig tuned(gpu::MatmulConfig::Kernel kernel,
                                                std::uint32_t tokens, std::uint32_t strips,
                                                std::uint32_t k_warps, std::uint32_t k_parts,
                                                std::uint32_t tiles, std::uint32_t stages,
                                                std::uint32_t multicast = 1) {
  gpu::MatmulConfig c;
  c.kernel = kernel;
  c.tokens_per_tile = tokens;
  c.strips_per_tile = strips;
  c.k_warps = k_warps;
  c.k_parts = k_parts;
  c.multicast = multicast;
  c.tiles_per_stage = tiles;
  c.num_stages = stages;
  return c;
}
inline constexpr auto kMma = gpu::MatmulConfig::Kernel::kMma;
inline constexpr auto kWgmma = gpu::MatmulConfig::Kernel::kWgmma;

inline constexpr TunedConfig kTunedConfigs[] = {
    // H200
    {28672, 4096, 1, 8, tuned(kMma, 8, 7, 1, 1, 2, 4)},            // 42.3 to 44.0 (59.5)
    {28672, 4096, 9, 16, tuned(kMma, 16, 7, 1, 1, 2, 4)},          // 45.1 (59.9)
    {128256, 4096, 1, 8, tuned(kMma, 8, 3, 2, 1, 8, 2)},           // 181.3 to 190.0 (241.6)
    {4096, 14336, 9, 16, tuned(kMma, 16, 2, 2, 2, 8, 2)},          // 27.2 (32.3)
    {6144, 4096, 9, 16, tuned(kMma, 16, 6, 1, 2, 4, 2)},           // 14.8 (15.3)
    {8192, 28672, 9, 16, tuned(kMma, 16, 4, 1, 2, 4, 3)},          // 89.4 (110.2)
    {10240, 8192, 9, 16, tuned(kMma, 16, 5, 1, 2, 4, 2)},          // 36.2 (44.9)
    {4096, 4096, 17, 32, tuned(kWgmma, 32, 4, 2, 2, 2, 5)},        // 13.0 (12.8)
    {4096, 4096, 33, 64, tuned(kWgmma, 64, 4, 2, 2, 4, 4)},        // 14.5 (11.4)
    {4096, 4096, 65, 128, tuned(kWgmma, 128, 4, 2, 2, 2, 5)},      // 17.9 (12.7)
    {4096, 14336, 17, 32, tuned(kWgmma, 32, 4, 2, 2, 4, 5)},       // 29.5 (33.0)
    {4096, 14336, 33, 64, tuned(kWgmma, 64, 4, 2, 2, 4, 4)},       // 31.7 (34.3)
    {4096, 14336, 65, 128, tuned(kWgmma, 128, 4, 2, 2, 2, 5)},     // 40.7 (36.8)
    {6144, 4096, 17, 32, tuned(kWgmma, 32, 8, 1, 2, 4, 3)},        // 17.6 (15.6)
    {6144, 4096, 33, 64, tuned(kWgmma, 64, 8, 1, 2, 2, 5)},        // 19.4 (15.5)
    {6144, 4096, 65, 128, tuned(kWgmma, 128, 6, 1, 2, 2, 4)},      // 23.3 (16.1)
    {8192, 8192, 17, 32, tuned(kWgmma, 32, 8, 1, 2, 4, 3)},        // 32.0 (37.2)
    {8192, 8192, 33, 64, tuned(kWgmma, 64, 8, 1, 2, 2, 5)},        // 35.5 (35.6)
    {8192, 8192, 65, 128, tuned(kWgmma, 128, 8, 1, 2, 1, 8)},      // 42.0 (36.9)
    {8192, 28672, 17, 32, tuned(kWgmma, 32, 8, 1, 2, 4, 3)},       // 91.8 (110.8)
    {8192, 28672, 33, 64, tuned(kWgmma, 64, 4, 2, 1, 4, 4)},       // 107.4 (119.7)
    {8192, 28672, 65, 128, tuned(kWgmma, 128, 8, 1, 2, 1, 8)},     // 135.3 (121.7)
    {10240, 8192, 17, 32, tuned(kWgmma, 32, 5, 1, 1, 4, 4)},       // 49.9 (43.4)
    {10240, 8192, 33, 64, tuned(kWgmma, 64, 5, 1, 1, 4, 3, 2)},    // 54.9 (42.0)
    {10240, 8192, 65, 128, tuned(kWgmma, 128, 5, 1, 1, 2, 4)},     // 67.0 (45.5)
    {14336, 4096, 17, 32, tuned(kWgmma, 32, 7, 1, 1, 4, 3)},       // 28.0 (30.6)
    {14336, 4096, 33, 64, tuned(kWgmma, 64, 7, 1, 1, 4, 3)},       // 29.7 (31.0)
    {14336, 4096, 65, 128, tuned(kWgmma, 128, 7, 1, 1, 2, 4)},     // 36.1 (33.8)
    {28672, 4096, 17, 32, tuned(kWgmma, 32, 7, 1, 1, 4, 3)},       // 52.0 (60.6)
    {28672, 4096, 33, 64, tuned(kWgmma, 64, 7, 1, 1, 4, 3)},       // 55.7 (59.8)
    {28672, 4096, 65, 128, tuned(kWgmma, 128, 7, 1, 1, 1, 8)},     // 73.8 (65.7)
    {28672, 8192, 17, 32, tuned(kWgmma, 32, 7, 1, 1, 4, 3)},       // 99.2 (116.5)
    {28672, 8192, 33, 64, tuned(kWgmma, 64, 7, 1, 1, 4, 3)},       // 107.2 (114.0)
    {28672, 8192, 65, 128, tuned(kWgmma, 128, 7, 1, 1, 2, 4, 2)},  // 137.6 (123.1)
    {57344, 8192, 17, 32, tuned(kWgmma, 32, 7, 1, 1, 4, 3)},       // 195.7 (223.0)
    {57344, 8192, 33, 64, tuned(kWgmma, 64, 7, 1, 1, 4, 3)},       // 214.7 (225.2)
    {57344, 8192, 65, 128, tuned(kWgmma, 128, 7, 1, 1, 2, 4, 2)},  // 289.8 (240.1)
    {128256, 4096, 17, 32, tuned(kWgmma, 32, 8, 1, 1, 4, 3)},      // 212.0 (253.3)
    {128256, 4096, 33, 64, tuned(kWgmma, 64, 8, 1, 1, 2, 5)},      // 229.9 (259.7)
    {128256, 4096, 65, 128, tuned(kWgmma, 128, 8, 1, 1, 1, 7)},    // 297.4 (285.5)
    // H100
    {6144, 4096, 129, 256, tuned(kWgmma, 128, 8, 1, 1, 2, 4)},    // 35.7 (23.4)
    {6144, 4096, 257, 512, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},    // 52.9 (36.3)
    {6144, 4096, 513, 1024, tuned(kWgmma, 128, 8, 1, 1, 2, 3)},   // 104.8 (78.0)
    {8192, 8192, 129, 256, tuned(kWgmma, 128, 8, 1, 1, 2, 4)},    // 72.1 (55.6)
    {10240, 8192, 129, 256, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},   // 100.9 (69.1)
    {10240, 8192, 257, 512, tuned(kWgmma, 256, 7, 1, 2, 1, 5)},   // 190.7 (122.5)
    {10240, 8192, 513, 1024, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},  // 314.9 (249.4)
    {14336, 4096, 129, 256, tuned(kWgmma, 256, 7, 1, 1, 1, 5)},   // 57.6 (50.3)
};

}  // namespace unweight::matmul
