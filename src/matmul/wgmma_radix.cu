// SPDX-License-Identifier: BSD-3-Clause
#include "matmul/wgmma_matmul.cuh"

namespace unweight::matmul {

template cudaError_t launch_wgmma_form<WeightForm::kRadix>(const MatmulParams&, const TensorMaps&,
                                                           const gpu::MatmulConfig&,
                                                           cudaLaunchConfig_t&);

}  // namespace unweight::matmul
