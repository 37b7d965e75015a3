// SPDX-License-Identifier: BSD-3-Clause
//
// From device memory back to the host's codec: what encode() decided, and what it wrote.
#pragma once

#include "codec/chunk_encoder.h"
#include "kernels/tensor_record.h"
#include "unweight/gpu.h"
#include "unweight/result.h"

namespace unweight::kernels {

/// The record of an encoded tensor. Waits for `stream`.
Result<TensorRecord> download_record(const gpu::PackedTensor& tensor, gpu::Stream stream);

/// The plan that encode() made, as the CPU would have made it. kInternal: no complete code.
Result<codec::EncodePlan> plan_of(const TensorRecord& record, const gpu::Extents& extents);

/// What codec::encode_chunks() gives for these chunks, indices relative to the range. `tensor` is
/// encoded and fits; its record is `record`. Waits for `stream`; copies to pageable memory.
Result<void> download_chunks(const gpu::PackedTensor& tensor, const TensorRecord& record,
                             codec::ChunkRange chunks, gpu::Stream stream,
                             codec::EncodedChunks& out);

}  // namespace unweight::kernels
