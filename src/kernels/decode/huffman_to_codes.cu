// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/decode/huffman_decode.cuh"

namespace unweight::kernels {

template cudaError_t launch_huffman<DecodeTarget::Kind::kCodes>(const DecodeParams&,
                                                            const DecodeTarget&,
                                                            const gpu::LaunchLimits&,
                                                            std::uint32_t, cudaStream_t);

}  // namespace unweight::kernels
