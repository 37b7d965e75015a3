// SPDX-License-Identifier: BSD-3-Clause
#include "load/load_plan.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "kernels/packed_places.h"
#include "layout/tile_order.h"
#include "packed/header_checks.h"

namespace unweight::load {
namespace {

using packed::align_up;
using packed::PackedHeader;
using packed::section_of;
using packed::SectionEntry;
using packed::SectionId;
using Source = CopyPart::Source;
using Target = CopyPart::Target;

std::uint64_t& place_of(TensorPlace& place, SectionId id) {
  return place.sections[static_cast<std::size_t>(id)];
}

/// What a tensor stored in this family will be.
Family resident_family(Family stored, gpu::LoadOptions::Resident resident) {
  const bool transcoded =
      stored == Family::kHuffman && resident == gpu::LoadOptions::Resident::kPalette;
  return transcoded ? Family::kPalette : stored;
}

/// The tensor is stored as Huffman and will be a palette tensor.
bool is_transcoded(const PackedHeader& header, const TensorPlace& place) {
  return static_cast<Family>(header.family) == Family::kHuffman && place.family == Family::kPalette;
}

TensorPlace place_packed(const PackedHeader& header, gpu::LoadOptions::Resident resident,
                         std::uint64_t begin) {
  TensorPlace place;
  place.family = resident_family(static_cast<Family>(header.family), resident);
  place.begin = begin;
  const bool transcoded = is_transcoded(header, place);
  // The blob lies in the arena as from this section on; unsigned differences may wrap in between.
  const SectionId first = transcoded ? SectionId::kVerbatimIndex : SectionId::kChunkStreams;
  const std::uint64_t shift = begin + gpu::kRecordBytes - section_of(header, first).offset;
  for (std::size_t i = 0; i < packed::kNumSections; ++i) {
    place.sections[i] = header.sections[i].offset + shift;
  }
  std::uint64_t end = header.packed_bytes + shift;
  if (transcoded) {
    const layout::TileGrid grid{header.rows, header.cols};
    end = place_of(place, SectionId::kCodes) +
          align_up(grid.num_tiles() * layout::kTileCodeSectionBytes);
  }
  place.bytes = end - begin;
  return place;
}

/// Makes the units of one tensor.
class UnitMaker {
 public:
  UnitMaker(const BundleListing& listing, std::size_t tensor, const TensorPlace& place, bool hashed,
            const PlanLimits& limits, std::vector<WorkUnit>& units)
      : listing_(listing),
        tensor_(tensor),
        place_(place),
        hashed_(hashed),
        limits_(limits),
        units_(units) {}

  void carried() {
    const bundle::StoredTensor& stored = listing_.stored(listing_.tensors[tensor_]);
    if (stored.stored_bytes == 0) return;
    large_part({Source::kFile, Target::kArena, stored.stored_offset, place_.begin,
                stored.stored_bytes, hashed_, stored.xxh3, "carried bytes"});
  }

  void packed_tensor() {
    const PackedHeader& header = listing_.tensors[tensor_].header;
    const bool transcoded = is_transcoded(header, place_);
    const bool whole = !transcoded && header.packed_bytes <= limits_.whole_bytes;
    WorkUnit unit = new_unit();
    add(unit,
        {Source::kRecord, Target::kArena, 0, place_.begin, gpu::kRecordBytes, false, 0, "record"});
    index_parts(unit, transcoded ? SectionId::kVerbatimIndex : SectionId::kChunkStreams);
    add(unit, from_file(SectionId::kVerbatimRows));
    if (whole) {
      add(unit, from_file(SectionId::kSignMantissa));
      add(unit, from_file(SectionId::kCodes));
      add(unit, from_file(SectionId::kStream));
    } else {
      large_part(from_file(SectionId::kSignMantissa));
      if (transcoded) {
        scratch_parts(unit);
      } else {
        large_part(from_file(SectionId::kCodes));
        large_part(from_file(SectionId::kStream));
      }
    }
    units_.push_back(std::move(unit));
  }

 private:
  [[nodiscard]] WorkUnit new_unit() const { return {tensor_, {}, 0, 0}; }

  static void add(WorkUnit& unit, CopyPart part) {
    if (part.bytes == 0) return;
    unit.bytes += part.bytes;
    unit.parts.push_back(part);
  }

  /// A unit of its own, or several if nothing has to be hashed in order.
  void large_part(CopyPart part) {
    const std::uint64_t most = part.hashed ? part.bytes : limits_.split_bytes;
    while (part.bytes != 0) {
      WorkUnit unit = new_unit();
      CopyPart piece = part;
      piece.bytes = std::min(part.bytes, most);
      add(unit, piece);
      units_.push_back(std::move(unit));
      part.source_offset += piece.bytes;
      part.target_offset += piece.bytes;
      part.bytes -= piece.bytes;
    }
  }

  [[nodiscard]] CopyPart from_file(SectionId id) const {
    const ListedTensor& tensor = listing_.tensors[tensor_];
    const SectionEntry& section = section_of(tensor.header, id);
    return {Source::kFile,
            Target::kArena,
            listing_.stored(tensor).stored_offset + section.offset,
            place_.sections[static_cast<std::size_t>(id)],
            section.bytes,
            hashed_,
            section.xxh3,
            packed::section_name(id)};
  }

  /// Index sections from `first` on, gaps included: one piece of memory, one place in the arena.
  void index_parts(WorkUnit& unit, SectionId first) const {
    const PackedHeader& header = listing_.tensors[tensor_].header;
    const std::uint64_t begin = section_of(header, first).offset;
    const std::uint64_t end = section_of(header, SectionId::kVerbatimRows).offset;
    add(unit, {Source::kIndices, Target::kArena, begin - sizeof(PackedHeader),
               place_.sections[static_cast<std::size_t>(first)], end - begin, false, 0, "indices"});
  }

  void scratch_parts(WorkUnit& unit) const {
    const PackedHeader& header = listing_.tensors[tensor_].header;
    CopyPart stream = from_file(SectionId::kStream);
    stream.target = Target::kScratch;
    stream.target_offset = scratch_stream_offset(header);
    add(unit, {Source::kIndices, Target::kScratch, 0, 0,
               section_of(header, SectionId::kChunkStreams).bytes, false, 0, "chunk_streams"});
    add(unit, stream);
    unit.scratch_bytes = align_up(stream.target_offset + stream.bytes);
  }

  const BundleListing& listing_;
  std::size_t tensor_;
  const TensorPlace& place_;
  bool hashed_;
  const PlanLimits& limits_;
  std::vector<WorkUnit>& units_;
};

/// The sizes of the num_threads largest: the r-th largest unit then fits into slots 1 to r, and
/// fewer than num_threads others are under way.
std::vector<std::uint64_t> scratch_slots(const std::vector<WorkUnit>& units, unsigned num_threads) {
  std::vector<std::uint64_t> slots;
  for (const WorkUnit& unit : units) {
    if (unit.scratch_bytes != 0) slots.push_back(unit.scratch_bytes);
  }
  std::sort(slots.begin(), slots.end(), std::greater<>());
  if (slots.size() > num_threads) slots.resize(num_threads);
  return slots;
}

/// A unit that is one hashed section: what can become a chain.
bool is_section(const WorkUnit& unit) {
  return unit.scratch_bytes == 0 && unit.parts.size() == 1 && unit.parts[0].hashed;
}

/// Cuts sections of more than a quarter of a thread's share into chains. Their pieces are spread
/// over the units, which are sorted, so that few threads at a time have one of the same chain, and
/// end before the units do: at the end, threads take what is small.
void make_chains(LoadPlan& plan, unsigned num_threads, const PlanLimits& limits) {
  const std::uint64_t most = std::max(limits.split_bytes, plan.copied_bytes / (4 * num_threads));
  struct Placed {
    double at;  ///< of all units' bytes
    WorkUnit unit;
  };
  std::vector<Placed> placed;
  std::vector<WorkUnit> large;
  double others = 0;
  for (WorkUnit& unit : plan.units) {
    if (is_section(unit) && unit.bytes > most) {
      large.push_back(std::move(unit));
    } else {
      const auto bytes = static_cast<double>(unit.bytes);
      placed.push_back({others, std::move(unit)});
      others += bytes;
    }
  }
  for (const WorkUnit& section : large) {
    const CopyPart& whole = section.parts[0];
    for (std::uint64_t offset = 0; offset < whole.bytes; offset += limits.chain_piece_bytes) {
      CopyPart piece = whole;
      piece.bytes = std::min(limits.chain_piece_bytes, whole.bytes - offset);
      piece.source_offset += offset;
      piece.target_offset += offset;
      piece.chain = plan.num_chains;
      piece.chain_offset = offset;
      piece.ends_chain = offset + piece.bytes == whole.bytes;
      constexpr double kEndsAt = 0.9;
      const double at = static_cast<double>(offset) / static_cast<double>(whole.bytes);
      placed.push_back({at * kEndsAt * others, {section.tensor, {piece}, piece.bytes, 0}});
    }
    ++plan.num_chains;
  }
  std::stable_sort(placed.begin(), placed.end(),
                   [](const Placed& a, const Placed& b) { return a.at < b.at; });
  plan.units.clear();
  for (Placed& p : placed) plan.units.push_back(std::move(p.unit));
}

}  // namespace

LoadPlan plan_load(const BundleListing& listing, gpu::LoadOptions::Resident resident,
                   bool verify_checksums, unsigned num_threads, const PlanLimits& limits) {
  LoadPlan plan;
  plan.places.reserve(listing.tensors.size());
  for (std::size_t i = 0; i < listing.tensors.size(); ++i) {
    const ListedTensor& tensor = listing.tensors[i];
    TensorPlace place;
    if (tensor.packed) {
      place = place_packed(tensor.header, resident, plan.arena_bytes);
    } else {
      place.begin = plan.arena_bytes;
      place.bytes = align_up(listing.stored(tensor).stored_bytes);
    }
    plan.places.push_back(place);
    plan.arena_bytes += place.bytes;
    UnitMaker maker(listing, i, plan.places.back(), verify_checksums, limits, plan.units);
    tensor.packed ? maker.packed_tensor() : maker.carried();
  }
  std::stable_sort(plan.units.begin(), plan.units.end(),
                   [](const WorkUnit& a, const WorkUnit& b) { return a.bytes > b.bytes; });
  for (const WorkUnit& unit : plan.units) plan.copied_bytes += unit.bytes;
  make_chains(plan, num_threads, limits);
  plan.scratch_slots = scratch_slots(plan.units, num_threads);
  return plan;
}

gpu::Extents resident_extents(const packed::PackedHeader& header, Family family) {
  gpu::Extents extents = kernels::extents_of(header);
  extents.family = family;
  if (family == Family::kPalette) {  // perhaps it was transcoded
    extents.stream_bytes = 0;
    extents.max_chunk_stream_bytes = 0;
  }
  return extents;
}

gpu::PackedTensor placed_tensor(const packed::PackedHeader& header, const TensorPlace& place,
                                std::byte* arena) {
  const auto at = [&](SectionId id) {
    return arena + place.sections[static_cast<std::size_t>(id)];
  };
  gpu::PackedTensor tensor;
  tensor.extents = resident_extents(header, place.family);
  tensor.record = arena + place.begin;
  tensor.verbatim_index = at(SectionId::kVerbatimIndex);
  tensor.verbatim_positions = at(SectionId::kVerbatimPositions);
  tensor.verbatim_rows = at(SectionId::kVerbatimRows);
  tensor.sign_mantissa = at(SectionId::kSignMantissa);
  if (place.family == Family::kHuffman) {
    tensor.chunk_streams = at(SectionId::kChunkStreams);
    tensor.stream = at(SectionId::kStream);
  } else {
    tensor.codes = at(SectionId::kCodes);
  }
  return tensor;
}

std::uint64_t scratch_stream_offset(const packed::PackedHeader& header) {
  return align_up(section_of(header, SectionId::kChunkStreams).bytes);
}

}  // namespace unweight::load
