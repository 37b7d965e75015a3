// SPDX-License-Identifier: BSD-3-Clause
//
// Packed tensors in GPU memory (NVIDIA Hopper, compute capability 9.0): encode, decode, transcode.
// Link unweight::cuda. The bytes are those of docs/format/packed-tensor.md, section by section, and
// what encode() writes is what the CPU encoder would have written.
//
// - Functions that take a Stream only enqueue work: no allocation, no synchronisation, so they can
//   be captured in a CUDA graph. Those that wait say so.
// - Memory is the caller's. "Device pointer" means memory of the current device; pointers to
//   sections are 16-byte aligned.
// - A Result of an asynchronous call speaks of its arguments and of the launch. What the data was
//   like is in device memory: PackedTensor::record, and the status word of the decoders.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "unweight/codec.h"
#include "unweight/result.h"

struct CUstream_st;  // CUDA's: cudaStream_t is CUstream_st*

namespace unweight::gpu {

/// A cudaStream_t; null is the default stream.
using Stream = CUstream_st*;

struct DeviceInfo {
  int ordinal = 0;
  std::string name;
  std::uint32_t num_sms = 0;
  std::uint64_t memory_bytes = 0;
};
/// The devices that this library has code for. Empty without driver or device.
[[nodiscard]] std::vector<DeviceInfo> devices();

/// Row-major BF16 bit patterns in device memory, 2-byte aligned: row i at data + i *
/// row_stride_elems. Fastest if data is 16-byte aligned and the stride a multiple of 8.
struct DeviceMatrix {
  const std::uint16_t* data = nullptr;
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
  std::uint64_t row_stride_elems = 0;  ///< >= cols
};
struct MutableDeviceMatrix {
  std::uint16_t* data = nullptr;
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
  std::uint64_t row_stride_elems = 0;
};

/// How large a packed tensor is, or may become. Known from a blob's header before anything is
/// copied; before encoding, worst_case_extents() bounds it.
struct Extents {
  Family family = Family::kHuffman;  ///< not kRaw
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
  /// Room for these; kRadix: escapes, single weights, in their place here and everywhere below.
  std::uint64_t num_verbatim_rows = 0;
  std::uint64_t stream_bytes = 0;  ///< kHuffman: room for the streams of all chunks and 64 more
  /// kHuffman: bytes of the longest stream of a chunk; 0: unknown, decoders then reserve
  /// shared memory for the longest possible and run fewer warps.
  std::uint32_t max_chunk_stream_bytes = 0;
};
/// No tensor of these dimensions needs more: 10 bits a weight for verbatim rows, 4.1 for streams;
/// kRadix: 24 for escapes, of which more than 2^32 - 1 cannot be counted.
[[nodiscard]] Extents worst_case_extents(Family family, std::uint64_t rows, std::uint64_t cols);
/// Of a whole blob in host memory, header validated. Errors: as packed_tensor_info().
[[nodiscard]] Result<Extents> blob_extents(std::span<const std::byte> blob);

/// A packed tensor in device memory: where its sections are. Plain data, owns nothing.
struct PackedTensor {
  Extents extents;
  std::byte* record = nullptr;         ///< kRecordBytes: palette, decode table, what encode() found
  std::byte* chunk_streams = nullptr;  ///< kHuffman: 40 bytes a chunk
  std::byte* verbatim_index = nullptr;      ///< 8 bytes a chunk
  std::byte* verbatim_positions = nullptr;  ///< 2 bytes a verbatim row
  std::byte* verbatim_rows = nullptr;       ///< 8 bytes a verbatim row, 1 an escape
  std::byte* sign_mantissa = nullptr;       ///< 1024 bytes a tile
  std::byte* codes = nullptr;               ///< kPalette: 512 bytes a tile, kRadix: 448
  std::byte* stream = nullptr;              ///< kHuffman: extents.stream_bytes
};
/// Device bytes of a tensor whose record and sections lie one after the other, each at a multiple
/// of 256, and the tensor so placed at `memory` (256-byte aligned device pointer).
[[nodiscard]] std::uint64_t packed_tensor_bytes(const Extents& extents);
[[nodiscard]] PackedTensor place_packed_tensor(const Extents& extents, std::byte* memory);

inline constexpr std::uint64_t kRecordBytes = std::uint64_t{22} * 1024;

/// What encode() found and decided; a copy of the beginning of the record.
struct EncodeOutcome {
  std::uint64_t num_verbatim_rows = 0;
  std::uint64_t stream_bytes = 0;  ///< kHuffman: tail of 64 bytes included
  std::uint32_t max_chunk_stream_bytes = 0;
  bool fits = false;  ///< false: the extents were too small; verbatim rows or streams are missing
};

struct LaunchOptions {
  /// At most so many SMs are occupied (0: all), so that other kernels can run beside.
  std::uint32_t max_sms = 0;
};

// ---- Encode -------------------------------------------------------------------------------------

/// Scratch of one encode(): kHuffman half a byte a weight and 4 bytes a chunk, kRadix 2 bytes a
/// tile.
[[nodiscard]] std::uint64_t encode_workspace_bytes(Family family, std::uint64_t rows,
                                                   std::uint64_t cols);

/// Encodes `weights` into `out`, whose extents name family and dimensions and bound what is
/// written; every section is written up to what the outcome says. `workspace`: 256-byte aligned
/// device pointer. Deterministic; byte-identical to the CPU encoder. Errors: kInvalidArgument.
[[nodiscard]] Result<void> encode(const DeviceMatrix& weights, const PackedTensor& out,
                                  std::byte* workspace, std::uint64_t workspace_bytes,
                                  Stream stream, const LaunchOptions& options = {});

/// Waits for `stream` and reads the outcome of an encode() on it.
[[nodiscard]] Result<EncodeOutcome> encode_outcome(const PackedTensor& tensor, Stream stream);

// ---- Decode -------------------------------------------------------------------------------------
// A decoder stays inside its buffers whatever the tensor's bytes are; where they are not what an
// encoder wrote, the output may be garbage. `status`, if not null, is a device word that a decoder
// ORs kStatus... bits into when it notices; the caller clears it.

inline constexpr std::uint32_t kStatusStreamMismatch = 1;  ///< codes do not end where strings do
inline constexpr std::uint32_t kStatusBadIndex = 2;        ///< an index points outside its section

struct DecodeOptions {
  LaunchOptions launch;
  std::uint32_t* status = nullptr;  ///< device pointer or null
};

/// Any family -> row-major BF16, every bit of the original. Errors: kInvalidArgument.
[[nodiscard]] Result<void> decode(const PackedTensor& tensor, const MutableDeviceMatrix& out,
                                  Stream stream, const DecodeOptions& options = {});
/// Any family -> BF16 in tile order, padding included: 2048 bytes a tile, 16 bytes a lane and k16
/// step (layout/tile_order.h). `out`: 16-byte aligned device pointer.
[[nodiscard]] Result<void> decode_to_tiles(const PackedTensor& tensor, std::byte* out,
                                           Stream stream, const DecodeOptions& options = {});
/// kHuffman -> exponent bytes in tile order, 1024 bytes a tile, verbatim rows included.
[[nodiscard]] Result<void> decode_exponents(const PackedTensor& tensor, std::byte* out,
                                            Stream stream, const DecodeOptions& options = {});
/// kHuffman -> the codes section of the palette family, 512 bytes a tile. With it in `codes`, the
/// same tensor is a palette tensor: all other sections are shared.
[[nodiscard]] Result<void> transcode_to_codes(const PackedTensor& tensor, std::byte* codes,
                                              Stream stream, const DecodeOptions& options = {});

// ---- Blobs --------------------------------------------------------------------------------------
// Conveniences that allocate, copy and wait. Loading whole models: unweight/gpu_load.h.

/// Copies a validated blob to `tensor`, whose extents are blob_extents(blob); waits for `stream`.
/// Errors: what a blob can be wrong in (checksums are verified), kInvalidArgument.
[[nodiscard]] Result<void> upload(std::span<const std::byte> blob, const PackedTensor& tensor,
                                  Stream stream);
/// Encodes on the GPU into a blob in host memory, the same as unweight::encode() gives for the
/// same weights and family. Errors: kInvalidArgument, kOutOfMemory.
[[nodiscard]] Result<std::vector<std::byte>> encode_blob(const DeviceMatrix& weights, Family family,
                                                         Stream stream);

}  // namespace unweight::gpu
