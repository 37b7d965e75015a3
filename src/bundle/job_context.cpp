// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/job_context.h"

#include <algorithm>

#include "base/try.h"

namespace unweight::bundle {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

}  // namespace

std::vector<ReadRequest> cut_into_pieces(const std::vector<ReadRequest>& requests) {
  std::vector<ReadRequest> pieces;
  for (const ReadRequest& request : requests) {
    for (std::size_t at = 0; at < request.out.size(); at += kPieceBytes) {
      const std::size_t bytes = std::min(kPieceBytes, request.out.size() - at);
      pieces.push_back({request.offset + at, request.out.subspan(at, bytes)});
    }
  }
  return pieces;
}

Result<void> read_pieces(JobContext& job, const InputFile& file,
                         const std::vector<ReadRequest>& requests) {
  const std::vector<ReadRequest> pieces = cut_into_pieces(requests);
  return job.pool.parallel_for(pieces.size(), [&](std::size_t i, unsigned) {
    return file.read_at(pieces[i].offset, pieces[i].out);
  });
}

}  // namespace unweight::bundle
