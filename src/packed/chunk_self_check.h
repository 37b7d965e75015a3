// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

#include "codec/chunk_encoder.h"
#include "unweight/result.h"

namespace unweight::packed {

/// Checks encoded chunks by decoding them again. Reuses its buffers from call to call: one object
/// per worker.
class ChunkSelfCheck {
 public:
  /// kInternal unless every weight of `chunks` comes back as it is in `source`. `encoded` is what
  /// encode_chunks() made of the same arguments; it is the same again when the call returns.
  Result<void> check(const codec::EncodePlan& plan, const codec::SourceWindow& source,
                     codec::ChunkRange chunks, codec::EncodedChunks& encoded);

 private:
  Result<void> compare(const layout::TileGrid& grid, const codec::SourceWindow& source,
                       codec::ChunkRange chunks, std::uint64_t num_tiles) const;

  std::vector<std::uint16_t> weights_;  ///< the range as one strip: 16 x 64 * its tiles
};

}  // namespace unweight::packed
