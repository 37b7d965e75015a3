// SPDX-License-Identifier: BSD-3-Clause
//
// Everything about a load that can be decided before anything is copied: where each section will be
// in one device allocation (the arena), and in which pieces of work threads bring it there. No
// CUDA.
//
// A packed tensor in the arena is its record and then its blob without the header, byte for byte:
//
//   as stored      | record | chunk_streams | verbatim_* | sign_mantissa | codes or stream |
//   transcoded     | record |                 verbatim_* | sign_mantissa | codes           |
//
// so that most of it is one contiguous copy. What only transcoding needs goes to a scratch slot:
//
//   scratch        | chunk_streams | stream |
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "load/bundle_listing.h"
#include "unweight/gpu.h"
#include "unweight/gpu_load.h"

namespace unweight::load {

/// One run of bytes: from where, to where.
struct CopyPart {
  enum class Source : std::uint8_t {
    kRecord,   ///< made of the header
    kIndices,  ///< ListedTensor::indices, from source_offset on; already validated
    kFile,     ///< the file of the tensor, from source_offset on
  };
  enum class Target : std::uint8_t { kArena, kScratch };

  Source source = Source::kFile;
  Target target = Target::kArena;
  std::uint64_t source_offset = 0;
  std::uint64_t target_offset = 0;
  std::uint64_t bytes = 0;
  bool hashed = false;     ///< kFile: `xxh3` is to be checked, of exactly these bytes or,
  std::uint64_t xxh3 = 0;  ///< with a chain, of all its pieces
  const char* what = "";   ///< for messages: the section's name
  std::size_t chain = kNoChain;
  std::uint64_t chain_offset = 0;  ///< where in the chain's bytes the piece begins
  bool ends_chain = false;

  static constexpr std::size_t kNoChain = ~std::size_t{0};
};

/// What one thread does at a time, on one stream: parts in order, then perhaps a transcode of the
/// tensor whose chunk_streams and stream are in scratch by then. XXH3 of a section is sequential,
/// so a section is one unit; but one that would take a thread longer than all others need for the
/// rest is a *chain* of small units: read at the same time, hashed in turn (ordered_hash.h).
struct WorkUnit {
  std::size_t tensor = 0;
  std::vector<CopyPart> parts;
  std::uint64_t bytes = 0;          ///< of all parts
  std::uint64_t scratch_bytes = 0;  ///< not 0: transcodes
};

/// A tensor's place: offsets in the arena.
struct TensorPlace {
  Family family = Family::kRaw;  ///< in GPU memory
  std::uint64_t begin = 0;       ///< record, or the carried bytes
  std::uint64_t bytes = 0;
  /// By packed::SectionId; of sections that are not resident the offset means nothing.
  std::array<std::uint64_t, packed::kNumSections> sections{};
};

struct LoadPlan {
  std::vector<TensorPlace> places;  ///< as BundleListing::tensors
  /// In the order in which threads take them: largest first, pieces of chains spread between.
  std::vector<WorkUnit> units;
  std::size_t num_chains = 0;
  std::uint64_t arena_bytes = 0;
  std::uint64_t copied_bytes = 0;
  /// Bytes of each scratch slot, largest first. Enough for so many threads: a unit that finds none
  /// that is free and large enough waits for one under way, which needs no other slot.
  std::vector<std::uint64_t> scratch_slots;
};

struct PlanLimits {
  /// Unhashed bytes are cut into units of this size; hashed sections up to it are never chains.
  std::uint64_t split_bytes = std::uint64_t{64} << 20;
  std::uint64_t chain_piece_bytes = std::uint64_t{4} << 20;
  std::uint64_t whole_bytes = std::uint64_t{4} << 20;  ///< packed tensors that are one unit
};

/// `num_threads`: how many units may be under way at once.
[[nodiscard]] LoadPlan plan_load(const BundleListing& listing, gpu::LoadOptions::Resident resident,
                                 bool verify_checksums, unsigned num_threads,
                                 const PlanLimits& limits = {});

/// Extents of a packed tensor as it will be in GPU memory.
[[nodiscard]] gpu::Extents resident_extents(const packed::PackedHeader& header, Family family);
/// The packed tensor at its place in an arena.
[[nodiscard]] gpu::PackedTensor placed_tensor(const packed::PackedHeader& header,
                                              const TensorPlace& place, std::byte* arena);
/// Where the parts that transcoding needs lie in a scratch slot.
[[nodiscard]] std::uint64_t scratch_stream_offset(const packed::PackedHeader& header);

}  // namespace unweight::load
