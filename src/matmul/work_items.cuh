// SPDX-License-Identifier: BSD-3-Clause
//
// From a CTA's number to what it multiplies, and from a stage's number to what it holds.
#pragma once

#include <cstdint>

#include "kernels/ptx/grid_moves.cuh"
#include "kernels/ptx/warp_moves.cuh"
#include "matmul/weight_fragments.cuh"

namespace unweight::matmul {

namespace ptx = kernels::ptx;

/// Bytes of one token in a 64-column tile of activations: one row of a 128-byte swizzle.
inline constexpr std::uint32_t kTokenTileBytes = layout::kTileCols * 2;

struct Item {
  std::uint32_t first_strip;  ///< of each matrix
  std::uint32_t num_strips;   ///< of all matrices, <= strips_per_tile; 0: past the last row tile
  std::uint32_t first_token;

  /// Tokens of a group of tiles go round fastest: CTAs that run at the same time read the same
  /// weights and the same activations. With multicast, the CTAs of a cluster (`rank`) have row
  /// tiles next to each other and the same tokens.
  __device__ __forceinline__ static Item of(const MatmulParams& params, std::uint32_t item,
                                            std::uint32_t rank, std::uint32_t tokens_per_tile) {
    const std::uint32_t group_items = params.m_tiles_per_group * params.num_row_groups;
    const std::uint32_t group = item / group_items, rest = item % group_items;
    const std::uint32_t first_m = group * params.m_tiles_per_group;
    const std::uint32_t size = min(params.m_tiles_per_group, params.num_m_tiles - first_m);
    const std::uint32_t strips = params.strips_per_tile / params.num_matrices;
    Item place;
    place.first_strip = min((rest / size * params.multicast + rank) * strips, params.num_strips);
    place.num_strips = min(strips, params.num_strips - place.first_strip) * params.num_matrices;
    place.first_token = (first_m + rest % size) * tokens_per_tile;
    return place;
  }
};

/// Which items this CTA has, and where it stands in its cluster.
struct Share {
  std::uint32_t first_item, num_items, item_step;
  std::uint32_t part;  ///< of K
  std::uint32_t rank;  ///< of the multicast

  __device__ __forceinline__ explicit Share(const MatmulParams& params) {
    const std::uint32_t size = params.k_parts * params.multicast;
    const std::uint32_t in_cluster = size == 1 ? 0 : ptx::cluster_ctarank();
    first_item = blockIdx.x / size;
    item_step = gridDim.x / size;
    num_items = params.num_row_groups * params.num_m_tiles;
    part = params.k_parts == 1 ? 0 : in_cluster;
    rank = params.multicast == 1 ? 0 : in_cluster;
  }
};

/// This CTA's part of K, in tiles, and its stages.
struct KRange {
  std::uint32_t begin, end;
  __device__ __forceinline__ KRange(const MatmulParams& params, std::uint32_t part)
      : begin(
            static_cast<std::uint32_t>(std::uint64_t{params.num_k_tiles} * part / params.k_parts)),
        end(static_cast<std::uint32_t>(std::uint64_t{params.num_k_tiles} * (part + 1) /
                                       params.k_parts)) {}
  [[nodiscard]] __device__ __forceinline__ std::uint32_t num_stages(
      const MatmulParams& params) const {
    return (end - begin + params.tiles_per_stage - 1) / params.tiles_per_stage;
  }
};

/// A stage in shared memory:
///   | activations: tiles_per_stage x [tokens][128 bytes, swizzled] |
///   | first sections: strips_per_tile x tiles_per_stage | second sections: the same |
template <WeightForm kForm, std::uint32_t kTokens>
struct StageMap {
  std::uint32_t tiles, strips;
  __device__ __forceinline__ explicit StageMap(const MatmulParams& params)
      : tiles(params.tiles_per_stage), strips(params.strips_per_tile) {}
  [[nodiscard]] __device__ __forceinline__ std::uint32_t tokens(std::uint32_t tile) const {
    return tile * (kTokens * kTokenTileBytes);
  }
  [[nodiscard]] __device__ __forceinline__ std::uint32_t first(std::uint32_t strip,
                                                               std::uint32_t tile) const {
    return tokens(tiles) + (strip * tiles + tile) * kFirstBytes<kForm>;
  }
  [[nodiscard]] __device__ __forceinline__ std::uint32_t second(std::uint32_t strip,
                                                                std::uint32_t tile) const {
    return first(strips, 0) + (strip * tiles + tile) * kSecondBytes<kForm>;
  }
};

/// The warp that fills stages. Weights first, for as many stages as there are: they depend on no
/// kernel before this one. Activations when those have ended; with multicast each CTA of the
/// cluster brings its share of the tokens to all of them.
///
/// A stage has a few hundred clocks: everything that depends on the item alone is done once an
/// item, and every lane has one copy of a stage, of one section of one strip, whose source moves
/// on.
template <WeightForm kForm, std::uint32_t kTokens>
class StageProducer {
 public:
  static constexpr std::uint32_t kSections = kSecondBytes<kForm> != 0 ? 2 : 1;
  static_assert(kMaxStripsPerTile * kSections <= layout::kLanes);

  __device__ __forceinline__ StageProducer(const MatmulParams& params, const CUtensorMap& x,
                                           const Share& share, std::uint32_t ring,
                                           std::uint32_t full, std::uint32_t empty,
                                           std::uint32_t lane)
      : params_(params),
        x_(x),
        share_(share),
        range_(params, share.part),
        ring_(ring),
        full_(full),
        empty_(empty),
        lane_(lane) {
    const StageMap<kForm, kTokens> map(params);
    const std::uint32_t strip = lane / kSections;
    const bool is_first = lane % kSections == 0;
    lane_tile_bytes_ = is_first ? kFirstBytes<kForm> : kSecondBytes<kForm>;
    lane_target_ = is_first ? map.first(strip, 0) : map.second(strip, 0);
    const WeightPointers& from = params.weights[params.num_matrices == 2 ? strip % 2 : 0];
    lane_section_ = is_first ? from.first : from.second;
  }

  __device__ __forceinline__ void run() {
    const std::uint32_t my_items =
        share_.first_item < share_.num_items
            ? (share_.num_items - share_.first_item + share_.item_step - 1) / share_.item_step
            : 0;
    const std::uint32_t total = my_items * range_.num_stages(params_);
    const std::uint32_t ahead = min(total, params_.num_stages);
    if (total == 0) {
      ptx::griddepcontrol_wait();
      return;
    }
    Cursor at = start();
    for (std::uint32_t i = 0; i < ahead; ++i) {
      fill_weights(at, i);
      advance(at);
    }
    ptx::griddepcontrol_wait();
    Cursor tokens = start();
    for (std::uint32_t i = 0; i < ahead; ++i) {
      fill_tokens(tokens, i);
      advance(tokens);
    }
    std::uint32_t slot = 0, parity = 0;
    for (std::uint32_t i = ahead; i < total; ++i) {
      ptx::mbarrier_wait(empty_ + 8 * slot, parity);
      fill_weights(at, slot);
      fill_tokens(at, slot);
      advance(at);
      if (++slot == params_.num_stages) {
        slot = 0;
        parity ^= 1;
      }
    }
  }

 private:
  struct Cursor {
    std::uint32_t item_number, tile;
    std::uint32_t num_strips, first_token;
    const std::uint8_t* source;  ///< of this lane's next copy
  };
  __device__ __forceinline__ void enter_item(Cursor& at) const {
    const Item item = Item::of(params_, at.item_number, share_.rank, kTokens);
    const std::uint32_t strip = item.first_strip + (lane_ / kSections) / params_.num_matrices;
    at.tile = range_.begin;
    at.num_strips = item.num_strips;
    at.first_token = item.first_token;
    at.source = lane_section_ +
                (std::uint64_t{strip} * params_.num_k_tiles + range_.begin) * lane_tile_bytes_;
  }
  __device__ __forceinline__ Cursor start() const {
    Cursor at;
    at.item_number = share_.first_item;
    enter_item(at);
    return at;
  }
  __device__ __forceinline__ void advance(Cursor& at) const {
    at.tile += params_.tiles_per_stage;
    at.source += params_.tiles_per_stage * lane_tile_bytes_;
    if (at.tile >= range_.end) {
      at.item_number += share_.item_step;
      enter_item(at);
    }
  }
  [[nodiscard]] __device__ __forceinline__ std::uint32_t tiles_of(const Cursor& at) const {
    return min(params_.tiles_per_stage, range_.end - at.tile);
  }

  __device__ __forceinline__ void fill_weights(const Cursor& at, std::uint32_t slot) const {
    const std::uint32_t tiles = tiles_of(at);
    const std::uint32_t barrier = full_ + 8 * slot, stage = ring_ + slot * params_.stage_bytes;
    if (lane_ == 0) {
      ptx::mbarrier_arrive_expect_tx(
          barrier, tiles * (at.num_strips * (kFirstBytes<kForm> + kSecondBytes<kForm>)+kTokens *
                            kTokenTileBytes));
    }
    __syncwarp();
    if (lane_ < at.num_strips * kSections) {
      ptx::bulk_copy_to_shared(stage + lane_target_, at.source, tiles * lane_tile_bytes_, barrier);
    }
  }
  __device__ __forceinline__ void fill_tokens(const Cursor& at, std::uint32_t slot) const {
    if (lane_ != 0) return;
    const std::uint32_t tiles = tiles_of(at);
    const std::uint32_t stage = ring_ + slot * params_.stage_bytes, barrier = full_ + 8 * slot;
    for (std::uint32_t i = 0; i < tiles; ++i) {
      const std::uint32_t column = (at.tile + i) * layout::kTileCols;
      const std::uint32_t target = stage + i * (kTokens * kTokenTileBytes);
      if (params_.multicast == 1) {
        ptx::tensor_copy_to_shared(target, x_, column, at.first_token, barrier);
      } else {
        const std::uint32_t token = share_.rank * (kTokens / params_.multicast);
        ptx::tensor_multicast_to_shared(target + token * kTokenTileBytes, x_, column,
                                        at.first_token + token, barrier,
                                        (1u << params_.multicast) - 1);
      }
    }
  }

  const MatmulParams& params_;
  const CUtensorMap& x_;
  const Share& share_;
  KRange range_;
  std::uint32_t ring_, full_, empty_, lane_;
  std::uint32_t lane_tile_bytes_, lane_target_;
  const std::uint8_t* lane_section_;
};

/// A consumer's place in the ring.
struct RingPlace {
  std::uint32_t slot = 0, parity = 0;

  __device__ __forceinline__ void advance(std::uint32_t num_stages) {
    if (++slot == num_stages) {
      slot = 0;
      parity ^= 1;
    }
  }
};

}  // namespace unweight::matmul
