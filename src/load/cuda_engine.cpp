// SPDX-License-Identifier: BSD-3-Clause
#include "load/cuda_engine.h"

#include <new>
#include <string>
#include <utility>

#include "base/try.h"
#include "gpu/device_properties.h"
#include "load/cuda_decoder.h"
#include "load/cuda_encoder.h"
#include "load/device_scope.h"
#include "unweight/gpu_engine.h"

namespace unweight {
namespace load {
namespace {

constexpr std::uint64_t kSlotBytes = std::uint64_t{8} << 20;
/// Other processes, contexts, fragmentation.
constexpr std::uint64_t kMarginBytes = std::uint64_t{256} << 20;

}  // namespace

bool EngineDevice::has_memory(std::uint64_t bytes) const noexcept {
  std::size_t free = 0, total = 0;
  if (cudaMemGetInfo(&free, &total) != cudaSuccess) {
    cudaGetLastError();
    return false;
  }
  return free >= kMarginBytes && bytes + bytes / 32 <= free - kMarginBytes;
}

Result<std::shared_ptr<TensorEngine>> CudaEngine::open(int device) {
  UNWEIGHT_TRY(gpu::usable_device(device));
  const DeviceScope scope(device);
  UNWEIGHT_TRY(scope.result());
  std::shared_ptr<CudaEngine> engine(new CudaEngine);
  EngineDevice& shared = engine->device_;
  shared.device = device;
  UNWEIGHT_TRY_ASSIGN(shared.pinned,
                      gpu::PinnedBuffer::allocate(StagingLane::kNumSlots * kSlotBytes));
  UNWEIGHT_TRY_ASSIGN(shared.lane, StagingLane::create(shared.pinned.data(), kSlotBytes));
  return std::shared_ptr<TensorEngine>(std::move(engine));
}

CudaEngine::~CudaEngine() {
  const DeviceScope scope(device_.device);
  device_.lane = {};
  device_.pinned = {};
}

bool CudaEngine::can_encode(const layout::TileGrid& grid) {
  const DeviceScope scope(device_.device);
  return scope.result().ok() && device_.has_memory(encoder_bytes(grid));
}

bool CudaEngine::can_decode(const layout::TileGrid& grid, Family, std::uint64_t packed_bytes) {
  const DeviceScope scope(device_.device);
  return scope.result().ok() && device_.has_memory(decoder_bytes(grid, packed_bytes));
}

Result<std::unique_ptr<EngineEncoder>> CudaEngine::begin_encode(const layout::TileGrid& grid) {
  return make_cuda_encoder(device_, grid);
}

Result<std::unique_ptr<EngineDecoder>> CudaEngine::begin_decode(
    const packed::PackedHeader& header) {
  return make_cuda_decoder(device_, header);
}

}  // namespace load

Result<std::shared_ptr<TensorEngine>> open_cuda_engine(int ordinal) {
  try {
    const auto usable = gpu::devices();
    if (ordinal >= 0 && static_cast<std::size_t>(ordinal) < usable.size()) {
      return load::CudaEngine::open(usable[static_cast<std::size_t>(ordinal)].ordinal);
    }
    if (auto first = gpu::usable_device(0); usable.empty() && !first) {
      return std::move(first).error();  // says why there is none
    }
    return Error{ErrorCode::kUnsupported, "there is no usable CUDA device " +
                                              std::to_string(ordinal) + ", " +
                                              std::to_string(usable.size()) + " found"};
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "out of memory"};
  }
}

int num_cuda_devices() noexcept {
  try {
    return static_cast<int>(gpu::devices().size());
  } catch (const std::bad_alloc&) {
    return 0;
  }
}

}  // namespace unweight
