// SPDX-License-Identifier: BSD-3-Clause
//
// What a config makes of a problem: grid, threads, shared memory, the kernel's counts. No CUDA
// calls: plans are made and tested on any machine.
#pragma once

#include <cstdint>

#include "matmul/matmul_limits.h"
#include "unweight/gpu_matmul.h"
#include "unweight/result.h"

namespace unweight::matmul {

[[nodiscard]] constexpr std::uint32_t divide_up(std::uint64_t value, std::uint64_t by) {
  return static_cast<std::uint32_t>((value + by - 1) / by);
}

/// Of the device, as far as plans depend on it.
struct DeviceShape {
  std::uint32_t num_sms = 132;                  ///< H100 SXM, H200
  std::uint32_t max_shared_bytes = 227 * 1024;  ///< dynamic, one CTA
  std::uint32_t memory_bus_bits = 6144;         ///< H200; an H100 SXM has 5120. For planners
};

/// Shared memory that lets two CTAs be on an SM: the next kernel's while this one ends.
[[nodiscard]] constexpr std::uint32_t half_shared_bytes(const DeviceShape& device) {
  return (device.max_shared_bytes + kReservedSharedBytes) / 2 - kReservedSharedBytes;
}

struct Geometry {
  std::uint32_t num_strips = 0;  ///< of one matrix
  std::uint32_t num_matrices = 1;
  std::uint32_t num_k_tiles = 0;
  std::uint32_t group_strips = 0, num_larger_groups = 0;  ///< see MatmulParams
  std::uint32_t num_row_groups = 0, num_m_tiles = 0, m_tiles_per_group = 1;
  std::uint32_t stage_bytes = 0;  ///< of activations and all weights
  std::uint32_t epilogue_tokens = 8;
  std::uint32_t epilogue_offset = 0, scratch_offset = 0, barrier_offset = 0, shared_bytes = 0;
  std::uint32_t token_rows = 0, num_token_stages = 0, token_stage_bytes = 0;  ///< kMma
  std::uint32_t tiles_per_run = 0, tiles_per_part = 0, stages_per_item = 0;   ///< kMma: of a warp
  std::uint32_t num_ctas = 0, cluster_size = 1, num_consumer_warps = 0, num_threads = 0;
  std::uint32_t num_whole_items = 0, num_rounds = 0;  ///< see MatmulParams, as what follows
  std::uint32_t num_cut_ctas = 0, cut_tiles_each = 0, num_larger_cuts = 0;
};

/// Errors: kInvalidArgument, naming the field that does not fit.
Result<Geometry> geometry_of(const gpu::MatmulProblem& problem, const gpu::MatmulConfig& config,
                             const DeviceShape& device);

/// Workspace for stream-K's sums, without its flags; 0 without stream-K.
[[nodiscard]] std::uint64_t cut_sums_bytes(const gpu::MatmulConfig& config);

/// What a plan has to do with.
struct PlanLimits {
  std::uint32_t max_sms = 0;  ///< 0: all
  std::uint64_t workspace_bytes = 0;
};
/// The planner behind plan_matmul().
Result<gpu::MatmulConfig> choose_config(const gpu::MatmulProblem& problem,
                                        const DeviceShape& device, const PlanLimits& limits);

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
