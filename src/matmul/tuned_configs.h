// SPDX-License-Identifier: BSD-3-Clause
//
// Configs that sweeps found the fastest: data, for exactly these shapes.
// Provenance: matmul_gpu_bench --sweep --no-check --dependent-only, driver 580.159.04, CUDA 13.0,
// in turns with cuBLAS (docs/kernels/wgmma-matmul.md, "Power"); us at the greatest m of a line, the
// best of cuBLAS in brackets. H100 80GB HBM3 (3.15 TB/s): 2026-11-26; H200 (4.6 to 4.7 TB/s):
// 2026-12-01. Both have 132 SMs.
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
[[nodiscard]] constexpr gpu::MatmulConfig streamed(std::uint32_t ctas, gpu::MatmulConfig c) {
  c.stream_ctas = ctas;
  return c;
}
inline constexpr auto kMma = gpu::MatmulConfig::Kernel::kMma;
inline constexpr auto kWgmma = gpu::MatmulConfig::Kernel::kWgmma;

inline constexpr TunedConfig kTunedConfigs[] = {
    {kH200, kPalette, 4096, 4096, 1, 8, tuned(kMma, 8, 1, 4, 1, 16, 2)},       // 10.2 (12.2)
    {kH200, kPalette, 4096, 4096, 9, 16, tuned(kMma, 16, 2, 2, 2, 8, 2)},      // 11.5 (12.4)
    {kH200, kPalette, 4096, 4096, 17, 32, tuned(kWgmma, 32, 4, 4, 2, 4, 5)},   // 12.3 (12.8)
    {kH200, kPalette, 4096, 4096, 33, 64, tuned(kWgmma, 64, 4, 4, 2, 4, 4)},   // 13.9 (11.1)
    {kH200, kPalette, 4096, 4096, 65, 128, tuned(kWgmma, 64, 4, 4, 1, 4, 4)},  // 18.1 (12.5)
    {kH200, kPalette, 4096, 4096, 129, 256,
     streamed(132, tuned(kWgmma, 256, 8, 1, 1, 1, 5))},                           // 26.9 (15.5)
    {kH200, kPalette, 4096, 4096, 257, 512, tuned(kWgmma, 256, 8, 1, 2, 1, 5)},   // 38.9 (26.3)
    {kH200, kPalette, 4096, 4096, 513, 2048, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},  // 114.8 (104.3)
    {kH200, kPalette, 4096, 14336, 1, 2, tuned(kMma, 8, 1, 4, 1, 16, 4)},         // 23.5 (30.4)
    {kH200, kPalette, 4096, 14336, 3, 8, tuned(kMma, 8, 1, 4, 1, 16, 2)},         // 24.6 (30.8)
    {kH200, kPalette, 4096, 14336, 9, 16, tuned(kMma, 16, 2, 2, 2, 8, 2)},        // 26.5 (31.2)
    {kH200, kPalette, 4096, 14336, 17, 32, tuned(kWgmma, 32, 4, 4, 2, 4, 5)},     // 27.3 (32.0)
    {kH200, kPalette, 4096, 14336, 33, 64, tuned(kWgmma, 64, 4, 4, 2, 4, 4)},     // 30.3 (33.8)
    {kH200, kPalette, 4096, 14336, 65, 128,
     streamed(132, tuned(kWgmma, 128, 8, 1, 1, 2, 4))},  // 41.9 (36.9)
    {kH200, kPalette, 4096, 14336, 129, 256,
     streamed(132, tuned(kWgmma, 256, 8, 1, 1, 1, 5))},                            // 62.4 (49.1)
    {kH200, kPalette, 4096, 14336, 257, 512, tuned(kWgmma, 256, 8, 1, 2, 1, 5)},   // 109.1 (92.4)
    {kH200, kPalette, 4096, 14336, 513, 2048, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},  // 379.3 (359.0)
    {kH200, kPalette, 6144, 4096, 1, 8, tuned(kMma, 8, 3, 2, 1, 8, 2)},            // 13.5 (14.9)
    {kH200, kPalette, 6144, 4096, 9, 16, tuned(kMma, 16, 6, 1, 2, 4, 2)},          // 14.4 (15.1)
    {kH200, kPalette, 6144, 4096, 17, 32, tuned(kWgmma, 32, 3, 4, 1, 8, 3)},       // 15.3 (15.6)
    {kH200, kPalette, 6144, 4096, 33, 64, tuned(kWgmma, 64, 4, 4, 1, 4, 4)},       // 17.3 (15.4)
    {kH200, kPalette, 6144, 4096, 65, 128,
     streamed(132, tuned(kWgmma, 128, 12, 1, 1, 2, 3))},                          // 23.5 (16.1)
    {kH200, kPalette, 6144, 4096, 129, 256, tuned(kWgmma, 128, 12, 1, 2, 2, 3)},  // 34.9 (21.4)
    {kH200, kPalette, 6144, 4096, 257, 512, tuned(kWgmma, 128, 12, 1, 1, 2, 3)},  // 53.0 (38.2)
    {kH200, kPalette, 6144, 4096, 513, 1024,
     streamed(132, tuned(kWgmma, 256, 8, 1, 1, 1, 5))},                            // 100.5 (76.1)
    {kH200, kPalette, 6144, 4096, 1025, 2048, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},  // 170.9 (152.4)
    {kH200, kPalette, 8192, 8192, 1, 2, tuned(kMma, 8, 2, 2, 1, 8, 4)},            // 26.0 (33.2)
    {kH200, kPalette, 8192, 8192, 3, 8, tuned(kMma, 8, 2, 2, 1, 8, 3)},            // 26.9 (32.7)
    {kH200, kPalette, 8192, 8192, 9, 16, tuned(kMma, 16, 2, 2, 1, 8, 2)},          // 28.6 (33.0)
    {kH200, kPalette, 8192, 8192, 17, 32, tuned(kWgmma, 32, 8, 2, 2, 2, 7)},       // 29.9 (33.4)
    {kH200, kPalette, 8192, 8192, 33, 64, tuned(kWgmma, 64, 4, 4, 1, 4, 4)},       // 32.9 (34.7)
    {kH200, kPalette, 8192, 8192, 65, 128, tuned(kWgmma, 128, 8, 1, 2, 2, 4)},     // 45.3 (36.9)
    {kH200, kPalette, 8192, 8192, 129, 256, tuned(kWgmma, 256, 8, 1, 2, 1, 5)},    // 69.5 (54.6)
    {kH200, kPalette, 8192, 8192, 257, 2048, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},   // 444.4 (403.8)
    {kH200, kPalette, 8192, 28672, 1, 8, tuned(kMma, 8, 2, 3, 1, 12, 2)},          // 84.2 (105.1)
    {kH200, kPalette, 8192, 28672, 9, 16, tuned(kMma, 16, 4, 1, 2, 4, 3)},         // 88.3 (106.1)
    {kH200, kPalette, 8192, 28672, 17, 32, tuned(kWgmma, 32, 8, 2, 2, 2, 7)},      // 89.2 (107.3)
    {kH200, kPalette, 8192, 28672, 33, 64,
     streamed(132, tuned(kWgmma, 64, 16, 1, 1, 2, 3))},  // 105.5 (116.0)
    {kH200, kPalette, 8192, 28672, 65, 128,
     streamed(132, tuned(kWgmma, 128, 12, 1, 1, 2, 3))},  // 142.3 (124.2)
    {kH200, kPalette, 8192, 28672, 129, 256,
     streamed(132, tuned(kWgmma, 256, 8, 1, 1, 1, 5))},  // 209.2 (195.1)
    {kH200, kPalette, 8192, 28672, 257, 2048,
     tuned(kWgmma, 256, 8, 1, 1, 1, 5)},                                        // 1507.0 (1412.5)
    {kH200, kPalette, 10240, 8192, 1, 8, tuned(kMma, 8, 5, 1, 2, 4, 3)},        // 34.0 (43.7)
    {kH200, kPalette, 10240, 8192, 9, 16, tuned(kMma, 16, 5, 1, 2, 4, 2)},      // 34.9 (44.0)
    {kH200, kPalette, 10240, 8192, 17, 32, tuned(kWgmma, 32, 10, 1, 2, 2, 5)},  // 37.0 (42.8)
    {kH200, kPalette, 10240, 8192, 33, 64, tuned(kWgmma, 64, 10, 1, 2, 2, 4)},  // 43.8 (41.5)
    {kH200, kPalette, 10240, 8192, 65, 128,
     streamed(132, tuned(kWgmma, 128, 12, 1, 1, 2, 3))},  // 61.7 (45.2)
    {kH200, kPalette, 10240, 8192, 129, 1024,
     streamed(132, tuned(kWgmma, 256, 8, 1, 1, 1, 5))},                             // 292.1 (258.5)
    {kH200, kPalette, 10240, 8192, 1025, 2048, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},  // 564.1 (516.8)
    {kH200, kPalette, 14336, 4096, 1, 8, tuned(kMma, 8, 4, 1, 1, 4, 4)},            // 24.8 (29.2)
    {kH200, kPalette, 14336, 4096, 9, 16, tuned(kMma, 16, 4, 1, 1, 4, 3)},          // 25.5 (29.6)
    {kH200, kPalette, 14336, 4096, 17, 32, tuned(kWgmma, 32, 8, 2, 1, 2, 7)},       // 26.5 (30.3)
    {kH200, kPalette, 14336, 4096, 33, 64, tuned(kWgmma, 64, 7, 2, 1, 4, 3)},       // 29.6 (30.3)
    {kH200, kPalette, 14336, 4096, 65, 128, tuned(kWgmma, 128, 8, 1, 1, 2, 4)},     // 40.6 (32.5)
    {kH200, kPalette, 14336, 4096, 129, 512, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},    // 116.4 (94.7)
    {kH200, kPalette, 14336, 4096, 513, 1024,
     streamed(132, tuned(kWgmma, 256, 8, 1, 1, 1, 5))},                             // 219.1 (176.6)
    {kH200, kPalette, 14336, 4096, 1025, 2048, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},  // 399.9 (345.3)
    {kH200, kPalette, 28672, 4096, 1, 8, tuned(kMma, 8, 7, 1, 1, 4, 2)},            // 43.0 (55.1)
    {kH200, kPalette, 28672, 4096, 9, 16, tuned(kMma, 16, 7, 1, 1, 4, 2)},          // 43.9 (55.6)
    {kH200, kPalette, 28672, 4096, 17, 32, tuned(kWgmma, 32, 14, 1, 1, 2, 4)},      // 45.8 (57.1)
    {kH200, kPalette, 28672, 4096, 33, 64, tuned(kWgmma, 64, 16, 1, 1, 2, 3)},      // 52.2 (58.2)
    {kH200, kPalette, 28672, 4096, 65, 128,
     streamed(132, tuned(kWgmma, 128, 12, 1, 1, 2, 3))},                          // 83.1 (62.8)
    {kH200, kPalette, 28672, 4096, 129, 256, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},  // 117.7 (97.8)
    {kH200, kPalette, 28672, 4096, 257, 512,
     streamed(132, tuned(kWgmma, 256, 8, 1, 1, 1, 5))},                            // 218.6 (173.2)
    {kH200, kPalette, 28672, 4096, 513, 2048, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},  // 815.7 (700.0)
    {kH200, kPalette, 28672, 8192, 1, 8, tuned(kMma, 8, 7, 1, 1, 4, 2)},           // 85.6 (106.4)
    {kH200, kPalette, 28672, 8192, 9, 16, tuned(kMma, 16, 7, 1, 1, 4, 2)},         // 86.8 (106.8)
    {kH200, kPalette, 28672, 8192, 17, 32, tuned(kWgmma, 32, 14, 1, 1, 2, 4)},     // 91.1 (108.9)
    {kH200, kPalette, 28672, 8192, 33, 64,
     streamed(132, tuned(kWgmma, 64, 16, 1, 1, 2, 3))},  // 102.7 (112.4)
    {kH200, kPalette, 28672, 8192, 65, 128,
     streamed(132, tuned(kWgmma, 128, 12, 1, 1, 2, 3))},  // 154.2 (119.5)
    {kH200, kPalette, 28672, 8192, 129, 2048,
     streamed(132, tuned(kWgmma, 256, 8, 1, 1, 1, 5))},                         // 1509.5 (1381.0)
    {kH200, kPalette, 57344, 8192, 1, 8, tuned(kMma, 8, 7, 1, 1, 4, 2)},        // 167.2 (210.6)
    {kH200, kPalette, 57344, 8192, 9, 16, tuned(kMma, 16, 7, 1, 1, 4, 2)},      // 172.3 (213.3)
    {kH200, kPalette, 57344, 8192, 17, 32, tuned(kWgmma, 32, 14, 1, 1, 2, 4)},  // 188.9 (217.1)
    {kH200, kPalette, 57344, 8192, 33, 64,
     streamed(132, tuned(kWgmma, 64, 16, 1, 1, 2, 3))},  // 196.5 (220.6)
    {kH200, kPalette, 57344, 8192, 65, 128,
     streamed(132, tuned(kWgmma, 128, 12, 1, 1, 2, 3))},  // 277.3 (237.9)
    {kH200, kPalette, 57344, 8192, 129, 2048,
     streamed(132, tuned(kWgmma, 256, 8, 1, 1, 1, 5))},                          // 3010.8 (2773.3)
    {kH200, kPalette, 128256, 4096, 1, 8, tuned(kMma, 8, 3, 2, 1, 8, 2)},        // 186.3 (236.6)
    {kH200, kPalette, 128256, 4096, 9, 16, tuned(kMma, 16, 7, 1, 1, 4, 2)},      // 190.9 (241.2)
    {kH200, kPalette, 128256, 4096, 17, 32, tuned(kWgmma, 32, 16, 1, 1, 1, 7)},  // 195.9 (246.4)
    {kH200, kPalette, 128256, 4096, 33, 64,
     streamed(132, tuned(kWgmma, 64, 16, 1, 1, 2, 3))},  // 218.6 (251.9)
    {kH200, kPalette, 128256, 4096, 65, 128,
     streamed(132, tuned(kWgmma, 128, 12, 1, 1, 2, 3))},  // 314.7 (267.6)
    {kH200, kPalette, 128256, 4096, 129, 1024,
     streamed(132, tuned(kWgmma, 256, 8, 1, 1, 1, 5))},  // 1741.1 (1484.4)
    {kH200, kPalette, 128256, 4096, 1025, 2048,
     tuned(kWgmma, 256, 8, 1, 1, 1, 5)},                                          // 3447.8 (2945.8)
    {kH100, kPalette, 4096, 4096, 1, 8, tuned(kMma, 8, 1, 4, 1, 16, 2)},          // 11.6 (14.9)
    {kH100, kPalette, 4096, 4096, 9, 16, tuned(kMma, 16, 2, 3, 1, 12, 3)},        // 12.5 (13.9)
    {kH100, kPalette, 4096, 4096, 17, 32, tuned(kWgmma, 32, 2, 4, 1, 8, 4)},      // 13.9 (14.0)
    {kH100, kPalette, 4096, 4096, 33, 64, tuned(kWgmma, 32, 4, 4, 1, 4, 5)},      // 15.0 (14.3)
    {kH100, kPalette, 4096, 4096, 65, 128, tuned(kWgmma, 64, 4, 4, 1, 4, 4)},     // 17.4 (14.7)
    {kH100, kPalette, 4096, 4096, 129, 256, tuned(kWgmma, 128, 8, 1, 2, 2, 4)},   // 26.4 (17.3)
    {kH100, kPalette, 4096, 4096, 257, 512, tuned(kWgmma, 256, 8, 1, 2, 1, 5)},   // 36.8 (25.3)
    {kH100, kPalette, 4096, 4096, 513, 2048, tuned(kWgmma, 256, 8, 1, 1, 1, 5)},  // 107.1 (100.5)
    {kH100, kPalette, 4096, 14336, 1, 2, tuned(kMma, 8, 1, 4, 1, 16, 4)},         // 31.2 (43.4)
    {kH100, kPalette, 4096, 14336, 3, 8, tuned(kMma, 8, 1, 4, 1, 8, 5)},          // 32.3 (43.8)
    {kH100, kPalette, 4096, 14336, 9, 16, tuned(kMma, 16, 2, 3, 1, 12, 3)},       // 33.6 (44.3)
    {kH100, kPalette, 4096, 14336, 17, 32, tuned(kWgmma, 32, 4, 3, 2, 3, 7)},     // 35.6 (44.9)
    {kH100, kPalette, 4096, 14336, 33, 64, tuned(kWgmma, 64, 4, 3, 2, 3, 5)},     // 38.0 (43.1)
    {kH100, kPalette, 4096, 14336, 65, 128, tuned(kWgmma, 128, 4, 2, 2, 2, 5)},   // 47.5 (44.7)
    {kH100, kPalette, 4096, 14336, 129, 256, tuned(kWgmma, 128, 8, 1, 2, 2, 4)},  // 72.4 (59.0)
    {kH100, kPalette, 4096, 14336, 257, 512, tuned(kWgmma, 256, 8, 1, 2, 1, 5)},  // 99.2 (82.0)
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
