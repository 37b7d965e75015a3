// SPDX-License-Identifier: BSD-3-Clause
//
// What a config makes of a problem: grid, threads, shared memory, the kernel's counts. No CUDA
// calls: plans are made and tested on any machine.
#pragma once

#include <cstdint>

#include "unweight/gpu_matmul.h"
#include "unweight/result.h"

namespace unweight::matmul {

/// Of the device, as far as plans depend on it.
struct DeviceShape {
  std::uint32_t num_sms = 132;                  ///< H100 SXM, H200
  std::uint32_t max_shared_bytes = 227 * 1024;  ///< dynamic, one CTA
};

struct Geometry {
  std::uint32_t num_strips = 0;  ///< of one matrix
  std::uint32_t num_matrices = 1;
  std::uint32_t num_k_tiles = 0;
  std::uint32_t num_row_groups = 0, num_m_tiles = 0, m_tiles_per_group = 1;
  std::uint32_t stage_bytes = 0, epilogue_offset = 0, scratch_offset = 0, barrier_offset = 0,
                shared_bytes = 0;
  std::uint32_t num_ctas = 0, cluster_size = 1, num_threads = 0;
};

/// Errors: kInvalidArgument, naming the field that does not fit.
Result<Geometry> geometry_of(const gpu::MatmulProblem& problem, const gpu::MatmulConfig& config,
                             const DeviceShape& device);

/// The planner behind plan_matmul().
Result<gpu::MatmulConfig> choose_config(const gpu::MatmulProblem& problem,
                                        const DeviceShape& device, std::uint32_t max_sms);

/// Bytes of a tile in the two sections that a form is read from.
struct TileSections {
  std::uint32_t first = 0, second = 0;
};
[[nodiscard]] TileSections tile_sections(gpu::WeightForm form);
[[nodiscard]] inline std::uint32_t tile_bytes(gpu::WeightForm form) {
  const TileSections sections = tile_sections(form);
  return sections.first + sections.second;
}

}  // namespace unweight::matmul
