// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/section_download.h"

#include <algorithm>
#include <vector>

#include "base/try.h"
#include "codec/family_sizes.h"
#include "gpu/cuda_result.h"

namespace unweight::kernels {
namespace {

template <typename T>
Result<void> download(const std::byte* section, std::uint64_t first, std::uint64_t count,
                      std::vector<T>& out, gpu::Stream stream) {
  out.resize(count);
  if (count == 0) return {};
  UNWEIGHT_TRY_CUDA(cudaMemcpyAsync(out.data(), section + first * sizeof(T), count * sizeof(T),
                                    cudaMemcpyDeviceToHost, stream));
  return {};
}

Result<void> wait(gpu::Stream stream) {
  UNWEIGHT_TRY_CUDA(cudaStreamSynchronize(stream));
  return {};
}

// First verbatim row of the chunk behind the range: one entry more, or the total.
Result<std::uint64_t> verbatim_end(const gpu::PackedTensor& tensor, const TensorRecord& record,
                                   std::uint64_t next_chunk, std::uint64_t num_chunks,
                                   gpu::Stream stream) {
  if (next_chunk == num_chunks) return record.outcome.num_verbatim_rows;
  std::vector<codec::VerbatimIndexEntry> next;
  UNWEIGHT_TRY(download(tensor.verbatim_index, next_chunk, 1, next, stream));
  UNWEIGHT_TRY(wait(stream));
  return std::uint64_t{next[0].first_verbatim_row};
}

Result<void> download_streams(const gpu::PackedTensor& tensor, codec::ChunkRange chunks,
                              gpu::Stream stream, codec::EncodedChunks& out) {
  UNWEIGHT_TRY(
      download(tensor.chunk_streams, chunks.first, chunks.count, out.chunk_streams, stream));
  UNWEIGHT_TRY(wait(stream));
  const std::uint64_t begin = out.chunk_streams.front().stream_offset();
  const codec::ChunkStreamEntry& last = out.chunk_streams.back();
  const std::uint64_t end = last.stream_offset() + codec::chunk_stream_bytes(last);
  for (codec::ChunkStreamEntry& entry : out.chunk_streams) {
    entry.packed -= begin;  // the offset's bits are the lowest
  }
  return download(tensor.stream, begin, end - begin, out.stream, stream);
}

}  // namespace

Result<TensorRecord> download_record(const gpu::PackedTensor& tensor, gpu::Stream stream) {
  TensorRecord record;
  UNWEIGHT_TRY_CUDA(
      cudaMemcpyAsync(&record, tensor.record, sizeof(record), cudaMemcpyDeviceToHost, stream));
  UNWEIGHT_TRY(wait(stream));
  return record;
}

Result<codec::EncodePlan> plan_of(const TensorRecord& record, const gpu::Extents& extents) {
  codec::EncodePlan plan;
  plan.family = extents.family;
  plan.grid = {extents.rows, extents.cols};
  plan.palette = record.palette;
  plan.palette_is_run = record.palette_is_run != 0;
  plan.padding_code = record.padding_code;
  if (extents.family == Family::kHuffman &&
      !codec::build_canonical_code(record.code_lengths, record.single_symbol, plan.code)) {
    return Error{ErrorCode::kInternal, "the GPU's package-merge gave an incomplete code"};
  }
  return plan;
}

Result<void> download_chunks(const gpu::PackedTensor& tensor, const TensorRecord& record,
                             codec::ChunkRange chunks, gpu::Stream stream,
                             codec::EncodedChunks& out) {
  const layout::TileGrid grid{tensor.extents.rows, tensor.extents.cols};
  out.stream.clear();
  out.chunk_streams.clear();
  if (chunks.count == 0) {
    out = {};
    return {};
  }
  const std::uint64_t first_tile = chunks.first * layout::kChunkTiles;
  const std::uint64_t end_tile =
      std::min((chunks.first + chunks.count) * layout::kChunkTiles, grid.num_tiles());
  UNWEIGHT_TRY(download(tensor.sign_mantissa, first_tile * layout::kTileByteSectionBytes,
                        (end_tile - first_tile) * layout::kTileByteSectionBytes, out.sign_mantissa,
                        stream));
  UNWEIGHT_TRY(
      download(tensor.verbatim_index, chunks.first, chunks.count, out.verbatim_index, stream));
  const Family family = tensor.extents.family;
  if (family == Family::kHuffman) {
    UNWEIGHT_TRY(download_streams(tensor, chunks, stream, out));
  } else {
    const std::uint64_t tile_bytes = codec::tile_codes_bytes(family);
    UNWEIGHT_TRY(download(tensor.codes, first_tile * tile_bytes,
                          (end_tile - first_tile) * tile_bytes, out.codes, stream));
  }
  UNWEIGHT_TRY_ASSIGN(
      const std::uint64_t end,
      verbatim_end(tensor, record, chunks.first + chunks.count, grid.num_chunks(), stream));
  UNWEIGHT_TRY(wait(stream));
  const std::uint64_t first = out.verbatim_index.front().first_verbatim_row;
  for (codec::VerbatimIndexEntry& entry : out.verbatim_index) {
    entry.first_verbatim_row -= static_cast<std::uint32_t>(first);
  }
  UNWEIGHT_TRY(
      download(tensor.verbatim_positions, first, end - first, out.verbatim_positions, stream));
  const std::uint64_t row_bytes = codec::verbatim_bytes(family);
  UNWEIGHT_TRY(download(tensor.verbatim_rows, first * row_bytes, (end - first) * row_bytes,
                        out.verbatim_rows, stream));
  return wait(stream);
}

}  // namespace unweight::kernels
