// SPDX-License-Identifier: BSD-3-Clause
//
// gpu::encode(): checks, then one kernel after the other (encode/encode_params.h).
#include <fmt/format.h>

#include <algorithm>

#include "base/try.h"
#include "gpu/cuda_result.h"
#include "gpu/device_properties.h"
#include "kernels/argument_checks.h"
#include "kernels/encode/encode_params.h"
#include "packed/packed_format.h"
#include "unweight/gpu.h"

namespace unweight::gpu {
namespace {

using kernels::EncodeParams;
using kernels::TensorRecord;

Result<void> check_workspace(const std::byte* workspace, std::uint64_t bytes,
                             const Extents& extents) {
  const std::uint64_t needed = encode_workspace_bytes(extents.family, extents.rows, extents.cols);
  if (bytes < needed) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("workspace has {} bytes, {} are needed", bytes, needed)};
  }
  if (needed != 0 &&
      (workspace == nullptr || !kernels::is_aligned(workspace, packed::kAlignment))) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("workspace is null or not {}-byte aligned", packed::kAlignment)};
  }
  return {};
}

EncodeParams make_params(const DeviceMatrix& weights, const PackedTensor& out,
                         std::byte* workspace) {
  const Extents& extents = out.extents;
  EncodeParams p{};
  p.weights = weights.data;
  p.grid = {weights.rows, weights.cols};
  p.stride_elems = weights.row_stride_elems;
  p.rows_are_vectors = kernels::is_aligned(weights.data, 16) && weights.row_stride_elems % 8 == 0;
  p.family = extents.family;
  p.record = reinterpret_cast<TensorRecord*>(out.record);
  p.sign_mantissa = reinterpret_cast<std::uint8_t*>(out.sign_mantissa);
  p.verbatim_index = reinterpret_cast<codec::VerbatimIndexEntry*>(out.verbatim_index);
  p.verbatim_positions = reinterpret_cast<codec::VerbatimPosition*>(out.verbatim_positions);
  p.verbatim_rows = reinterpret_cast<std::uint8_t*>(out.verbatim_rows);
  p.verbatim_capacity = extents.num_verbatim_rows;
  p.stream_capacity = extents.stream_bytes;
  if (p.huffman()) {
    p.codes = reinterpret_cast<std::uint8_t*>(workspace);
    p.chunk_streams = reinterpret_cast<codec::ChunkStreamEntry*>(out.chunk_streams);
    p.chunk_bytes = reinterpret_cast<std::uint32_t*>(
        workspace + packed::align_up(p.grid.num_tiles() * layout::kTileCodeSectionBytes));
    p.stream = reinterpret_cast<std::uint8_t*>(out.stream);
  } else {
    p.codes = reinterpret_cast<std::uint8_t*>(out.codes);
    p.tile_escapes = reinterpret_cast<std::uint16_t*>(workspace);
  }
  return p;
}

Result<void> launch_all(const EncodeParams& p, std::uint32_t sms, Stream stream) {
  UNWEIGHT_TRY_CUDA(cudaMemsetAsync(p.record, 0, sizeof(TensorRecord), stream));
  const bool tiles = p.grid.num_tiles() != 0;
  if (tiles) {
    UNWEIGHT_TRY_CUDA(cudaMemsetAsync(
        p.verbatim_index, 0, p.grid.num_chunks() * sizeof(codec::VerbatimIndexEntry), stream));
    UNWEIGHT_TRY_CUDA(kernels::launch_count_exponents(p, sms, stream));
  }
  UNWEIGHT_TRY_CUDA(kernels::launch_choose_palette(p, stream));
  if (tiles) UNWEIGHT_TRY_CUDA(kernels::launch_split_tiles(p, sms, stream));
  if (p.huffman()) UNWEIGHT_TRY_CUDA(kernels::launch_build_code(p, stream));
  if (p.huffman() && tiles) UNWEIGHT_TRY_CUDA(kernels::launch_measure_lanes(p, sms, stream));
  UNWEIGHT_TRY_CUDA(kernels::launch_place_chunks(p, stream));
  if (tiles) {
    UNWEIGHT_TRY_CUDA(p.family == Family::kRadix ? kernels::launch_gather_escapes(p, sms, stream)
                                                 : kernels::launch_gather_verbatim(p, sms, stream));
  }
  if (p.huffman() && tiles) UNWEIGHT_TRY_CUDA(kernels::launch_encode_streams(p, sms, stream));
  return {};
}

}  // namespace

Result<void> encode(const DeviceMatrix& weights, const PackedTensor& out, std::byte* workspace,
                    std::uint64_t workspace_bytes, Stream stream, const LaunchOptions& options) {
  UNWEIGHT_TRY(kernels::check_tensor(out));
  UNWEIGHT_TRY(kernels::check_matrix(weights.data, weights.rows, weights.cols,
                                     weights.row_stride_elems, out.extents));
  UNWEIGHT_TRY(check_workspace(workspace, workspace_bytes, out.extents));
  UNWEIGHT_TRY_ASSIGN(const LaunchLimits limits, launch_limits());
  const std::uint32_t sms =
      options.max_sms == 0 ? limits.num_sms : std::min(options.max_sms, limits.num_sms);
  return launch_all(make_params(weights, out, workspace), sms, stream);
}

Result<EncodeOutcome> encode_outcome(const PackedTensor& tensor, Stream stream) {
  UNWEIGHT_TRY(kernels::check_tensor(tensor));
  EncodeOutcome outcome;
  UNWEIGHT_TRY_CUDA(
      cudaMemcpyAsync(&outcome, tensor.record, sizeof(outcome), cudaMemcpyDeviceToHost, stream));
  UNWEIGHT_TRY_CUDA(cudaStreamSynchronize(stream));
  return outcome;
}

}  // namespace unweight::gpu
