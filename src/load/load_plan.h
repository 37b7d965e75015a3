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
  bool hashed = false;  ///< kFile: `xxh3` is of exactly these bytes and is to be checked
  std::uint64_t xxh3 = 0;
  const char* what = "";  ///< for messages: the section's name
};

/// What one thread does at a time, on one stream: parts in order, then perhaps a transcode of the
/// tensor whose chunk_streams and stream are in scratch by then. XXH3 of a section is sequential,
/// so a section is never in two units, but the sections of one tensor are: no thread has to read
/// all of the largest tensor.
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
  std::vector<WorkUnit> units;      ///< largest first: the order in which threads take them
  std::uint64_t arena_bytes = 0;
  std::uint64_t copied_bytes = 0;
  /// Bytes of each scratch slot, largest first. Enough for so many threads: a unit that finds none
  /// that is free and large enough waits for one under way, which needs no other slot.
  std::vector<std::uint64_t> scratch_slots;
};

/// Largest piece of unhashed bytes that is one unit.
inline constexpr std::uint64_t kSplitBytes = std::uint64_t{64} << 20;
/// Packed tensors up to this size are one unit.
inline constexpr std::uint64_t kWholeBytes = std::uint64_t{4} << 20;

/// `num_threads`: how many units may be under way at once.
[[nodiscard]] LoadPlan plan_load(const BundleListing& listing, gpu::LoadOptions::Resident resident,
                                 bool verify_checksums, unsigned num_threads);

/// Extents of a packed tensor as it will be in GPU memory.
[[nodiscard]] gpu::Extents resident_extents(const packed::PackedHeader& header, Family family);
/// The packed tensor at its place in an arena.
[[nodiscard]] gpu::PackedTensor placed_tensor(const packed::PackedHeader& header,
                                              const TensorPlace& place, std::byte* arena);
/// Where the parts that transcoding needs lie in a scratch slot.
[[nodiscard]] std::uint64_t scratch_stream_offset(const packed::PackedHeader& header);

}  // namespace unweight::load
