// SPDX-License-Identifier: BSD-3-Clause
//
// Configs that sweeps found the fastest: data, for exactly these shapes.
// Provenance: matmul_gpu_bench --sweep --no-check --dependent-only, driver 580.159.04, CUDA 13.0,
// 2026-11-26; us at the greatest m of a line, the best of cuBLAS in brackets. The lines of an H100
// 80GB HBM3 (3.15 TB/s) were timed in turns with cuBLAS (docs/kernels/wgmma-matmul.md, "Power");
// those of an H200 (4.6 TB/s) one after the other, where the rule was slower. Both have 132 SMs.
#pragma once

#include <cstdint>

#include "unweight/gpu_matmul.h"

namespace unweight::matmul {

inline constexpr std::uint32_t kTunedNumSms = 132;

/// Cards, by the width of their memory bus. A line of one is a fair guess for the other.
inline constexpr std::uint32_t kH100 = 5120, kH200 = 6144;

struct TunedConfig {
  std::uint32_t card;
  gpu::WeightForm form;  ///< lines of the palette are a fair guess for radix
  std::uint64_t n, k, min_m, max_m;
  gpu::MatmulConfig config;  ///< of one matrix
};
inline constexpr auto kPalette = gpu::WeightForm::kPalette;
inline constexpr auto kRadix = gpu::WeightForm::kRadix;

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
    {kH200, kPalette, 28672, 4096, 1, 8, tuned(kMma, 8, 7, 1, 1, 2, 4)},    // 42.3 to 44.0 (59.5)
    {kH200, kPalette, 28672, 4096, 9, 16, tuned(kMma, 16, 7, 1, 1, 2, 4)},  // 45.1 (59.9)
    {kH200, kPalette, 128256, 4096, 1, 8, tuned(kMma, 8, 3, 2, 1, 8, 2)},  // 181.3 to 190.0 (241.6)
    {kH200, kPalette, 4096, 14336, 9, 16, tuned(kMma, 16, 2, 2, 2, 8, 2)},          // 27.2 (32.3)
    {kH200, kPalette, 6144, 4096, 9, 16, tuned(kMma, 16, 6, 1, 2, 4, 2)},           // 14.8 (15.3)
    {kH200, kPalette, 8192, 28672, 9, 16, tuned(kMma, 16, 4, 1, 2, 4, 3)},          // 89.4 (110.2)
    {kH200, kPalette, 10240, 8192, 9, 16, tuned(kMma, 16, 5, 1, 2, 4, 2)},          // 36.2 (44.9)
    {kH100, kPalette, 4096, 4096, 1, 8, tuned(kMma, 8, 1, 4, 1, 16, 2)},            // 11.6 (14.9)
    {kH100, kPalette, 4096, 4096, 9, 16, tuned(kMma, 16, 2, 3, 1, 12, 3)},          // 12.5 (13.9)
    {kH100, kPalette, 4096, 4096, 17, 32, tuned(kWgmma, 32, 2, 4, 1, 8, 4)},        // 13.9 (14.0)
    {kH100, kPalette, 4096, 4096, 33, 64, tuned(kWgmma, 32, 4, 4, 1, 4, 5)},        // 15.0 (14.3)
    {kH100, kPalette, 4096, 4096, 65, 128, tuned(kWgmma, 64, 4, 4, 1, 4, 4)},       // 17.4 (14.7)
    {kH100, kPalette, 4096, 4096, 129, 256, tuned(kWgmma, 128, 8, 1, 2, 2, 4)},     // 26.4 (17.3)
    {kH100, kPalette, 4096, 4096, 257, 512, tuned(kWgmma, 256, 8, 1, 2, 1, 5)},     // 36.8 (25.3)
    {kH100, kPalette, 4096, 4096, 513, 2048, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},    // 107.1 (100.5)
    {kH100, kPalette, 4096, 14336, 1, 2, tuned(kMma, 8, 1, 4, 1, 16, 4)},           // 31.2 (43.4)
    {kH100, kPalette, 4096, 14336, 3, 8, tuned(kMma, 8, 1, 4, 1, 8, 5)},            // 32.3 (43.8)
    {kH100, kPalette, 4096, 14336, 9, 16, tuned(kMma, 16, 2, 3, 1, 12, 3)},         // 33.6 (44.3)
    {kH100, kPalette, 4096, 14336, 17, 32, tuned(kWgmma, 32, 4, 3, 2, 3, 7)},       // 35.6 (44.9)
    {kH100, kPalette, 4096, 14336, 33, 64, tuned(kWgmma, 64, 4, 3, 2, 3, 5)},       // 38.0 (43.1)
    {kH100, kPalette, 4096, 14336, 65, 128, tuned(kWgmma, 128, 4, 2, 2, 2, 5)},     // 47.5 (44.7)
    {kH100, kPalette, 4096, 14336, 129, 256, tuned(kWgmma, 128, 8, 1, 2, 2, 4)},    // 72.4 (59.0)
    {kH100, kPalette, 4096, 14336, 257, 512, tuned(kWgmma, 256, 8, 1, 2, 1, 5)},    // 99.2 (82.0)
    {kH100, kPalette, 4096, 14336, 513, 2048, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},   // 359.4 (342.6)
    {kH100, kPalette, 6144, 4096, 1, 8, tuned(kMma, 8, 2, 2, 1, 8, 3)},             // 15.2 (19.5)
    {kH100, kPalette, 6144, 4096, 9, 16, tuned(kMma, 16, 3, 2, 1, 8, 4)},           // 16.4 (19.6)
    {kH100, kPalette, 6144, 4096, 17, 32, tuned(kWgmma, 32, 4, 4, 1, 4, 5)},        // 16.9 (20.1)
    {kH100, kPalette, 6144, 4096, 33, 64, tuned(kWgmma, 64, 3, 4, 1, 4, 4)},        // 18.9 (20.3)
    {kH100, kPalette, 6144, 4096, 65, 128, tuned(kWgmma, 128, 8, 1, 2, 2, 4)},      // 24.2 (20.9)
    {kH100, kPalette, 6144, 4096, 129, 256, tuned(kWgmma, 128, 12, 1, 2, 2, 3)},    // 35.3 (23.6)
    {kH100, kPalette, 6144, 4096, 257, 512, tuned(kWgmma, 256, 8, 1, 1, 1, 5, 2)},  // 51.4 (37.5)
    {kH100, kPalette, 6144, 4096, 513, 1024, tuned(kWgmma, 128, 12, 1, 1, 2, 3)},   // 101.9 (74.3)
    {kH100, kPalette, 6144, 4096, 1025, 2048, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},   // 161.1 (148.2)
    {kH100, kPalette, 8192, 8192, 1, 2, tuned(kMma, 8, 2, 2, 1, 8, 4)},             // 34.4 (47.0)
    {kH100, kPalette, 8192, 8192, 3, 8, tuned(kMma, 8, 2, 2, 1, 4, 7)},             // 35.7 (47.1)
    {kH100, kPalette, 8192, 8192, 9, 16, tuned(kMma, 16, 2, 3, 1, 6, 3)},           // 37.0 (47.5)
    {kH100, kPalette, 8192, 8192, 17, 32, tuned(kWgmma, 32, 4, 3, 1, 3, 7)},        // 37.3 (48.1)
    {kH100, kPalette, 8192, 8192, 33, 64, tuned(kWgmma, 64, 4, 4, 1, 4, 4)},        // 39.9 (48.6)
    {kH100, kPalette, 8192, 8192, 65, 128, tuned(kWgmma, 128, 8, 1, 2, 2, 4)},      // 47.5 (50.9)
    {kH100, kPalette, 8192, 8192, 129, 256, tuned(kWgmma, 256, 8, 1, 2, 1, 5)},     // 67.5 (56.2)
    {kH100, kPalette, 8192, 8192, 257, 2048, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},    // 416.0 (385.3)
    {kH100, kPalette, 8192, 28672, 1, 8, tuned(kMma, 8, 2, 3, 1, 12, 2)},           // 120.3 (158.8)
    {kH100, kPalette, 8192, 28672, 9, 16, tuned(kMma, 16, 2, 3, 1, 6, 3)},          // 122.8 (159.7)
    {kH100, kPalette, 8192, 28672, 17, 32, tuned(kWgmma, 32, 4, 4, 1, 4, 5)},       // 121.7 (161.7)
    {kH100, kPalette, 8192, 28672, 33, 64, tuned(kWgmma, 64, 4, 4, 1, 4, 4)},       // 127.8 (163.1)
    {kH100, kPalette, 8192, 28672, 65, 128, tuned(kWgmma, 128, 8, 1, 2, 2, 4)},     // 150.7 (170.3)
    {kH100, kPalette, 8192, 28672, 129, 256, tuned(kWgmma, 256, 8, 1, 2, 1, 5)},    // 204.1 (187.9)
    {kH100, kPalette, 8192, 28672, 257, 2048,
     tuned(kWgmma, 256, 8, 1, 1, 1, 5)},                                          // 1459.5 (1333.5)
    {kH100, kPalette, 10240, 8192, 1, 8, tuned(kMma, 8, 5, 1, 2, 4, 3)},          // 46.1 (59.5)
    {kH100, kPalette, 10240, 8192, 9, 16, tuned(kMma, 16, 5, 1, 2, 4, 2)},        // 47.1 (59.8)
    {kH100, kPalette, 10240, 8192, 17, 32, tuned(kWgmma, 32, 5, 2, 1, 4, 4)},     // 47.0 (59.8)
    {kH100, kPalette, 10240, 8192, 33, 64, tuned(kWgmma, 64, 5, 2, 1, 4, 3)},     // 51.5 (60.3)
    {kH100, kPalette, 10240, 8192, 65, 128, tuned(kWgmma, 128, 10, 1, 2, 2, 3)},  // 59.3 (62.4)
    {kH100, kPalette, 10240, 8192, 129, 256, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},  // 104.7 (70.6)
    {kH100, kPalette, 10240, 8192, 257, 512, tuned(kWgmma, 256, 8, 1, 2, 1, 5)},  // 196.4 (125.6)
    {kH100, kPalette, 10240, 8192, 513, 2048, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},  // 521.1 (482.7)
    {kH100, kPalette, 14336, 4096, 1, 2, tuned(kMma, 8, 4, 1, 1, 4, 4)},           // 30.6 (41.4)
    {kH100, kPalette, 14336, 4096, 3, 8, tuned(kMma, 8, 7, 1, 1, 4, 4)},           // 31.5 (41.5)
    {kH100, kPalette, 14336, 4096, 9, 16, tuned(kMma, 16, 7, 1, 1, 4, 4)},         // 32.1 (41.9)
    {kH100, kPalette, 14336, 4096, 17, 32, tuned(kWgmma, 32, 7, 1, 1, 2, 7)},      // 33.0 (43.1)
    {kH100, kPalette, 14336, 4096, 33, 64, tuned(kWgmma, 64, 7, 1, 1, 2, 6)},      // 34.5 (43.4)
    {kH100, kPalette, 14336, 4096, 65, 128, tuned(kWgmma, 128, 7, 1, 1, 2, 4)},    // 39.2 (45.4)
    {kH100, kPalette, 14336, 4096, 129, 2048, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},  // 384.4 (338.9)
    {kH100, kPalette, 28672, 4096, 1, 8, tuned(kMma, 8, 7, 1, 1, 4, 2)},           // 62.4 (82.3)
    {kH100, kPalette, 28672, 4096, 9, 16, tuned(kMma, 16, 7, 1, 1, 4, 2)},         // 63.2 (82.4)
    {kH100, kPalette, 28672, 4096, 17, 32, tuned(kWgmma, 32, 14, 1, 1, 2, 4)},     // 62.6 (84.7)
    {kH100, kPalette, 28672, 4096, 33, 64, tuned(kWgmma, 64, 14, 1, 1, 1, 7, 2)},  // 65.2 (85.0)
    {kH100, kPalette, 28672, 4096, 65, 128, tuned(kWgmma, 128, 7, 1, 1, 2, 4)},    // 78.2 (89.0)
    {kH100, kPalette, 28672, 4096, 129, 2048, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},  // 779.0 (682.3)
    {kH100, kPalette, 28672, 8192, 1, 8, tuned(kMma, 8, 7, 1, 1, 4, 2)},           // 120.7 (166.0)
    {kH100, kPalette, 28672, 8192, 9, 16, tuned(kMma, 16, 7, 1, 1, 4, 2)},         // 121.2 (161.3)
    {kH100, kPalette, 28672, 8192, 17, 32, tuned(kWgmma, 32, 14, 1, 1, 1, 9, 2)},  // 121.7 (163.2)
    {kH100, kPalette, 28672, 8192, 33, 64, tuned(kWgmma, 64, 14, 1, 1, 2, 3, 2)},  // 125.4 (165.5)
    {kH100, kPalette, 28672, 8192, 65, 128, tuned(kWgmma, 128, 7, 1, 1, 2, 4)},    // 155.8 (169.5)
    {kH100, kPalette, 28672, 8192, 129, 2048,
     tuned(kWgmma, 256, 8, 1, 1, 1, 5)},                                    // 1458.6 (1318.8)
    {kH100, kPalette, 57344, 8192, 1, 8, tuned(kMma, 8, 7, 1, 1, 4, 2)},    // 236.1 (314.8)
    {kH100, kPalette, 57344, 8192, 9, 16, tuned(kMma, 16, 7, 1, 1, 4, 2)},  // 238.1 (317.9)
    {kH100, kPalette, 57344, 8192, 17, 32, tuned(kWgmma, 32, 14, 1, 1, 2, 4, 2)},  // 240.4 (327.4)
    {kH100, kPalette, 57344, 8192, 33, 64, tuned(kWgmma, 64, 14, 1, 1, 2, 3, 2)},  // 247.1 (328.0)
    {kH100, kPalette, 57344, 8192, 65, 128, tuned(kWgmma, 128, 11, 1, 2, 2, 3)},   // 320.6 (337.7)
    {kH100, kPalette, 57344, 8192, 129, 2048,
     tuned(kWgmma, 256, 8, 1, 1, 1, 5)},                                         // 2957.8 (2709.7)
    {kH100, kPalette, 128256, 4096, 1, 8, tuned(kMma, 8, 3, 2, 1, 8, 2)},        // 263.8 (352.8)
    {kH100, kPalette, 128256, 4096, 9, 16, tuned(kMma, 16, 7, 1, 1, 4, 2)},      // 275.0 (354.3)
    {kH100, kPalette, 128256, 4096, 17, 32, tuned(kWgmma, 32, 16, 1, 1, 2, 3)},  // 270.4 (361.3)
    {kH100, kPalette, 128256, 4096, 33, 64, tuned(kWgmma, 64, 16, 1, 1, 2, 3, 2)},  // 278.2 (376.0)
    {kH100, kPalette, 128256, 4096, 65, 128, tuned(kWgmma, 128, 8, 1, 1, 2, 3)},    // 349.7 (390.4)
    {kH100, kPalette, 128256, 4096, 129, 2048,
     tuned(kWgmma, 256, 8, 1, 1, 1, 5)},                                 // 3092.3 (2740.8)
    {kH100, kRadix, 4096, 4096, 1, 2, tuned(kMma, 8, 1, 4, 1, 16, 2)},   // 13.1 (15.3)
    {kH100, kRadix, 4096, 4096, 3, 8, tuned(kMma, 8, 1, 7, 1, 14, 2)},   // 12.8 (14.9)
    {kH100, kRadix, 4096, 14336, 1, 2, tuned(kMma, 8, 1, 7, 1, 28, 2)},  // 33.0 (43.4)
    {kH100, kRadix, 4096, 14336, 3, 8, tuned(kMma, 8, 1, 7, 1, 14, 2)},  // 33.4 (43.7)
    {kH100, kRadix, 6144, 4096, 1, 8, tuned(kMma, 8, 2, 3, 1, 12, 2)},   // 18.1 (19.9)
    {kH100, kRadix, 8192, 8192, 1, 8, tuned(kMma, 8, 2, 3, 1, 12, 2)},   // 37.6 (47.1)
    {kH100, kRadix, 8192, 28672, 1, 2, tuned(kMma, 8, 2, 2, 1, 8, 3)},   // 122.9 (159.5)
    {kH100, kRadix, 8192, 28672, 3, 8, tuned(kMma, 8, 2, 3, 1, 12, 2)},  // 122.0 (159.1)
    {kH100, kRadix, 10240, 8192, 1, 8, tuned(kMma, 8, 5, 1, 2, 4, 3)},   // 49.1 (59.0)
    {kH100, kRadix, 14336, 4096, 1, 8, tuned(kMma, 8, 7, 1, 2, 4, 2)},   // 35.3 (41.6)
    {kH100, kRadix, 28672, 4096, 1, 8, tuned(kMma, 8, 7, 1, 1, 4, 2)},   // 62.1 (82.1)
    {kH100, kRadix, 28672, 8192, 1, 8, tuned(kMma, 8, 7, 1, 1, 4, 2)},   // 122.1 (161.6)
    {kH100, kRadix, 57344, 8192, 1, 8, tuned(kMma, 8, 7, 1, 1, 4, 2)},   // 238.1 (314.3)
    {kH100, kRadix, 128256, 4096, 1, 8, tuned(kMma, 8, 3, 2, 1, 8, 2)},  // 264.4 (352.6)
};

}  // namespace unweight::matmul
