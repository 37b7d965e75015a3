// SPDX-License-Identifier: BSD-3-Clause
//
// From a CTA's number to what it multiplies, and from a stage's number to what it holds.
#pragma once

#include <cstdint>

#include "kernels/ptx/grid_moves.cuh"
#include "kernels/ptx/warp_moves.cuh"
#include "matmul/tensor_maps.h"
#include "matmul/weight_fragments.cuh"

namespace unweight::matmul {

/// Scratch of a consumer warp for its decoders.
__device__ __forceinline__ std::uint32_t escape_scratch(const MatmulParams& params,
                                                        std::uint32_t shared, std::uint32_t warp) {
  return shared + params.scratch_offset + warp * kEscapeScratchBytes;
}

struct Item {
  std::uint32_t first_strip;  ///< of each matrix
  std::uint32_t num_strips;   ///< of each matrix that exist; 0: past the last row tile
  std::uint32_t first_token;

  /// Tokens of a group of tiles go round fastest: CTAs that run at the same time read the same
  /// weights and the same activations. With multicast, the CTAs of a cluster (`rank`) have row
  /// tiles next to each other and the same tokens.
  __device__ __forceinline__ static Item of(const MatmulParams& params, std::uint32_t item,
                                            std::uint32_t rank, std::uint32_t tokens_per_tile) {
    std::uint32_t row_group = item, m_tile = 0;
    if (params.num_m_tiles != 1) {
      const std::uint32_t group_items = params.m_tiles_per_group * params.num_row_groups;
      const std::uint32_t group = item / group_items, rest = item % group_items;
      const std::uint32_t first_m = group * params.m_tiles_per_group;
      const std::uint32_t size = min(params.m_tiles_per_group, params.num_m_tiles - first_m);
      row_group = rest / size;
      m_tile = first_m + rest % size;
    }
    const std::uint32_t row_tile = row_group * params.multicast + rank;
    const std::uint32_t larger = params.num_larger_groups;
    Item place;
    place.first_strip =
        min(row_tile * params.group_strips + min(row_tile, larger), params.num_strips);
    place.num_strips = min(params.group_strips + (row_tile < larger ? 1 : 0),
                           params.num_strips - place.first_strip);
    place.first_token = m_tile * tokens_per_tile;
    return place;
  }
};

/// The first and the last coordinate of a box of activations that begins at column tile `tile`.
/// Boxes of several tiles need whole ones: then a tile is a coordinate of its own
/// (activation_map()).
struct TokenBoxPlace {
  std::uint32_t x, z;
  __device__ __forceinline__ TokenBoxPlace(const MatmulParams& params, std::uint32_t tile)
      : x(params.k_is_whole_tiles ? 0 : tile * layout::kTileCols),
        z(params.k_is_whole_tiles ? tile : 0) {}
};

/// Which items this CTA has, and where it stands in its cluster.
struct Share {
  std::uint32_t first_item, num_items, item_step;
  std::uint32_t part;  ///< of K
  std::uint32_t rank;  ///< of the multicast

  __device__ __forceinline__ explicit Share(const MatmulParams& params) {
    const std::uint32_t in_cluster = params.cluster_log2 == 0 ? 0 : ptx::cluster_ctarank();
    first_item = blockIdx.x >> params.cluster_log2;
    item_step = gridDim.x >> params.cluster_log2;
    num_items = params.num_row_groups * params.num_m_tiles;
    part = params.k_parts == 1 ? 0 : in_cluster;
    rank = params.multicast == 1 ? 0 : in_cluster;
  }
};

/// This CTA's part of K, in tiles, and its stages.
struct KRange {
  std::uint32_t begin, end;
  __device__ __forceinline__ KRange(const MatmulParams& params, std::uint32_t part)
      : begin(params.num_k_tiles * part >> params.k_parts_log2),
        end(params.num_k_tiles * (part + 1) >> params.k_parts_log2) {}
  [[nodiscard]] __device__ __forceinline__ std::uint32_t num_stages(
      const MatmulParams& params) const {
    return (end - begin + params.tiles_per_stage - 1) / params.tiles_per_stage;
  }
};

/// A stage in shared memory:
///   | activations: tiles_per_stage x [tokens][128 bytes, swizzled] |
///   | first sections: strips_per_tile x tiles_per_stage | second sections: the same |
/// Each matrix's part of the sections is one box of a tensor copy and a whole number of
/// kBoxAlignment bytes.
template <WeightForm kForm, std::uint32_t kTokens>
struct StageMap {
  std::uint32_t tiles, strips, strips_of_matrix;
  __device__ __forceinline__ explicit StageMap(const MatmulParams& params)
      : tiles(params.tiles_per_stage),
        strips(params.strips_per_tile),
        strips_of_matrix(params.strips_each) {}
  [[nodiscard]] __device__ __forceinline__ std::uint32_t tokens(std::uint32_t tile) const {
    return tile * (kTokens * kTokenTileBytes);
  }
  [[nodiscard]] __device__ __forceinline__ std::uint32_t first(std::uint32_t strip,
                                                               std::uint32_t tile) const {
    return tokens(tiles) + (strip * tiles + tile) * kFirstBytes<kForm>;
  }
  [[nodiscard]] __device__ __forceinline__ std::uint32_t second(std::uint32_t strip,
                                                                std::uint32_t tile) const {
    const std::uint32_t at = first(strips, 0) + (strip * tiles + tile) * kSecondBytes<kForm>;
    if constexpr (kSecondBytes<kForm> % kBoxAlignment == 0) return at;
    return strip < strips_of_matrix
               ? at
               : at + box_padding(strips_of_matrix * tiles * kSecondBytes<kForm>);
  }
};

/// Stages whose weights are asked for behind the first activations: those of all stages at once, of
/// all SMs, would be a queue of some microseconds in front of these.
inline constexpr std::uint32_t kStagesWithTokens = 2;
static_assert(kStagesWithTokens < kMinWgmmaStages);

/// The warp that fills stages. Weights first, for nearly as many stages as there are: they depend
/// on no kernel before this one. Activations when those have ended; with multicast each CTA of the
/// cluster brings its share of the tokens to all of them.
template <WeightForm kForm, std::uint32_t kTokens>
class StageProducer {
 public:
  __device__ __forceinline__ StageProducer(const MatmulParams& params, const TensorMaps& maps,
                                           const Share& share, std::uint32_t ring,
                                           std::uint32_t full, std::uint32_t empty)
      : params_(params),
        maps_(maps),
        share_(share),
        range_(params, share.part),
        map_(params),
        ring_(ring),
        full_(full),
        empty_(empty) {}

  /// By one thread.
  __device__ __forceinline__ void run() {
    const std::uint32_t my_items =
        share_.first_item < share_.num_items
            ? (share_.num_items - share_.first_item + share_.item_step - 1) / share_.item_step
            : 0;
    const std::uint32_t total = my_items * range_.num_stages(params_);
    const std::uint32_t room = min(total, params_.num_stages);
    const std::uint32_t ahead = min(total, params_.num_stages - kStagesWithTokens);
    Cursor at = start();
    for (std::uint32_t i = 0; i < ahead; ++i) {
      fill_weights(at, i);
      advance(at);
    }
    ptx::griddepcontrol_wait();
    at = start();
    for (std::uint32_t i = 0; i < room; ++i) {
      if (i >= ahead) fill_weights(at, i);
      fill_tokens(at, i);
      advance(at);
    }
    std::uint32_t slot = 0, parity = 0;
    for (std::uint32_t i = room; i < total; ++i) {
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
    std::uint32_t first_strip, first_token;
  };
  __device__ __forceinline__ void enter_item(Cursor& at) const {
    const Item item = Item::of(params_, at.item_number, share_.rank, kTokens);
    at.tile = range_.begin;
    at.first_strip = item.first_strip;
    at.first_token = item.first_token;
  }
  __device__ __forceinline__ Cursor start() const {
    Cursor at;
    at.item_number = share_.first_item;
    enter_item(at);
    return at;
  }
  __device__ __forceinline__ void advance(Cursor& at) const {
    at.tile += params_.tiles_per_stage;
    if (at.tile >= range_.end) {
      at.item_number += share_.item_step;
      enter_item(at);
    }
  }
  [[nodiscard]] __device__ __forceinline__ std::uint32_t tiles_of(const Cursor& at) const {
    return min(params_.tiles_per_stage, range_.end - at.tile);
  }

  /// Of activations.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t num_boxes(const Cursor& at) const {
    return params_.token_box_tiles == 1 ? tiles_of(at) : 1;
  }

  /// A box is always whole: what lies outside of the matrix arrives as zeros, tiles of the next
  /// part of K arrive and are not looked at.
  __device__ __forceinline__ void fill_weights(const Cursor& at, std::uint32_t slot) const {
    const std::uint32_t barrier = full_ + 8 * slot, stage = ring_ + slot * params_.stage_bytes;
    ptx::mbarrier_arrive_expect_tx(
        barrier, params_.tiles_per_stage * params_.strips_per_tile *
                     (kFirstBytes<kForm> + kSecondBytes<kForm>)+num_boxes(at) * params_.multicast *
                     params_.token_box_bytes);
    for (std::uint32_t matrix = 0; matrix < params_.num_matrices; ++matrix) {
      const std::uint32_t strip = matrix * params_.strips_each;
      ptx::tensor_copy_to_shared(stage + map_.first(strip, 0), maps_.first[matrix], 0, at.tile,
                                 at.first_strip, barrier);
      if constexpr (kSecondBytes<kForm> != 0) {
        ptx::tensor_copy_to_shared(stage + map_.second(strip, 0), maps_.second[matrix], 0, at.tile,
                                   at.first_strip, barrier);
      }
    }
  }
  __device__ __forceinline__ void fill_tokens(const Cursor& at, std::uint32_t slot) const {
    const std::uint32_t boxes = num_boxes(at);
    const std::uint32_t stage = ring_ + slot * params_.stage_bytes, barrier = full_ + 8 * slot;
    for (std::uint32_t i = 0; i < boxes; ++i) {
      const TokenBoxPlace box(params_, at.tile + i);
      const std::uint32_t target = stage + map_.tokens(i);
      if (params_.multicast == 1) {
        ptx::tensor_copy_to_shared(target, maps_.x, box.x, at.first_token, box.z, barrier);
      } else {
        const std::uint32_t token = share_.rank * (kTokens / params_.multicast);
        ptx::tensor_multicast_to_shared(target + token * kTokenTileBytes, maps_.x, box.x,
                                        at.first_token + token, box.z, barrier,
                                        (1u << params_.multicast) - 1);
      }
    }
  }

  const MatmulParams& params_;
  const TensorMaps& maps_;
  const Share& share_;
  KRange range_;
  StageMap<kForm, kTokens> map_;
  std::uint32_t ring_, full_, empty_;
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
