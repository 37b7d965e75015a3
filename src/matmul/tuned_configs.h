// SPDX-License-Identifier: BSD-3-Clause
//
// Configs that a sweep found faster than the planner's rule: data, for exactly these shapes.
// Provenance: matmul_gpu_bench --sweep, driver 580.159.04, CUDA 13.0, 2026-11-26, by dependent
// launches; us at the greatest m of a line, the best of cuBLAS in brackets. H200 (4.6 TB/s) up to
// 16 tokens; above, H100 80GB HBM3. Both have 132 SMs.
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
    {28672, 4096, 1, 8, tuned(kMma, 8, 7, 1, 1, 2, 4)},    // 42.3 to 44.0 (59.5)
    {28672, 4096, 9, 16, tuned(kMma, 16, 7, 1, 1, 2, 4)},  // 45.1 (59.9)
    {128256, 4096, 1, 8, tuned(kMma, 8, 3, 2, 1, 8, 2)},   // 181.3 to 190.0 (241.6)
    {4096, 14336, 9, 16, tuned(kMma, 16, 2, 2, 2, 8, 2)},  // 27.2 (32.3)
    {6144, 4096, 9, 16, tuned(kMma, 16, 6, 1, 2, 4, 2)},   // 14.8 (15.3)
    {8192, 28672, 9, 16, tuned(kMma, 16, 4, 1, 2, 4, 3)},  // 89.4 (110.2)
    {10240, 8192, 9, 16, tuned(kMma, 16, 5, 1, 2, 4, 2)},  // 36.2 (44.9)
    // H100
    {4096, 4096, 17, 32, tuned(kWgmma, 32, 4, 4, 2, 4, 5)},        // 14.1 (14.1)
    {4096, 4096, 33, 64, tuned(kWgmma, 64, 4, 3, 2, 3, 5)},        // 15.7 (14.4)
    {4096, 4096, 65, 128, tuned(kWgmma, 64, 4, 4, 1, 4, 4)},       // 18.4 (14.5)
    {4096, 14336, 17, 32, tuned(kWgmma, 32, 4, 2, 2, 4, 5)},       // 36.7 (45.0)
    {4096, 14336, 33, 64, tuned(kWgmma, 64, 4, 2, 2, 4, 4)},       // 38.8 (43.1)
    {4096, 14336, 65, 128, tuned(kWgmma, 128, 4, 2, 2, 2, 5)},     // 46.2 (44.4)
    {6144, 4096, 17, 32, tuned(kWgmma, 32, 4, 3, 1, 3, 7)},        // 17.6 (19.7)
    {6144, 4096, 33, 64, tuned(kWgmma, 64, 4, 4, 1, 4, 4)},        // 19.2 (20.2)
    {6144, 4096, 65, 128, tuned(kWgmma, 128, 8, 1, 2, 2, 4)},      // 24.6 (20.7)
    {8192, 8192, 17, 32, tuned(kWgmma, 32, 4, 3, 1, 3, 7)},        // 38.6 (48.2)
    {8192, 8192, 33, 64, tuned(kWgmma, 64, 4, 4, 1, 4, 4)},        // 40.7 (48.4)
    {8192, 8192, 65, 128, tuned(kWgmma, 128, 8, 1, 2, 2, 4)},      // 46.2 (49.9)
    {8192, 28672, 17, 32, tuned(kWgmma, 32, 4, 4, 1, 4, 5)},       // 122.3 (161.4)
    {8192, 28672, 33, 64, tuned(kWgmma, 64, 4, 4, 1, 4, 4)},       // 126.8 (161.0)
    {8192, 28672, 65, 128, tuned(kWgmma, 128, 8, 1, 2, 2, 4)},     // 140.1 (168.1)
    {10240, 8192, 17, 32, tuned(kWgmma, 32, 5, 2, 1, 2, 9)},       // 47.8 (59.3)
    {10240, 8192, 33, 64, tuned(kWgmma, 64, 10, 1, 2, 1, 9)},      // 50.8 (59.9)
    {10240, 8192, 65, 128, tuned(kWgmma, 128, 10, 1, 2, 1, 7)},    // 57.9 (61.4)
    {14336, 4096, 17, 32, tuned(kWgmma, 32, 8, 2, 1, 2, 7)},       // 33.3 (43.0)
    {14336, 4096, 33, 64, tuned(kWgmma, 64, 7, 1, 1, 2, 6)},       // 34.9 (43.3)
    {14336, 4096, 65, 128, tuned(kWgmma, 128, 7, 1, 1, 2, 4)},     // 38.0 (44.8)
    {28672, 4096, 17, 32, tuned(kWgmma, 32, 14, 1, 1, 2, 4)},      // 62.4 (86.7)
    {28672, 4096, 33, 64, tuned(kWgmma, 64, 14, 1, 1, 1, 7)},      // 64.2 (84.7)
    {28672, 4096, 65, 128, tuned(kWgmma, 128, 7, 1, 1, 2, 4)},     // 74.1 (88.2)
    {28672, 8192, 17, 32, tuned(kWgmma, 32, 14, 1, 1, 2, 4, 2)},   // 120.6 (162.8)
    {28672, 8192, 33, 64, tuned(kWgmma, 64, 14, 1, 1, 2, 3)},      // 122.5 (165.4)
    {28672, 8192, 65, 128, tuned(kWgmma, 128, 7, 1, 1, 2, 4)},     // 139.7 (169.0)
    {57344, 8192, 17, 32, tuned(kWgmma, 32, 16, 1, 1, 2, 3)},      // 238.5 (329.1)
    {57344, 8192, 33, 64, tuned(kWgmma, 64, 14, 1, 1, 2, 3, 2)},   // 241.3 (325.8)
    {57344, 8192, 65, 128, tuned(kWgmma, 128, 7, 1, 1, 2, 4, 2)},  // 285.6 (337.0)
    {128256, 4096, 17, 32, tuned(kWgmma, 32, 16, 1, 1, 2, 3)},     // 269.7 (361.4)
    {128256, 4096, 33, 64, tuned(kWgmma, 64, 16, 1, 1, 2, 3, 2)},  // 275.5 (374.7)
    {128256, 4096, 65, 128, tuned(kWgmma, 128, 8, 1, 1, 2, 3)},    // 321.4 (388.9)
    {6144, 4096, 129, 256, tuned(kWgmma, 128, 8, 1, 1, 2, 4)},     // 35.7 (23.4)
    {6144, 4096, 257, 512, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},     // 52.9 (36.3)
    {6144, 4096, 513, 1024, tuned(kWgmma, 128, 8, 1, 1, 2, 3)},    // 104.8 (78.0)
    {8192, 8192, 129, 256, tuned(kWgmma, 128, 8, 1, 1, 2, 4)},     // 72.1 (55.6)
    {10240, 8192, 129, 256, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},    // 100.9 (69.1)
    {10240, 8192, 257, 512, tuned(kWgmma, 256, 7, 1, 2, 1, 5)},    // 190.7 (122.5)
    {10240, 8192, 513, 1024, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},   // 314.9 (249.4)
    {14336, 4096, 129, 256, tuned(kWgmma, 256, 7, 1, 1, 1, 5)},    // 57.6 (50.3)
};

}  // namespace unweight::matmul
