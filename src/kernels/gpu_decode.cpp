// SPDX-License-Identifier: BSD-3-Clause
//
// The decoders of gpu.h: checks, then a launch.
#include "base/try.h"
#include "gpu/cuda_result.h"
#include "gpu/device_properties.h"
#include "kernels/argument_checks.h"
#include "kernels/decode/decode_params.h"
#include "unweight/gpu.h"

namespace unweight::gpu {
namespace {

using kernels::DecodeParams;
using kernels::DecodeTarget;

template <typename T>
const T* as(const std::byte* section) {
  return reinterpret_cast<const T*>(section);
}

DecodeParams make_params(const PackedTensor& tensor, const DecodeOptions& options) {
  const Extents& extents = tensor.extents;
  DecodeParams p{};
  p.grid = {extents.rows, extents.cols};
  p.record = as<kernels::TensorRecord>(tensor.record);
  p.chunk_streams = as<codec::ChunkStreamEntry>(tensor.chunk_streams);
  p.verbatim_index = as<codec::VerbatimIndexEntry>(tensor.verbatim_index);
  p.verbatim_positions = as<codec::VerbatimPosition>(tensor.verbatim_positions);
  p.verbatim_rows = as<std::uint8_t>(tensor.verbatim_rows);
  p.sign_mantissa = as<std::uint8_t>(tensor.sign_mantissa);
  p.codes = as<std::uint8_t>(tensor.codes);
  p.stream = as<std::uint8_t>(tensor.stream);
  p.num_verbatim_rows = extents.num_verbatim_rows;
  p.stream_bytes = extents.stream_bytes;
  p.max_chunk_stream_bytes = extents.max_chunk_stream_bytes != 0 ? extents.max_chunk_stream_bytes
                                                                 : codec::kMaxChunkStreamBytes;
  p.status = options.status;
  return p;
}

cudaError_t launch_family(Family family, const DecodeParams& params, const DecodeTarget& target,
                          const LaunchLimits& limits, std::uint32_t max_sms, Stream stream) {
  switch (family) {
    case Family::kPalette:
      return kernels::launch_palette_decode(params, target, limits, max_sms, stream);
    case Family::kHuffman:
      return kernels::launch_huffman_decode(params, target, limits, max_sms, stream);
    case Family::kRadix:
      return kernels::launch_radix_decode(params, target, limits, max_sms, stream);
    case Family::kRaw:
      break;
  }
  return cudaErrorInvalidValue;
}

Result<void> launch(const PackedTensor& tensor, const DecodeTarget& target, Stream stream,
                    const DecodeOptions& options) {
  const DecodeParams params = make_params(tensor, options);
  if (params.grid.num_tiles() == 0) return {};
  UNWEIGHT_TRY_ASSIGN(const LaunchLimits limits, launch_limits());
  return cuda_result(
      launch_family(tensor.extents.family, params, target, limits, options.launch.max_sms, stream),
      "decode");
}

Result<void> check_huffman(const PackedTensor& tensor) {
  UNWEIGHT_TRY(kernels::check_tensor(tensor));
  if (tensor.extents.family == Family::kHuffman) return {};
  return Error{ErrorCode::kInvalidArgument, "the packed tensor is not of the huffman family"};
}

}  // namespace

Result<void> decode(const PackedTensor& tensor, const MutableDeviceMatrix& out, Stream stream,
                    const DecodeOptions& options) {
  UNWEIGHT_TRY(kernels::check_tensor(tensor));
  UNWEIGHT_TRY(
      kernels::check_matrix(out.data, out.rows, out.cols, out.row_stride_elems, tensor.extents));
  const bool vectors = kernels::is_aligned(out.data, 16) && out.row_stride_elems % 8 == 0;
  return launch(tensor, {DecodeTarget::Kind::kMatrix, out.data, out.row_stride_elems, vectors},
                stream, options);
}

Result<void> decode_to_tiles(const PackedTensor& tensor, std::byte* out, Stream stream,
                             const DecodeOptions& options) {
  UNWEIGHT_TRY(kernels::check_tensor(tensor));
  UNWEIGHT_TRY(kernels::check_output(out, tensor.extents));
  return launch(tensor, {DecodeTarget::Kind::kTiles, out, 0, false}, stream, options);
}

Result<void> decode_exponents(const PackedTensor& tensor, std::byte* out, Stream stream,
                              const DecodeOptions& options) {
  UNWEIGHT_TRY(check_huffman(tensor));
  UNWEIGHT_TRY(kernels::check_output(out, tensor.extents));
  return launch(tensor, {DecodeTarget::Kind::kExponents, out, 0, false}, stream, options);
}

Result<void> transcode_to_codes(const PackedTensor& tensor, std::byte* codes, Stream stream,
                                const DecodeOptions& options) {
  UNWEIGHT_TRY(check_huffman(tensor));
  UNWEIGHT_TRY(kernels::check_output(codes, tensor.extents));
  return launch(tensor, {DecodeTarget::Kind::kCodes, codes, 0, false}, stream, options);
}

}  // namespace unweight::gpu
