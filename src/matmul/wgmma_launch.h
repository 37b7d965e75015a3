// SPDX-License-Identifier: BSD-3-Clause
//
// Launches of the wgmma matmul: one instantiation a form, token tile and blocks a warpgroup.
#pragma once

#include "matmul/matmul_params.h"
#include "matmul/tensor_maps.h"

namespace unweight::matmul {

template <gpu::WeightForm kForm>
cudaError_t launch_wgmma_form(const MatmulParams& params, const TensorMaps& maps,
                              const gpu::MatmulConfig& matmul, cudaLaunchConfig_t& config);

}  // namespace unweight::matmul
