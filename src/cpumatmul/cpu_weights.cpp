// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <array>

#include "base/thread_pool.h"
#include "base/try.h"
#include "codec/tile_kernels.h"
#include "cpumatmul/cpu_weights_state.h"
#include "layout/tile_order.h"
#include "packed/header_checks.h"
#include "packed/in_memory_codec.h"
#include "packed/matrix_view_checks.h"
#include "packed/packed_reader.h"

namespace unweight {
namespace {

/// Checksums are no proof against somebody who computes them: only decoding shows that a stream
/// decodes.
Result<void> check_streams(const codec::EncodedView& view, ThreadPool& pool) {
  if (view.family != Family::kHuffman) return {};
  const codec::TileKernels& kernels = codec::tile_kernels();
  return pool.parallel_for(view.chunk_streams.size(), [&](std::size_t c, unsigned) -> Result<void> {
    alignas(64) std::array<std::uint8_t, layout::kChunkTiles * layout::kTileCodeSectionBytes> codes;
    const codec::ChunkStreamEntry& entry = view.chunk_streams[c];
    if (!kernels.huffman_decode_chunk(view.stream.data() + entry.stream_offset(), entry,
                                      view.grid.chunk_tiles(c), view.table, codes.data())) {
      return Error{
          ErrorCode::kInvalidFormat,
          fmt::format("the Huffman codes of chunk {} do not end where their strings do", c)};
    }
    return {};
  });
}

}  // namespace

Result<CpuWeights> CpuWeights::open(std::span<const std::byte> blob, unsigned num_threads) {
  return packed::without_exceptions([&]() -> Result<CpuWeights> {
    UNWEIGHT_TRY_ASSIGN(const packed::PackedHeader header, packed::parse_header(blob, blob.size()));
    const layout::TileGrid grid{header.rows, header.cols};
    ThreadPool pool(packed::useful_threads(num_threads, grid.num_chunks()));
    UNWEIGHT_TRY(pool.parallel_for(packed::kNumSections, [&](std::size_t i, unsigned) {
      return packed::check_section_checksum(header, static_cast<packed::SectionId>(i), blob);
    }));
    UNWEIGHT_TRY_ASSIGN(codec::EncodedView view, packed::open_packed(blob, false));
    UNWEIGHT_TRY(check_streams(view, pool));
    return CpuWeights(std::make_shared<const State>(State{view}));
  });
}

std::uint64_t CpuWeights::rows() const noexcept {
  return state_->view.grid.rows;
}
std::uint64_t CpuWeights::cols() const noexcept {
  return state_->view.grid.cols;
}
Family CpuWeights::family() const noexcept {
  return state_->view.family;
}

}  // namespace unweight
