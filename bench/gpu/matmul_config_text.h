// SPDX-License-Identifier: BSD-3-Clause
//
// A MatmulConfig as short text, for results files and command lines:
//
//   mma t8 s7 w1 p1 k2 d6         wgmma t128 s8 w1 p1 c2 k1 d4
//
//   t tokens_per_tile   s strips_per_tile   w k_warps   p k_parts
//   c multicast (if not 1)   k tiles_per_stage   d num_stages   m max_sms (if not 0)
#pragma once

#include <optional>
#include <string>

#include "unweight/gpu_matmul.h"

namespace unweight::bench {

[[nodiscard]] std::string config_text(const gpu::MatmulConfig& config);
[[nodiscard]] std::optional<gpu::MatmulConfig> parse_config(const std::string& text);
/// The config as tuned_configs.h has it: "tuned(kMma, 8, 7, 1, 1, 2, 6)".
[[nodiscard]] std::string config_initializer(const gpu::MatmulConfig& config);

}  // namespace unweight::bench
