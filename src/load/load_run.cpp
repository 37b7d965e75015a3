// SPDX-License-Identifier: BSD-3-Clause
#include "load/load_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "base/hash.h"
#include "base/try.h"
#include "kernels/tensor_record.h"

namespace unweight::load {
namespace {

/// What is read, and hashed at once while a second-level cache still has it.
constexpr std::uint64_t kReadBytes = std::uint64_t{256} << 10;

/// Others may wait for the slot: it is given back whatever happens.
struct ScratchLease {
  ScratchSlots& slots;
  std::size_t slot;
  gpu::Stream stream;
  ~ScratchLease() { slots.give_back(slot, stream); }
};

/// Also when what it guards throws.
template <typename Stop>
struct StopOnFailure {
  Stop stop;
  bool armed = true;
  ~StopOnFailure() {
    if (armed) stop();
  }
};
template <typename Stop>
StopOnFailure(Stop) -> StopOnFailure<Stop>;

}  // namespace

Result<void> SharedProgress::add(std::uint64_t bytes, const std::string& item) {
  waiting_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return {};
  UNWEIGHT_TRY(meter_.start_item(item));
  return meter_.add(waiting_bytes_.exchange(0, std::memory_order_relaxed));
}

// Threads that wait for their turn of a chain must not wait for one that will not come.
void LoadRun::stop() noexcept {
  stopped_.store(true, std::memory_order_relaxed);
  for (OrderedHash& chain : chains_) chain.give_up();
}

Result<void> LoadRun::run_unit(std::size_t i, StagingLane& lane) {
  if (stopped_.load(std::memory_order_relaxed)) return {};
  const WorkUnit& unit = plan_.units[i];
  StopOnFailure guard{[this] { stop(); }};
  auto done =
      unit.scratch_bytes != 0 ? transcode_unit(unit, lane) : copy_parts(unit, nullptr, lane);
  guard.armed = !done;
  if (done) return {};
  if (done.error().code == ErrorCode::kCancelled) return done;
  return listing_.at(listing_.tensors[unit.tensor], std::move(done).error());
}

Result<void> LoadRun::copy_parts(const WorkUnit& unit, std::byte* scratch, StagingLane& lane) {
  const ListedTensor& tensor = listing_.tensors[unit.tensor];
  for (const CopyPart& part : unit.parts) {
    std::byte* const target =
        (part.target == CopyPart::Target::kScratch ? scratch : arena_) + part.target_offset;
    switch (part.source) {
      case CopyPart::Source::kRecord: {
        const kernels::TensorRecord record = kernels::make_record(tensor.header);
        std::array<std::byte, gpu::kRecordBytes> bytes{};
        std::memcpy(bytes.data(), &record, sizeof(record));
        UNWEIGHT_TRY(copy_memory(unit, bytes, target, lane));
        break;
      }
      case CopyPart::Source::kIndices:
        UNWEIGHT_TRY(copy_memory(
            unit, std::span(tensor.indices).subspan(part.source_offset, part.bytes), target, lane));
        break;
      case CopyPart::Source::kFile:
        UNWEIGHT_TRY(part.chain == CopyPart::kNoChain ? copy_file(unit, part, target, lane)
                                                      : copy_chain_piece(unit, part, target, lane));
        break;
    }
  }
  return lane.flush();
}

Result<void> LoadRun::copy_memory(const WorkUnit& unit, std::span<const std::byte> bytes,
                                  std::byte* target, StagingLane& lane) {
  UNWEIGHT_TRY(lane.append(bytes, target));
  return progress_.add(bytes.size(), name_of(unit));
}

Result<void> LoadRun::copy_file(const WorkUnit& unit, const CopyPart& part, std::byte* target,
                                StagingLane& lane) {
  const ListedTensor& tensor = listing_.tensors[unit.tensor];
  const InputFile& file = listing_.files[tensor.file].bundle.file;
  Xxh3Stream hash;
  for (std::uint64_t at = 0; at < part.bytes;) {
    if (stopped_.load(std::memory_order_relaxed)) return {};
    UNWEIGHT_TRY_ASSIGN(std::span<std::byte> room,
                        lane.room(target + at, std::min(kReadBytes, part.bytes - at)));
    UNWEIGHT_TRY(file.read_at(part.source_offset + at, room));
    if (part.hashed) hash.update(room);
    lane.add(room.size());
    at += room.size();
    UNWEIGHT_TRY(progress_.add(room.size(), name_of(unit)));
  }
  if (part.hashed && hash.digest() != part.xxh3) {
    return Error{ErrorCode::kChecksumMismatch, fmt::format("{}: checksum mismatch", part.what)};
  }
  return {};
}

// A whole slot is read before its turn comes.
Result<void> LoadRun::copy_chain_piece(const WorkUnit& unit, const CopyPart& part,
                                       std::byte* target, StagingLane& lane) {
  const ListedTensor& tensor = listing_.tensors[unit.tensor];
  const InputFile& file = listing_.files[tensor.file].bundle.file;
  OrderedHash& hash = chains_[part.chain];
  for (std::uint64_t at = 0; at < part.bytes;) {
    UNWEIGHT_TRY_ASSIGN(std::span<std::byte> room, lane.room(target + at, part.bytes - at));
    UNWEIGHT_TRY(file.read_at(part.source_offset + at, room));
    if (!hash.add(part.chain_offset + at, room)) return {};  // another unit has failed
    lane.add(room.size());
    at += room.size();
    UNWEIGHT_TRY(progress_.add(room.size(), name_of(unit)));
  }
  if (part.ends_chain && hash.digest() != part.xxh3) {
    return Error{ErrorCode::kChecksumMismatch, fmt::format("{}: checksum mismatch", part.what)};
  }
  return {};
}

Result<void> LoadRun::transcode_unit(const WorkUnit& unit, StagingLane& lane) {
  UNWEIGHT_TRY_ASSIGN(const std::size_t slot, scratch_.take(unit.scratch_bytes, lane.stream()));
  const ScratchLease lease{scratch_, slot, lane.stream()};
  UNWEIGHT_TRY(copy_parts(unit, scratch_.memory(slot), lane));
  if (stopped_.load(std::memory_order_relaxed)) return {};
  return transcode(unit, scratch_.memory(slot), lane);
}

Result<void> LoadRun::transcode(const WorkUnit& unit, std::byte* scratch, StagingLane& lane) {
  const packed::PackedHeader& header = listing_.tensors[unit.tensor].header;
  const TensorPlace& place = plan_.places[unit.tensor];
  gpu::PackedTensor stored = placed_tensor(header, place, arena_);
  std::byte* const codes = stored.codes;
  stored.extents = resident_extents(header, Family::kHuffman);
  stored.codes = nullptr;
  stored.chunk_streams = scratch;
  stored.stream = scratch + scratch_stream_offset(header);
  return gpu::transcode_to_codes(stored, codes, lane.stream(),
                                 {.launch = {}, .status = status_ + unit.tensor});
}

Result<void> LoadRun::check_status() const {
  if (status_ == nullptr) return {};
  std::vector<std::uint32_t> words(listing_.tensors.size());
  UNWEIGHT_TRY_CUDA(
      cudaMemcpy(words.data(), status_, words.size() * sizeof(words[0]), cudaMemcpyDeviceToHost));
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == 0) continue;
    return listing_.at(
        listing_.tensors[i],
        {ErrorCode::kInvalidFormat, "section stream: codes do not end where their strings do"});
  }
  return {};
}

}  // namespace unweight::load
