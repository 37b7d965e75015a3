// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <memory>

#include "bundle/tensor_engine.h"
#include "layout/tile_order.h"
#include "load/cuda_engine.h"
#include "unweight/result.h"

namespace unweight::load {

/// Device memory of an encoder that meets a tensor worth packing; with more verbatim rows it may
/// need more, and fail with kOutOfMemory.
[[nodiscard]] std::uint64_t encoder_bytes(const layout::TileGrid& grid);

/// `device` outlives the encoder.
Result<std::unique_ptr<EngineEncoder>> make_cuda_encoder(EngineDevice& device,
                                                         const layout::TileGrid& grid);

}  // namespace unweight::load
