// SPDX-License-Identifier: BSD-3-Clause
//
// Bundles encoded and decoded on a GPU: bundle/tensor_engine.h over gpu.h. A tensor is in device
// memory as a whole, original and packed; the bytes are those of the CPU codec.
#pragma once

#include <cstdint>
#include <memory>

#include "bundle/tensor_engine.h"
#include "gpu/device_memory.h"
#include "load/staging.h"
#include "unweight/gpu.h"
#include "unweight/result.h"

namespace unweight::load {

/// What encoders and decoders of one engine share; one of them at a time.
struct EngineDevice {
  int device = 0;
  gpu::PinnedBuffer pinned;
  StagingLane lane;
  /// Whether so much memory can be had now, with a margin for what others take meanwhile.
  [[nodiscard]] bool has_memory(std::uint64_t bytes) const noexcept;
};

class CudaEngine final : public TensorEngine {
 public:
  /// kUnsupported: no such device, or not one there is code for.
  static Result<std::shared_ptr<TensorEngine>> open(int device);
  ~CudaEngine() override;

  bool can_encode(const layout::TileGrid& grid) override;
  bool can_decode(const layout::TileGrid& grid, Family family, std::uint64_t packed_bytes) override;
  Result<std::unique_ptr<EngineEncoder>> begin_encode(const layout::TileGrid& grid) override;
  Result<std::unique_ptr<EngineDecoder>> begin_decode(const packed::PackedHeader& header) override;

 private:
  CudaEngine() = default;
  EngineDevice device_;
};

}  // namespace unweight::load
