// SPDX-License-Identifier: BSD-3-Clause
//
// What every kernel of the encoder gets, in the order in which they fill it:
//
//   count_exponents   weights -> record.exponent_counts
//   choose_palette    -> record: palette, code_of, padding_code
//   split_tiles       weights -> sign_mantissa, codes; record.pair_counts; verbatim rows per chunk,
//                     escapes per chunk and tile (kRadix)
//   build_code        record.pair_counts -> record: code, decode table           (kHuffman)
//   measure_lanes     codes -> lengths of the lane strings, bytes per chunk      (kHuffman)
//   place_chunks      prefix sums: where each chunk's stream and verbatim rows go; record.outcome
//   gather_verbatim   weights -> verbatim_positions, verbatim_rows
//   gather_escapes    the same of single weights, in its place                   (kRadix)
//   encode_streams    codes -> stream                                            (kHuffman)
//
// Where names say verbatim rows, kRadix has its escapes.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "codec/families_format.h"
#include "codec/radix_format.h"
#include "gpu/device_properties.h"
#include "kernels/tensor_record.h"
#include "layout/tile_order.h"

namespace unweight::kernels {

struct EncodeParams {
  const std::uint16_t* weights;  ///< [rows][cols], row i at weights + i * stride_elems
  layout::TileGrid grid;
  std::uint64_t stride_elems;
  bool rows_are_vectors;  ///< every row begins at a multiple of 16 bytes
  Family family;

  TensorRecord* record;
  std::uint8_t* sign_mantissa;  ///< [num_tiles][1024]
  std::uint8_t* codes;          ///< [num_tiles][512, kRadix 448]: section, or scratch (kHuffman)
  codec::VerbatimIndexEntry* verbatim_index;  ///< [num_chunks]; first_verbatim_row is the chunk's
                                              ///< count until place_chunks has run
  codec::VerbatimPosition* verbatim_positions;
  std::uint8_t* verbatim_rows;
  std::uint64_t verbatim_capacity;         ///< rows
  std::uint16_t* tile_escapes;             ///< kRadix, scratch: [num_tiles]
  codec::ChunkStreamEntry* chunk_streams;  ///< kHuffman: [num_chunks]
  std::uint32_t* chunk_bytes;              ///< kHuffman, scratch: [num_chunks]
  std::uint8_t* stream;                    ///< kHuffman
  std::uint64_t stream_capacity;           ///< bytes, tail included

  [[nodiscard]] UNWEIGHT_HOST_DEVICE bool huffman() const { return family == Family::kHuffman; }
};

cudaError_t launch_count_exponents(const EncodeParams& params, std::uint32_t num_sms,
                                   cudaStream_t stream);
cudaError_t launch_choose_palette(const EncodeParams& params, cudaStream_t stream);
cudaError_t launch_split_tiles(const EncodeParams& params, std::uint32_t num_sms,
                               cudaStream_t stream);
cudaError_t launch_build_code(const EncodeParams& params, cudaStream_t stream);
cudaError_t launch_measure_lanes(const EncodeParams& params, std::uint32_t num_sms,
                                 cudaStream_t stream);
cudaError_t launch_place_chunks(const EncodeParams& params, cudaStream_t stream);
cudaError_t launch_gather_verbatim(const EncodeParams& params, std::uint32_t num_sms,
                                   cudaStream_t stream);
cudaError_t launch_gather_escapes(const EncodeParams& params, std::uint32_t num_sms,
                                  cudaStream_t stream);
cudaError_t launch_encode_streams(const EncodeParams& params, std::uint32_t num_sms,
                                  cudaStream_t stream);

}  // namespace unweight::kernels
