// SPDX-License-Identifier: BSD-3-Clause
//
// Configs worth trying on a problem, for the sweep that tuned configs come from.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "unweight/gpu_matmul.h"

namespace unweight::bench {

/// Those that can_implement() accepts, of one kernel or of both. Pipelines are as deep as half of
/// an SM's shared memory allows (two CTAs, or the next kernel's beside this one's), and as all of
/// it does.
[[nodiscard]] std::vector<gpu::MatmulConfig> matmul_candidates(
    const gpu::MatmulProblem& problem, std::uint32_t num_sms,
    std::optional<gpu::MatmulConfig::Kernel> kernel);

}  // namespace unweight::bench
