// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <memory>

#include "bundle/tensor_engine.h"
#include "layout/tile_order.h"
#include "load/cuda_engine.h"
#include "unweight/result.h"

namespace unweight::load {

/// Device memory of a decoder.
[[nodiscard]] std::uint64_t decoder_bytes(const layout::TileGrid& grid, std::uint64_t packed_bytes);

/// `device` outlives the decoder.
Result<std::unique_ptr<EngineDecoder>> make_cuda_decoder(EngineDevice& device,
                                                         const packed::PackedHeader& header);

}  // namespace unweight::load
