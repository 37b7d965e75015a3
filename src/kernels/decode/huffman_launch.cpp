// SPDX-License-Identifier: BSD-3-Clause
//
// One instantiation a target, each compiled in a file of its own.
#include "kernels/decode/decode_params.h"

namespace unweight::kernels {

template <DecodeTarget::Kind kKind>
cudaError_t launch_huffman(const DecodeParams&, const DecodeTarget&, const gpu::LaunchLimits&,
                           std::uint32_t, cudaStream_t);

cudaError_t launch_huffman_decode(const DecodeParams& params, const DecodeTarget& target,
                                  const gpu::LaunchLimits& limits, std::uint32_t max_sms,
                                  cudaStream_t stream) {
  switch (target.kind) {
    case DecodeTarget::Kind::kMatrix:
      return launch_huffman<DecodeTarget::Kind::kMatrix>(params, target, limits, max_sms, stream);
    case DecodeTarget::Kind::kTiles:
      return launch_huffman<DecodeTarget::Kind::kTiles>(params, target, limits, max_sms, stream);
    case DecodeTarget::Kind::kExponents:
      return launch_huffman<DecodeTarget::Kind::kExponents>(params, target, limits, max_sms,
                                                            stream);
    case DecodeTarget::Kind::kCodes:
      return launch_huffman<DecodeTarget::Kind::kCodes>(params, target, limits, max_sms, stream);
  }
  return cudaErrorInvalidValue;
}

}  // namespace unweight::kernels
