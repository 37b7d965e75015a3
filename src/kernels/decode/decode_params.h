// SPDX-License-Identifier: BSD-3-Clause
//
// What the decoders get. Nothing that device memory says is trusted: `num_verbatim_rows` and
// `stream_bytes` come from the host and are where the arrays end.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "codec/families_format.h"
#include "gpu/device_properties.h"
#include "kernels/tensor_record.h"
#include "layout/tile_order.h"

namespace unweight::kernels {

struct DecodeParams {
  layout::TileGrid grid;
  const TensorRecord* record;
  const codec::ChunkStreamEntry* chunk_streams;       ///< kHuffman: [num_chunks]
  const codec::VerbatimIndexEntry* verbatim_index;    ///< [num_chunks]
  const codec::VerbatimPosition* verbatim_positions;  ///< [num_verbatim_rows]
  const std::uint8_t* verbatim_rows;                  ///< [num_verbatim_rows][8], kRadix: 1
  const std::uint8_t* sign_mantissa;                  ///< [num_tiles][1024]
  const std::uint8_t* codes;                          ///< kPalette: [num_tiles][512], kRadix: 448
  const std::uint8_t* stream;                         ///< kHuffman: [stream_bytes]
  std::uint64_t num_verbatim_rows;
  std::uint64_t stream_bytes;
  std::uint32_t max_chunk_stream_bytes;  ///< what shared memory is reserved for; never 0
  std::uint32_t* status;                 ///< null, or where kStatus... bits go
};

/// Where decoders put what they decode.
struct DecodeTarget {
  enum class Kind : std::uint8_t {
    kMatrix,     ///< BF16, row-major
    kTiles,      ///< BF16, weight section
    kExponents,  ///< byte section
    kCodes,      ///< code section; from kHuffman only
  };
  Kind kind;
  void* out;
  std::uint64_t stride_elems;  ///< kMatrix
  bool rows_are_vectors;       ///< kMatrix: every row begins at a multiple of 16 bytes
};

/// `max_sms` 0: all of them.
cudaError_t launch_huffman_decode(const DecodeParams& params, const DecodeTarget& target,
                                  const gpu::LaunchLimits& limits, std::uint32_t max_sms,
                                  cudaStream_t stream);
/// kMatrix and kTiles.
cudaError_t launch_palette_decode(const DecodeParams& params, const DecodeTarget& target,
                                  const gpu::LaunchLimits& limits, std::uint32_t max_sms,
                                  cudaStream_t stream);
cudaError_t launch_radix_decode(const DecodeParams& params, const DecodeTarget& target,
                                const gpu::LaunchLimits& limits, std::uint32_t max_sms,
                                cudaStream_t stream);

}  // namespace unweight::kernels
