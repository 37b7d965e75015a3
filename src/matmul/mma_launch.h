// SPDX-License-Identifier: BSD-3-Clause
//
// Launches of the mma.sync matmul: one instantiation a form and token tile.
#pragma once

#include "matmul/matmul_params.h"
#include "matmul/tensor_maps.h"

namespace unweight::matmul {

inline constexpr std::uint32_t kMmaMaxThreads = layout::kLanes * (kMmaMaxWarps + 1);

template <gpu::WeightForm kForm>
cudaError_t launch_mma_form(const MatmulParams& params, const TensorMaps& maps,
                            const gpu::MatmulConfig& matmul, cudaLaunchConfig_t& config);

}  // namespace unweight::matmul
