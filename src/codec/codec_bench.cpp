// SPDX-License-Identifier: BSD-3-Clause
//
// Every kernel of every instruction set of this machine on N(0, 0.02) weights. bytes_per_second
// counts bytes of uncompressed BF16, one thread; the data (8 MiB) does not fit the second-level
// cache.
#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "codec/tile_kernels.h"
#include "hostile_tensors.h"
#include "layout/tile_order.h"

namespace {

using unweight::Isa;
using unweight::codec::TileKernels;
namespace codec = unweight::codec;
namespace layout = unweight::layout;

constexpr std::uint64_t kRows = 1024, kCols = 4096;
constexpr std::uint64_t kTilesPerStrip = kCols / layout::kTileCols;
constexpr std::uint64_t kNumTiles = kRows / layout::kTileRows * kTilesPerStrip;
constexpr std::size_t kChunkCodeBytes = layout::kChunkTiles * layout::kTileCodeSectionBytes;

/// The weights and everything that the kernels make of them.
struct Data {
  std::vector<std::uint16_t> weights;
  std::vector<std::uint16_t> joined = std::vector<std::uint16_t>(kNumTiles * layout::kTileElems);
  std::vector<std::uint8_t> sign_mantissa = bytes(layout::kTileByteSectionBytes);
  std::vector<std::uint8_t> exponents = bytes(layout::kTileByteSectionBytes);
  std::vector<std::uint8_t> codes = bytes(layout::kTileCodeSectionBytes);
  codec::Palette palette{};
  std::array<std::uint8_t, 256> code_of{};
  codec::HuffmanCode code;
  codec::DecodeTable table{};
  std::vector<std::vector<std::uint8_t>> streams;  ///< per chunk, the tail included
  std::vector<codec::ChunkStreamEntry> entries;    ///< per chunk

  static std::vector<std::uint8_t> bytes(std::size_t tile_bytes) {
    return std::vector<std::uint8_t>(kNumTiles * tile_bytes);
  }
};

std::uint64_t corner(std::uint64_t tile) {
  return tile / kTilesPerStrip * layout::kTileRows * kCols +
         tile % kTilesPerStrip * layout::kTileCols;
}

void split_all(const TileKernels& kernels, Data& data) {
  for (std::uint64_t t = 0; t < kNumTiles; ++t) {
    kernels.split_tile(data.weights.data() + corner(t), kCols,
                       data.sign_mantissa.data() + t * layout::kTileByteSectionBytes,
                       data.exponents.data() + t * layout::kTileByteSectionBytes);
  }
}

void join_all(const TileKernels& kernels, Data& data) {
  for (std::uint64_t t = 0; t < kNumTiles; ++t) {
    kernels.join_tile(data.sign_mantissa.data() + t * layout::kTileByteSectionBytes,
                      data.exponents.data() + t * layout::kTileByteSectionBytes,
                      data.joined.data() + corner(t), kCols);
  }
}

void join_palette_all(const TileKernels& kernels, Data& data) {
  for (std::uint64_t t = 0; t < kNumTiles; ++t) {
    kernels.join_palette_tile(data.sign_mantissa.data() + t * layout::kTileByteSectionBytes,
                              data.codes.data() + t * layout::kTileCodeSectionBytes,
                              data.palette.data(), data.joined.data() + corner(t), kCols);
  }
}

void pack_all(const TileKernels& kernels, Data& data) {
  std::array<std::uint32_t, layout::kSteps> verbatim_lanes{};
  for (std::uint64_t t = 0; t < kNumTiles; ++t) {
    kernels.pack_codes(
        data.exponents.data() + t * layout::kTileByteSectionBytes, data.code_of.data(), 0,
        data.codes.data() + t * layout::kTileCodeSectionBytes, verbatim_lanes.data());
  }
  benchmark::DoNotOptimize(verbatim_lanes);
}

void count_all(const TileKernels& kernels, Data& data) {
  std::array<std::uint64_t, 256> counts{};
  kernels.count_exponents(data.weights.data(), data.weights.size(), counts.data());
  benchmark::DoNotOptimize(counts);
}

codec::PairCounts count_pairs_of(const TileKernels& kernels, const Data& data) {
  codec::PairCounts counts{};
  kernels.count_pairs(data.codes.data(), kNumTiles, counts.data());
  return counts;
}

void count_pairs_all(const TileKernels& kernels, Data& data) {
  benchmark::DoNotOptimize(count_pairs_of(kernels, data));
}

void huffman_encode_all(const TileKernels& kernels, Data& data) {
  for (std::size_t c = 0; c < data.streams.size(); ++c) {
    data.entries[c] =
        kernels.huffman_encode_chunk(data.codes.data() + c * kChunkCodeBytes, layout::kChunkTiles,
                                     data.code, data.streams[c].data());
  }
}

void huffman_decode_all(const TileKernels& kernels, Data& data) {
  for (std::size_t c = 0; c < data.streams.size(); ++c) {
    const bool whole =
        kernels.huffman_decode_chunk(data.streams[c].data(), data.entries[c], layout::kChunkTiles,
                                     data.table, data.codes.data() + c * kChunkCodeBytes);
    if (!whole) std::abort();
  }
}

/// A palette of the 16 exponents up to the largest: what N(0, s) weights get.
void choose_palette(Data& data) {
  std::array<std::uint64_t, 256> counts{};
  for (const std::uint16_t w : data.weights) ++counts[codec::exponent_of(w)];
  std::uint32_t largest = 255;
  while (counts[largest] == 0) --largest;
  data.code_of.fill(codec::kNotInPalette);
  for (std::uint32_t i = 0; i < codec::kPaletteSize; ++i) {
    data.palette[i] = static_cast<std::uint8_t>(largest - codec::kPaletteSize + 1 + i);
    data.code_of[data.palette[i]] = static_cast<std::uint8_t>(i);
  }
}

void build_code(const TileKernels& kernels, Data& data) {
  const codec::CodeLengths lengths = codec::build_code_lengths(count_pairs_of(kernels, data));
  if (!codec::build_canonical_code(lengths, 0, data.code)) std::abort();
  data.table = codec::build_decode_table(data.code);
}

Data& shared_data() {
  static Data data = [] {
    Data made;
    made.weights = unweight::testing::normal_tensor(kRows, kCols).weights;
    choose_palette(made);
    constexpr std::size_t kRoomBytes = codec::kMaxChunkStreamBytes + codec::kStreamTailBytes;
    made.streams.assign(kNumTiles / layout::kChunkTiles, std::vector<std::uint8_t>(kRoomBytes));
    made.entries.resize(made.streams.size());
    const TileKernels& kernels = codec::tile_kernels();
    split_all(kernels, made);
    pack_all(kernels, made);
    build_code(kernels, made);
    huffman_encode_all(kernels, made);
    return made;
  }();
  return data;
}

using KernelOverAll = void (*)(const TileKernels&, Data&);

void run(benchmark::State& state, KernelOverAll kernel, const TileKernels* kernels) {
  Data& data = shared_data();
  for (auto _ : state) {
    kernel(*kernels, data);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(2 * data.weights.size()));
}

void register_kernel(const std::string& name, KernelOverAll kernel) {
  for (const Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (isa > unweight::detected_isa()) break;
    benchmark::RegisterBenchmark((name + "/" + unweight::isa_name(isa)).c_str(), run, kernel,
                                 &codec::tile_kernels(isa));
  }
}

}  // namespace

int main(int argc, char** argv) {
  register_kernel("count_exponents", count_all);
  register_kernel("split_tile", split_all);
  register_kernel("join_tile", join_all);
  register_kernel("join_palette_tile", join_palette_all);
  register_kernel("pack_codes", pack_all);
  register_kernel("count_pairs", count_pairs_all);
  register_kernel("huffman_encode_chunk", huffman_encode_all);
  register_kernel("huffman_decode_chunk", huffman_decode_all);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
