// SPDX-License-Identifier: BSD-3-Clause
#include "load/cuda_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/try.h"
#include "kernels/compare.h"
#include "kernels/packed_places.h"
#include "kernels/section_download.h"
#include "kernels/tensor_record.h"
#include "load/device_scope.h"

namespace unweight::load {
namespace {

using gpu::DeviceBuffer;

std::uint64_t matrix_bytes(const layout::TileGrid& grid) {
  return grid.num_elems() * sizeof(std::uint16_t);
}

class CudaEncoder final : public EngineEncoder {
 public:
  CudaEncoder(EngineDevice& device, const layout::TileGrid& grid) : device_(device), grid_(grid) {}
  ~CudaEncoder() override {
    const DeviceScope scope(device_.device);
    device_.lane.abandon();
    weights_ = {};
    packed_ = {};
  }

  Result<void> start() {
    const DeviceScope scope(device_.device);
    UNWEIGHT_TRY(scope.result());
    UNWEIGHT_TRY_ASSIGN(weights_, DeviceBuffer::allocate(matrix_bytes(grid_)));
    return {};
  }

  Result<void> append_rows(std::span<const std::uint16_t> rows) override {
    const DeviceScope scope(device_.device);
    UNWEIGHT_TRY(scope.result());
    const auto bytes = std::as_bytes(rows);
    if (bytes.size() > weights_.bytes() - appended_bytes_) {
      return Error{ErrorCode::kInternal, "more rows than the matrix has"};
    }
    UNWEIGHT_TRY(device_.lane.append(bytes, weights_.data() + appended_bytes_));
    appended_bytes_ += bytes.size();
    return {};
  }

  // Encodes at once: counting is most of encoding, and what is worth packing is nearly always
  // packed as Huffman. Where the extents are too small the counts are right even so.
  Result<EngineStatistics> analyze() override {
    const DeviceScope scope(device_.device);
    UNWEIGHT_TRY(scope.result());
    if (appended_bytes_ != weights_.bytes()) {
      return Error{ErrorCode::kInternal, "fewer rows than the matrix has"};
    }
    UNWEIGHT_TRY(device_.lane.flush());
    UNWEIGHT_TRY(run(kernels::first_extents(Family::kHuffman, grid_.rows, grid_.cols)));
    EngineStatistics counts;
    counts.exponents = record_.exponent_counts;
    counts.pairs = record_.pair_counts;
    counts.num_verbatim_rows = record_.outcome.num_verbatim_rows;
    return counts;
  }

  Result<void> encode(const codec::EncodePlan& plan) override {
    const DeviceScope scope(device_.device);
    UNWEIGHT_TRY(scope.result());
    gpu::Extents extents = tensor_.extents;
    extents.family = plan.family;
    extents.num_verbatim_rows = plan.family == Family::kRadix
                                    ? packed::num_escapes(plan, record_.exponent_counts)
                                    : record_.outcome.num_verbatim_rows;
    extents.max_chunk_stream_bytes = 0;
    if (plan.family != Family::kHuffman) {
      extents.stream_bytes = 0;
      UNWEIGHT_TRY(run(extents));
    } else if (!record_.outcome.fits) {
      extents.stream_bytes = std::max(extents.stream_bytes, record_.outcome.stream_bytes);
      UNWEIGHT_TRY(run(extents));
    }
    if (!record_.outcome.fits) {
      return Error{ErrorCode::kInternal, "GPU: the tensor does not fit what was counted"};
    }
    return check_plan(plan);
  }

  Result<void> self_check() override {
    const DeviceScope scope(device_.device);
    UNWEIGHT_TRY(scope.result());
    const gpu::Stream stream = device_.lane.stream();
    UNWEIGHT_TRY_ASSIGN(const DeviceBuffer decoded, DeviceBuffer::allocate(weights_.bytes()));
    UNWEIGHT_TRY_ASSIGN(const DeviceBuffer found, DeviceBuffer::allocate(sizeof(Found)));
    UNWEIGHT_TRY_CUDA(cudaMemsetAsync(found.data(), 0, sizeof(Found), stream));
    auto* const on_device = found.as<Found>();
    UNWEIGHT_TRY(gpu::decode(tensor_,
                             {decoded.as<std::uint16_t>(), grid_.rows, grid_.cols, grid_.cols},
                             stream, {.launch = {}, .status = &on_device->status}));
    UNWEIGHT_TRY_CUDA(kernels::count_differences(weights_.as<std::uint16_t>(),
                                                 decoded.as<std::uint16_t>(), grid_.num_elems(),
                                                 &on_device->num_differences, stream));
    Found result;
    UNWEIGHT_TRY_CUDA(
        cudaMemcpyAsync(&result, on_device, sizeof(Found), cudaMemcpyDeviceToHost, stream));
    UNWEIGHT_TRY_CUDA(cudaStreamSynchronize(stream));
    if (result.num_differences == 0 && result.status == 0) return {};
    return Error{ErrorCode::kInternal,
                 fmt::format("GPU self-check: {} of {} weights differ, status {}",
                             result.num_differences, grid_.num_elems(), result.status)};
  }

  Result<void> read_chunks(codec::ChunkRange chunks, codec::EncodedChunks& out) override {
    const DeviceScope scope(device_.device);
    UNWEIGHT_TRY(scope.result());
    return kernels::download_chunks(tensor_, record_, chunks, device_.lane.stream(), out);
  }

 private:
  struct Found {
    unsigned long long num_differences;
    std::uint32_t status;
    std::uint32_t reserved;
  };

  Result<void> run(const gpu::Extents& extents) {
    const gpu::Stream stream = device_.lane.stream();
    packed_ = {};
    UNWEIGHT_TRY_ASSIGN(packed_, DeviceBuffer::allocate(gpu::packed_tensor_bytes(extents)));
    tensor_ = gpu::place_packed_tensor(extents, packed_.data());
    UNWEIGHT_TRY_ASSIGN(const DeviceBuffer workspace,
                        DeviceBuffer::allocate(
                            gpu::encode_workspace_bytes(extents.family, grid_.rows, grid_.cols)));
    UNWEIGHT_TRY(gpu::encode({weights_.as<std::uint16_t>(), grid_.rows, grid_.cols, grid_.cols},
                             tensor_, workspace.data(), workspace.bytes(), stream));
    UNWEIGHT_TRY_ASSIGN(record_, kernels::download_record(tensor_, stream));
    tensor_.extents.max_chunk_stream_bytes = record_.outcome.max_chunk_stream_bytes;
    return {};
  }

  /// The GPU chooses for itself; both must have chosen the same.
  [[nodiscard]] Result<void> check_plan(const codec::EncodePlan& plan) const {
    const bool same_palette =
        plan.palette == record_.palette && plan.padding_code == record_.padding_code;
    const bool same_code =
        plan.family != Family::kHuffman || (plan.code.lengths == record_.code_lengths &&
                                            plan.code.single_symbol == record_.single_symbol);
    if (same_palette && same_code) return {};
    return Error{ErrorCode::kInternal, same_palette
                                           ? "GPU: code lengths differ from the plan's"
                                           : "GPU: palette or padding code differ from the plan's"};
  }

  EngineDevice& device_;
  layout::TileGrid grid_;
  DeviceBuffer weights_;
  std::uint64_t appended_bytes_ = 0;
  DeviceBuffer packed_;
  gpu::PackedTensor tensor_;
  kernels::TensorRecord record_{};  ///< of the last run
};

}  // namespace

std::uint64_t encoder_bytes(const layout::TileGrid& grid) {
  const std::uint64_t beside =
      std::max(matrix_bytes(grid),  // of the self-check
               gpu::encode_workspace_bytes(Family::kHuffman, grid.rows, grid.cols));
  return matrix_bytes(grid) +
         gpu::packed_tensor_bytes(kernels::first_extents(Family::kHuffman, grid.rows, grid.cols)) +
         beside;
}

Result<std::unique_ptr<EngineEncoder>> make_cuda_encoder(EngineDevice& device,
                                                         const layout::TileGrid& grid) {
  auto encoder = std::make_unique<CudaEncoder>(device, grid);
  UNWEIGHT_TRY(encoder->start());
  return std::unique_ptr<EngineEncoder>(std::move(encoder));
}

}  // namespace unweight::load
