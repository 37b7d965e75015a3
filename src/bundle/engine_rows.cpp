// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/engine_rows.h"

#include <algorithm>
#include <utility>

#include "base/try.h"

namespace unweight::bundle {
namespace {

using packed::SectionId;

/// All data sections, in order, cut into pieces without memory yet.
struct Piece {
  SectionId id{};
  std::uint64_t begin = 0;
  std::uint64_t bytes = 0;
};
std::vector<Piece> data_pieces(const PackedSections& sections, std::uint64_t piece_bytes) {
  std::vector<Piece> pieces;
  for (const SectionId id : kDataSections) {
    const std::uint64_t bytes = sections.entry(id).bytes;
    for (std::uint64_t at = 0; at < bytes; at += piece_bytes)
      pieces.push_back({id, at, std::min(piece_bytes, bytes - at)});
  }
  return pieces;
}

}  // namespace

bool EngineRows::takes(JobContext& job, const PackedSections& sections) {
  const codec::EncodedView& view = sections.view();
  return job.wants_engine(view.grid) &&
         job.engine->can_decode(view.grid, view.family, sections.header().packed_bytes);
}

Result<std::unique_ptr<EngineRows>> EngineRows::open(JobContext& job, PackedSections& sections) {
  UNWEIGHT_TRY_ASSIGN(std::unique_ptr<EngineDecoder> decoder,
                      job.engine->begin_decode(sections.header()));
  std::unique_ptr<EngineRows> rows(new EngineRows(std::move(decoder)));
  UNWEIGHT_TRY(rows->upload_indices(sections));
  UNWEIGHT_TRY(rows->upload_data(job, sections));
  for (const SectionId id : kDataSections)
    if (!sections.checksum_holds(id))
      return Error{ErrorCode::kChecksumMismatch, "a section is damaged"};
  UNWEIGHT_TRY(rows->decoder_->decode());
  UNWEIGHT_TRY(job.progress.add(0));
  return rows;
}

Result<void> EngineRows::upload_indices(const PackedSections& sections) {
  const auto append = [&](SectionId id, std::span<const std::byte> bytes) {
    return bytes.empty() ? Result<void>{} : decoder_->append_section(id, bytes);
  };
  UNWEIGHT_TRY(append(SectionId::kChunkStreams, std::as_bytes(sections.chunk_streams())));
  UNWEIGHT_TRY(append(SectionId::kVerbatimIndex, std::as_bytes(sections.verbatim_index())));
  return append(SectionId::kVerbatimPositions, std::as_bytes(sections.verbatim_positions()));
}

/// While a piece is being read, the one before it is hashed and goes to the engine.
Result<void> EngineRows::upload_data(JobContext& job, PackedSections& sections) {
  const std::vector<Piece> pieces = data_pieces(sections, job.limits.copy_bytes);
  SectionPart uploading;
  for (std::size_t i = 0; i <= pieces.size(); ++i) {
    SectionPart reading;
    std::vector<ReadRequest> requests;
    if (i < pieces.size()) {
      const auto memory = job.uploads[i % 2].ensure_elems<std::byte>(pieces[i].bytes);
      reading = {pieces[i].id, pieces[i].begin, memory};
      requests = cut_into_pieces({sections.request(reading)});
    }
    const std::size_t uploads = i == 0 ? 0 : 2;
    UNWEIGHT_TRY(job.pool.parallel_for(uploads + requests.size(), [&](std::size_t task, unsigned) {
      if (task >= uploads) {
        const ReadRequest& request = requests[task - uploads];
        return sections.file().read_at(request.offset, request.out);
      }
      if (task == 0) return decoder_->append_section(uploading.id, uploading.bytes);
      sections.hash_part(uploading);
      return Result<void>{};
    }));
    uploading = reading;
    UNWEIGHT_TRY(job.progress.add(0));
  }
  return {};
}

}  // namespace unweight::bundle
