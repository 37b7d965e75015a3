// SPDX-License-Identifier: BSD-3-Clause
#include "load/cuda_decoder.h"

#include <array>
#include <utility>

#include "base/try.h"
#include "kernels/packed_places.h"
#include "kernels/tensor_record.h"
#include "load/device_scope.h"

namespace unweight::load {
namespace {

using gpu::DeviceBuffer;

class CudaDecoder final : public EngineDecoder {
 public:
  CudaDecoder(EngineDevice& device, const packed::PackedHeader& header)
      : device_(device), header_(header), grid_{header.rows, header.cols} {}
  ~CudaDecoder() override {
    const DeviceScope scope(device_.device);
    device_.lane.abandon();
    packed_ = {};
    weights_ = {};
  }

  Result<void> start() {
    const DeviceScope scope(device_.device);
    UNWEIGHT_TRY(scope.result());
    const gpu::Extents extents = kernels::extents_of(header_);
    UNWEIGHT_TRY_ASSIGN(packed_, DeviceBuffer::allocate(gpu::packed_tensor_bytes(extents)));
    UNWEIGHT_TRY_ASSIGN(weights_,
                        DeviceBuffer::allocate(grid_.num_elems() * sizeof(std::uint16_t)));
    tensor_ = gpu::place_packed_tensor(extents, packed_.data());
    const kernels::TensorRecord record = kernels::make_record(header_);
    return device_.lane.append(std::as_bytes(std::span(&record, 1)), tensor_.record);
  }

  Result<void> append_section(packed::SectionId id, std::span<const std::byte> bytes) override {
    const DeviceScope scope(device_.device);
    UNWEIGHT_TRY(scope.result());
    const auto i = static_cast<std::size_t>(id);
    if (bytes.size() > header_.sections[i].bytes - appended_bytes_[i]) {
      return Error{ErrorCode::kInternal, "more bytes than the section has"};
    }
    UNWEIGHT_TRY(
        device_.lane.append(bytes, kernels::section_pointers(tensor_)[i] + appended_bytes_[i]));
    appended_bytes_[i] += bytes.size();
    return {};
  }

  Result<void> decode() override {
    const DeviceScope scope(device_.device);
    UNWEIGHT_TRY(scope.result());
    for (std::size_t i = 0; i < appended_bytes_.size(); ++i) {
      if (appended_bytes_[i] != header_.sections[i].bytes) {
        return Error{ErrorCode::kInternal, "fewer bytes than the section has"};
      }
    }
    const gpu::Stream stream = device_.lane.stream();
    UNWEIGHT_TRY_ASSIGN(const DeviceBuffer status, DeviceBuffer::allocate(sizeof(std::uint32_t)));
    UNWEIGHT_TRY(device_.lane.flush());
    UNWEIGHT_TRY_CUDA(cudaMemsetAsync(status.data(), 0, sizeof(std::uint32_t), stream));
    UNWEIGHT_TRY(gpu::decode(tensor_,
                             {weights_.as<std::uint16_t>(), grid_.rows, grid_.cols, grid_.cols},
                             stream, {.launch = {}, .status = status.as<std::uint32_t>()}));
    std::uint32_t found = 0;
    UNWEIGHT_TRY_CUDA(
        cudaMemcpyAsync(&found, status.data(), sizeof(found), cudaMemcpyDeviceToHost, stream));
    UNWEIGHT_TRY_CUDA(cudaStreamSynchronize(stream));
    packed_ = {};
    if (found == 0) return {};
    return Error{ErrorCode::kInvalidFormat,
                 (found & gpu::kStatusStreamMismatch) != 0
                     ? "section stream: codes do not end where their strings do"
                     : "an index points outside its section"};
  }

  Result<void> read_rows(std::uint64_t first, std::uint64_t count,
                         std::span<std::uint16_t> out) override {
    const DeviceScope scope(device_.device);
    UNWEIGHT_TRY(scope.result());
    if (first > grid_.rows || count > grid_.rows - first || out.size() < count * grid_.cols) {
      return Error{ErrorCode::kInternal, "rows outside of the matrix"};
    }
    return device_.lane.download(weights_.data() + first * grid_.cols * sizeof(std::uint16_t),
                                 std::as_writable_bytes(out.first(count * grid_.cols)));
  }

 private:
  EngineDevice& device_;
  packed::PackedHeader header_;
  layout::TileGrid grid_;
  DeviceBuffer packed_, weights_;
  gpu::PackedTensor tensor_;
  std::array<std::uint64_t, packed::kNumSections> appended_bytes_{};
};

}  // namespace

std::uint64_t decoder_bytes(const layout::TileGrid& grid, std::uint64_t packed_bytes) {
  return packed_bytes + gpu::kRecordBytes + grid.num_elems() * sizeof(std::uint16_t);
}

Result<std::unique_ptr<EngineDecoder>> make_cuda_decoder(EngineDevice& device,
                                                         const packed::PackedHeader& header) {
  auto decoder = std::make_unique<CudaDecoder>(device, header);
  UNWEIGHT_TRY(decoder->start());
  return std::unique_ptr<EngineDecoder>(std::move(decoder));
}

}  // namespace unweight::load
