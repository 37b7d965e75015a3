// SPDX-License-Identifier: BSD-3-Clause
//
// What the matmuls multiply: fragments that StripDecoder makes of stored tiles are the weights, bit
// for bit, whichever tiles of a strip a warp decodes. On the CPU; tests/gpu has the whole matmul.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "gpu_on_cpu/host_tensor.h"
#include "hostile_tensors.h"
#include "matmul/weight_fragments.cuh"

namespace unweight::matmul {
namespace {

using on_cpu::HostTensor;
using testing::HostileTensor;

MatmulParams params_of(const HostTensor& packed) {
  const layout::TileGrid grid{packed.rows, packed.cols};
  MatmulParams p{};
  p.weights[0] = packed.pointers();
  p.num_strips = static_cast<std::uint32_t>(grid.num_strips());
  p.num_k_tiles = static_cast<std::uint32_t>(grid.tiles_per_strip());
  p.n = static_cast<std::uint32_t>(packed.rows);
  p.k = static_cast<std::uint32_t>(packed.cols);
  return p;
}

/// Every step-th tile of a strip from `first_tile` on, by a warp; see(tile, lane, fragments).
template <WeightForm kForm, typename See>
void decode_strip(const MatmulParams& params, std::uint32_t strip, std::uint32_t first_tile,
                  std::uint32_t step, See see) {
  constexpr std::uint32_t kFirst = kFirstBytes<kForm>, kSecond = kSecondBytes<kForm>;
  cudaLaunchConfig_t warp{};
  warp.gridDim = {1, 1, 1};
  warp.blockDim = {32, 1, 1};
  warp.dynamicSmemBytes = kFirst + kSecond + kEscapeScratchBytes;
  const cudaError_t status = on_cpu::launch(warp, [&] {
    const std::uint32_t lane = threadIdx.x;
    StripDecoder<kForm> decoder(params);
    decoder.begin_matrix(0, kFirst + kSecond);
    decoder.open_matrix();
    decoder.begin_strip(strip, first_tile, step);
    decoder.open_strip(lane);
    decoder.start_strip(lane);
    for (std::uint32_t tile = first_tile; tile < params.num_k_tiles; tile += step) {
      __syncwarp();
      if (lane == 0) {
        const std::size_t at = std::size_t{strip} * params.num_k_tiles + tile;
        std::memcpy(dynamic, params.weights[0].first + at * kFirst, kFirst);
        std::memcpy(dynamic + kFirst, params.weights[0].second + at * kSecond, kSecond);
      }
      __syncwarp();
      const auto load = [&] {
        decoder.load(16 * lane, kFirst + kSecondLaneBytes<kForm> * lane, lane);
      };
      load();
      Fragments a;
      decoder.decode(lane, a, load);
      see(tile, lane, a);
    }
  });
  ASSERT_EQ(status, cudaSuccess) << on_cpu::launch_problem();
}

template <WeightForm kForm>
void expect_weights(const HostTensor& packed, const HostileTensor& t) {
  const MatmulParams params = params_of(packed);
  for (const std::uint32_t step : {1u, 3u}) {
    std::uint64_t num_wrong = 0, num_seen = 0;
    for (std::uint32_t strip = 0; strip < params.num_strips; ++strip) {
      for (std::uint32_t first = 0; first < std::min(step, params.num_k_tiles); ++first) {
        const auto see = [&](std::uint32_t tile, std::uint32_t lane, const Fragments& a) {
          for (std::uint32_t i = 0; i < layout::kLaneElems; ++i) {
            const layout::TilePosition p = layout::tile_position({lane, i});
            const std::uint64_t row = strip * layout::kTileRows + p.row;
            const std::uint64_t col = tile * layout::kTileCols + p.col;
            if (row >= t.rows) continue;
            const auto got = static_cast<std::uint16_t>(a[i / 8][i / 2 % 4] >> 16 * (i % 2));
            const std::uint16_t wanted = col < t.cols ? t.weights[row * t.cols + col] : 0;
            num_wrong += got != wanted ? 1 : 0;
            num_seen += col < t.cols ? 1 : 0;
          }
        };
        decode_strip<kForm>(params, strip, first, step, see);
      }
    }
    EXPECT_EQ(num_wrong, 0u) << t.name << ", every " << step << ". tile";
    EXPECT_EQ(num_seen, t.rows * t.cols) << t.name << ", every " << step << ". tile";
  }
}

std::vector<HostileTensor> tensors() {
  // 3, 17 and 34 tiles a strip: chunks begin and end anywhere in it.
  std::vector<HostileTensor> all = {
      testing::normal_tensor(33, 130),
      testing::normal_tensor(40, 2150),
      testing::student_t_tensor(50, 1088),
      testing::zero_mix_tensor(33, 600),
      testing::outlier_columns_tensor(40, 1000),
      testing::many_exponents_tensor(20, 300),
      testing::random_bits_tensor(17, 200),
      testing::every_exponent_everywhere_tensor(),
      testing::lone_outliers_tensor(),
      testing::constant_tensor(20, 70, 0x7f80),
      testing::normal_tensor(1, 1),
  };
  // One row in a hundred verbatim: windows of 32 end inside chunks, chunks inside windows.
  all.push_back(testing::normal_tensor(64, 2176));
  for (std::size_t i = 0; i < all.back().weights.size(); i += 811) all.back().weights[i] = 0x0001;
  all.back().name = "many rows";
  return all;
}

TEST(StripDecoder, GivesTheWeightsOfThePalette) {
  for (const HostileTensor& t : tensors())
    expect_weights<WeightForm::kPalette>(HostTensor(t, Family::kPalette), t);
}

TEST(StripDecoder, GivesTheWeightsOfRadix) {
  for (const HostileTensor& t : tensors())
    expect_weights<WeightForm::kRadix>(HostTensor(t, Family::kRadix), t);
}

// As the GPU encoder leaves it: room for more rows than there are, and the record says how many.
TEST(StripDecoder, StopsWhereTheRecordSays) {
  for (const HostileTensor& t :
       {testing::student_t_tensor(50, 1088), testing::lone_outliers_tensor(),
        testing::normal_tensor(33, 130), testing::random_bits_tensor(17, 200)}) {
    HostTensor packed(t, Family::kPalette);
    kernels::TensorRecord& record = *packed.record;
    record.outcome.fits = true;
    record.outcome.num_verbatim_rows = packed.num_verbatim_rows;
    packed.num_verbatim_rows += 100;
    for (const auto id :
         {packed::SectionId::kVerbatimPositions, packed::SectionId::kVerbatimRows}) {
      auto& section = packed.sections[static_cast<std::size_t>(id)];
      section.resize(section.size() + 800, std::byte{0});  // rows of tile 0 of any chunk
    }
    expect_weights<WeightForm::kPalette>(packed, t);
  }
}

// Whatever stands in the index: an end, and nothing outside of the sections is read.
TEST(StripDecoder, EndsWhateverTheIndexSays) {
  const HostileTensor t = testing::student_t_tensor(64, 1088);
  HostTensor packed(t, Family::kPalette);
  std::mt19937 rng(5);
  for (int round = 0; round < 20; ++round) {
    for (const auto id :
         {packed::SectionId::kVerbatimIndex, packed::SectionId::kVerbatimPositions}) {
      for (std::byte& byte : packed.sections[static_cast<std::size_t>(id)]) {
        if (rng() % 4 == 0) byte = static_cast<std::byte>(rng());
      }
    }
    const MatmulParams params = params_of(packed);
    std::uint32_t tiles = 0;
    for (std::uint32_t strip = 0; strip < params.num_strips; ++strip) {
      decode_strip<WeightForm::kPalette>(
          params, strip, 0, 1,
          [&](std::uint32_t, std::uint32_t lane, const Fragments&) { tiles += lane == 0 ? 1 : 0; });
    }
    EXPECT_EQ(tiles, params.num_strips * params.num_k_tiles);
  }
}

}  // namespace
}  // namespace unweight::matmul
