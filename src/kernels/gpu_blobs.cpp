// SPDX-License-Identifier: BSD-3-Clause
//
// Blobs in host memory <-> packed tensors in device memory (gpu.h).
#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "base/try.h"
#include "codec/radix_format.h"
#include "gpu/device_memory.h"
#include "kernels/argument_checks.h"
#include "kernels/packed_places.h"
#include "kernels/section_download.h"
#include "packed/packed_reader.h"
#include "packed/packed_writer.h"
#include "unweight/gpu.h"

namespace unweight::gpu {
namespace {

struct Encoded {
  DeviceBuffer memory;
  PackedTensor tensor;
  kernels::TensorRecord record;
};

Result<Encoded> encode_with(const DeviceMatrix& weights, const Extents& extents,
                            const DeviceBuffer& workspace, Stream stream) {
  Encoded encoded;
  UNWEIGHT_TRY_ASSIGN(encoded.memory, DeviceBuffer::allocate(packed_tensor_bytes(extents)));
  encoded.tensor = place_packed_tensor(extents, encoded.memory.data());
  UNWEIGHT_TRY(encode(weights, encoded.tensor, workspace.data(), workspace.bytes(), stream));
  UNWEIGHT_TRY_ASSIGN(encoded.record, kernels::download_record(encoded.tensor, stream));
  return encoded;
}

// If the first room for verbatim rows or escapes was not enough: for what that run counted.
Result<Encoded> encode_fitting(const DeviceMatrix& weights, Family family, Stream stream) {
  UNWEIGHT_TRY_ASSIGN(const DeviceBuffer workspace, DeviceBuffer::allocate(encode_workspace_bytes(
                                                        family, weights.rows, weights.cols)));
  Extents extents = kernels::first_extents(family, weights.rows, weights.cols);
  UNWEIGHT_TRY_ASSIGN(Encoded encoded, encode_with(weights, extents, workspace, stream));
  if (encoded.record.outcome.fits) return encoded;
  extents.num_verbatim_rows = encoded.record.outcome.num_verbatim_rows;
  if (family == Family::kRadix && extents.num_verbatim_rows > codec::kMaxEscapes) {
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("{} of {} x {} weights are escapes, at most {} can be counted",
                    extents.num_verbatim_rows, weights.rows, weights.cols, codec::kMaxEscapes)};
  }
  encoded = {};
  UNWEIGHT_TRY_ASSIGN(encoded, encode_with(weights, extents, workspace, stream));
  if (encoded.record.outcome.fits) return encoded;
  return Error{ErrorCode::kInternal, "the encoded tensor exceeds its own worst case"};
}

// XXH3 of the weights, row-major and dense, through a bounded host buffer.
Result<std::uint64_t> hash_weights(const DeviceMatrix& weights, Stream stream) {
  constexpr std::uint64_t kBufferElems = std::uint64_t{8} << 20;
  Xxh3Stream hash;
  const std::uint64_t piece_cols = std::min(weights.cols, kBufferElems);
  const std::uint64_t rows_at_once =
      piece_cols == weights.cols ? std::max<std::uint64_t>(1, kBufferElems / weights.cols) : 1;
  std::vector<std::uint16_t> buffer(std::min(weights.rows, rows_at_once) * piece_cols);
  for (std::uint64_t row = 0; row < weights.rows; row += rows_at_once) {
    const std::uint64_t rows = std::min(rows_at_once, weights.rows - row);
    for (std::uint64_t col = 0; col < weights.cols; col += piece_cols) {
      const std::uint64_t cols = std::min(piece_cols, weights.cols - col);
      UNWEIGHT_TRY_CUDA(cudaMemcpy2DAsync(buffer.data(), cols * sizeof(std::uint16_t),
                                          weights.data + row * weights.row_stride_elems + col,
                                          weights.row_stride_elems * sizeof(std::uint16_t),
                                          cols * sizeof(std::uint16_t), rows,
                                          cudaMemcpyDeviceToHost, stream));
      UNWEIGHT_TRY_CUDA(cudaStreamSynchronize(stream));
      hash.update(std::as_bytes(std::span(buffer).first(rows * cols)));
    }
  }
  return hash.digest();
}

Result<std::vector<std::byte>> assemble(const DeviceMatrix& weights, const Encoded& encoded,
                                        Stream stream) {
  std::uint64_t original_xxh3 = Xxh3Stream().digest();
  if (weights.rows != 0 && weights.cols != 0) {
    UNWEIGHT_TRY_ASSIGN(original_xxh3, hash_weights(weights, stream));
  }
  UNWEIGHT_TRY_ASSIGN(const codec::EncodePlan plan,
                      kernels::plan_of(encoded.record, encoded.tensor.extents));
  std::vector<std::byte> blob;
  const auto sink = [&blob](std::uint64_t offset, std::span<const std::byte> bytes) {
    if (offset + bytes.size() > blob.size()) blob.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), blob.begin() + static_cast<std::ptrdiff_t>(offset));
    return Result<void>();
  };
  packed::PackedWriter writer(plan, encoded.record.outcome.num_verbatim_rows, sink);
  codec::EncodedChunks chunks;
  UNWEIGHT_TRY(kernels::download_chunks(encoded.tensor, encoded.record, {0, plan.grid.num_chunks()},
                                        stream, chunks));
  UNWEIGHT_TRY(writer.append(chunks));
  UNWEIGHT_TRY_ASSIGN([[maybe_unused]] const packed::PackedHeader header,
                      writer.finish(original_xxh3));
  return blob;
}

}  // namespace

Result<void> upload(std::span<const std::byte> blob, const PackedTensor& tensor, Stream stream) {
  UNWEIGHT_TRY(kernels::check_tensor(tensor));
  // The view checks every index against the bytes that are there; nothing reaches a kernel before.
  UNWEIGHT_TRY(packed::open_packed(blob, true));
  UNWEIGHT_TRY_ASSIGN(const packed::PackedHeader header, packed::parse_header(blob, blob.size()));
  const Extents extents = kernels::extents_of(header);
  if (packed_tensor_bytes(extents) != packed_tensor_bytes(tensor.extents) ||
      extents.family != tensor.extents.family || extents.rows != tensor.extents.rows ||
      extents.num_verbatim_rows != tensor.extents.num_verbatim_rows ||
      extents.stream_bytes != tensor.extents.stream_bytes) {
    return Error{ErrorCode::kInvalidArgument, "the tensor's extents are not those of the blob"};
  }
  const kernels::TensorRecord record = kernels::make_record(header);
  UNWEIGHT_TRY_CUDA(
      cudaMemcpyAsync(tensor.record, &record, sizeof(record), cudaMemcpyHostToDevice, stream));
  const auto destinations = kernels::section_pointers(tensor);
  for (std::size_t i = 0; i < destinations.size(); ++i) {
    const packed::SectionEntry& section = header.sections[i];
    if (section.bytes == 0) continue;
    UNWEIGHT_TRY_CUDA(cudaMemcpyAsync(destinations[i], blob.data() + section.offset, section.bytes,
                                      cudaMemcpyHostToDevice, stream));
  }
  UNWEIGHT_TRY_CUDA(cudaStreamSynchronize(stream));
  return {};
}

Result<std::vector<std::byte>> encode_blob(const DeviceMatrix& weights, Family family,
                                           Stream stream) {
  UNWEIGHT_TRY(kernels::check_family(family));
  Extents extents{family, weights.rows, weights.cols, 0, 0, 0};
  if (!layout::TileGrid{weights.rows, weights.cols}.representable()) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} x {} is more than 2^35 weights, padding included", weights.rows,
                             weights.cols)};
  }
  UNWEIGHT_TRY(kernels::check_matrix(weights.data, weights.rows, weights.cols,
                                     weights.row_stride_elems, extents));
  UNWEIGHT_TRY_ASSIGN(const Encoded encoded, encode_fitting(weights, family, stream));
  return assemble(weights, encoded, stream);
}

}  // namespace unweight::gpu
