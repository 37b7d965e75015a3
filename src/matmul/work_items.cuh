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
    num_items = params.num_whole_items;
    part = params.k_parts == 1 ? 0 : in_cluster;
    rank = params.multicast == 1 ? 0 : in_cluster;
  }
};

/// This CTA's part of K, in tiles.
struct KRange {
  std::uint32_t begin, end;
  __device__ __forceinline__ KRange(const MatmulParams& params, std::uint32_t part)
      : begin(params.num_k_tiles * part >> params.k_parts_log2),
        end(params.num_k_tiles * (part + 1) >> params.k_parts_log2) {}
};

/// What a CTA of the wgmma kernel does at a time: tiles [begin, end) of K of an item.
struct Piece {
  static constexpr std::uint32_t kNoItem = ~0u;
  std::uint32_t item = kNoItem;
  std::uint32_t begin = 0, end = 0;
  [[nodiscard]] __device__ __forceinline__ bool exists() const { return item != kNoItem; }
};

/// The pieces of a CTA, in this order, some of which it may lack:
///
///   head   an item's first tiles, or some from its middle: the sums go to the workspace
///   round  whole items (or this CTA's part of their K), one after the other
///   tail   an item's last tiles: its other sums are fetched from CTAs before this one, it is
///   stored
///
/// Stream-K: all tiles of the cut items in a row are dealt out evenly.
///
///   items    |      whole + 0      |      whole + 1      |      whole + 2      |
///   CTAs     |      0      |      1      |      2      |      3      |    4    |
///               head         tail, head    head  (tail, head: whoever meets the border of items)
///
/// So a CTA waits only for CTAs of lower numbers, which the hardware starts earlier, and for what
/// those do before anything that they wait for.
class Pieces {
 public:
  static constexpr std::uint32_t kHead = 0;

  __device__ __forceinline__ explicit Pieces(const MatmulParams& params) : params_(params) {}

  [[nodiscard]] __device__ __forceinline__ std::uint32_t count() const {
    return params_.num_rounds + 2;
  }
  [[nodiscard]] __device__ __forceinline__ bool is_tail(std::uint32_t i) const {
    return i == params_.num_rounds + 1;
  }
  [[nodiscard]] __device__ __forceinline__ Piece operator[](std::uint32_t i) const {
    if (i == kHead) return head();
    if (is_tail(i)) return tail();
    const Share share(params_);  // anew: registers are scarce while products are summed
    const std::uint32_t item = share.first_item + (i - 1) * share.item_step;
    if (item >= share.num_items) return {};
    const KRange range(params_, share.part);
    return {item, range.begin, range.end};
  }
  /// Of all tiles of the cut items, CTA `cta`'s first one.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t first_cut_tile(std::uint32_t cta) const {
    return cta * params_.cut_tiles_each + min(cta, params_.num_larger_cuts);
  }

 private:
  /// Of the cut items, the one that the tile behind this CTA's last one is of.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t last_cut_item() const {
    return first_cut_tile(blockIdx.x + 1) / params_.num_k_tiles;
  }
  [[nodiscard]] __device__ __forceinline__ Piece head() const {
    if (blockIdx.x >= params_.num_cut_ctas) return {};
    const std::uint32_t item = last_cut_item(), first = item * params_.num_k_tiles;
    const std::uint32_t begin = max(first_cut_tile(blockIdx.x), first) - first;
    const std::uint32_t end = first_cut_tile(blockIdx.x + 1) - first;
    if (begin == end) return {};
    return {params_.num_whole_items + item, begin, end};
  }
  [[nodiscard]] __device__ __forceinline__ Piece tail() const {
    if (blockIdx.x >= params_.num_cut_ctas) return {};
    const std::uint32_t item = last_cut_item(), end = item * params_.num_k_tiles;
    const std::uint32_t begin = first_cut_tile(blockIdx.x);
    if (begin >= end) return {};
    return {params_.num_whole_items + item - 1, begin + params_.num_k_tiles - end,
            params_.num_k_tiles};
  }

  const MatmulParams& params_;
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
                                           std::uint32_t ring, std::uint32_t full,
                                           std::uint32_t empty)
      : params_(params),
        maps_(maps),
        pieces_(params),
        map_(params),
        ring_(ring),
        full_(full),
        empty_(empty) {}

  /// By one thread.
  __device__ __forceinline__ void run() {
    const std::uint32_t room = params_.num_stages, ahead = room - kStagesWithTokens;
    Cursor at = start();
    for (std::uint32_t i = 0; i < ahead && at.end != 0; ++i) {
      fill_weights(at, i);
      advance(at);
    }
    ptx::griddepcontrol_wait();
    at = start();
    for (std::uint32_t i = 0; i < room && at.end != 0; ++i) {
      if (i >= ahead) fill_weights(at, i);
      fill_tokens(at, i);
      advance(at);
    }
    std::uint32_t slot = 0, parity = 0;
    while (at.end != 0) {
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
    std::uint32_t number;     ///< of the next piece
    std::uint32_t tile, end;  ///< of K; end 0: everything is done
    std::uint32_t first_strip, first_token;
  };
  /// Of the pieces from number `at.number` on, the first that has tiles.
  __device__ __forceinline__ void enter_piece(Cursor& at) const {
    Piece piece;
    at.end = 0;
    while (piece.begin == piece.end) {
      if (at.number == pieces_.count()) return;
      piece = pieces_[at.number++];
    }
    const Item item = Item::of(params_, piece.item, Share(params_).rank, kTokens);
    at.tile = piece.begin;
    at.end = piece.end;
    at.first_strip = item.first_strip;
    at.first_token = item.first_token;
  }
  [[nodiscard]] __device__ __forceinline__ Cursor start() const {
    Cursor at;
    at.number = 0;
    enter_piece(at);
    return at;
  }
  __device__ __forceinline__ void advance(Cursor& at) const {
    at.tile += params_.tiles_per_stage;
    if (at.tile >= at.end) enter_piece(at);
  }
  [[nodiscard]] __device__ __forceinline__ std::uint32_t tiles_of(const Cursor& at) const {
    return min(params_.tiles_per_stage, at.end - at.tile);
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
        const std::uint32_t token = Share(params_).rank * (kTokens / params_.multicast);
        ptx::tensor_multicast_to_shared(target + token * kTokenTileBytes, maps_.x, box.x,
                                        at.first_token + token, box.z, barrier,
                                        (1u << params_.multicast) - 1);
      }
    }
  }

  const MatmulParams& params_;
  const TensorMaps& maps_;
  Pieces pieces_;
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
