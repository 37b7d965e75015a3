// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/packed_stream.h"

#include <utility>

#include "base/try.h"
#include "bundle/engine_rows.h"

namespace unweight::bundle {
namespace {

/// Whether the CPU codec can do, or say better, what the engine could not.
bool is_for_codec(const Error& error) {
  return error.code == ErrorCode::kOutOfMemory || error.code == ErrorCode::kChecksumMismatch ||
         error.code == ErrorCode::kInvalidFormat;
}

}  // namespace

PackedStream::PackedStream(JobContext& job, PackedSections sections)
    : sections_(std::make_unique<PackedSections>(std::move(sections))),
      codec_rows_(std::make_unique<CodecRows>(job, *sections_)) {}

Result<PackedStream> PackedStream::open(JobContext& job, const InputFile& file,
                                        std::uint64_t offset, std::uint64_t bytes) {
  UNWEIGHT_TRY_ASSIGN(PackedSections sections, PackedSections::open(job, file, offset, bytes));
  PackedStream stream(job, std::move(sections));
  if (EngineRows::takes(job, *stream.sections_)) {
    auto rows = EngineRows::open(job, *stream.sections_);
    if (!rows && !is_for_codec(rows.error())) return std::move(rows).error();
    if (rows) stream.engine_rows_ = std::move(*rows);
  }
  return stream;
}

Result<void> PackedStream::read_rows(std::uint64_t first, std::uint64_t count,
                                     std::span<std::uint16_t> out) {
  if (engine_rows_) {
    Result<void> read = engine_rows_->read_rows(first, count, out);
    if (read || read.error().code != ErrorCode::kOutOfMemory) return read;
    engine_rows_.reset();
  }
  return codec_rows_->read_rows(first, count, out);
}

}  // namespace unweight::bundle
