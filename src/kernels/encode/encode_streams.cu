// SPDX-License-Identifier: BSD-3-Clause
//
// Computes:   codes -> stream: every chunk's 32 lane strings, back to back
// Bound by:   latency of a lane's chain of shifts; then reading codes (4 bits a weight) and writing
//             the stream (2.6)
// Requires:   chunk_streams with offsets, record: code, outcome
// Threads:    a warp a chunk, each lane writes its own string
// Pipeline:   codes by 16-byte loads -> code and length of each pair (one look-up) -> words of the
//             chunk's image in shared memory -> 16-byte stores. A word is stored by the lane that
//             fills its last bit; the ends of strings that fill none are ORed in afterwards. The
//             image has the same place inside 16 bytes as its destination.
//             A stream longer than an image, which weights like trained ones never have, is written
//             in several passes, each of which encodes everything and keeps its part.
// Shared map: code table (1 KiB) | an image a warp
#include "kernels/encode/code_words.cuh"
#include "kernels/encode/encode_params.h"
#include "kernels/ptx/warp_moves.cuh"

namespace unweight::kernels {
namespace {

constexpr std::uint32_t kWarps = 16;
constexpr std::uint32_t kThreads = kWarps * layout::kLanes;
constexpr std::uint32_t kVectorBytes = 16;
constexpr std::uint32_t kImageBytes = 13 * 1024;  // 3.2 bits a weight

struct SharedStorage {
  std::uint32_t code_table[codec::kNumPairs];  // bits | length << 16
  alignas(kVectorBytes) std::uint32_t images[kWarps][kImageBytes / 4];
};

/// Appends codes to a lane's string; keeps those words that lie in the image.
class BitWriter {
 public:
  /// Bit 0 of the image is bit `image_bit` of what `first_bit` counts in.
  __device__ BitWriter(std::uint32_t* image, std::uint32_t image_bit, std::uint32_t first_bit)
      : image_(ptx::shared_address(image)),
        // Negative before the image: then it is beyond the end as well, until it gets there.
        offset_(static_cast<std::uint32_t>(static_cast<std::int32_t>(first_bit - image_bit) >> 5 << 2)),
        num_bits_(first_bit % 32) {}

  __device__ __forceinline__ void append(std::uint32_t bits, std::uint32_t length) {
    low_ |= bits << num_bits_;
    const std::uint32_t high = __funnelshift_l(bits, 0, num_bits_);
    num_bits_ += length;
    // Predicated, never a branch: some lane fills a word nearly every time.
    asm volatile(
        "{\n"
        ".reg .pred full, inside;\n"
        "setp.ge.u32 full, %1, 32;\n"
        "setp.lt.and.u32 inside, %2, %5, full;\n"
        "@inside st.shared.u32 [%3], %0;\n"
        "@full mov.b32 %0, %4;\n"
        "@full add.u32 %2, %2, 4;\n"
        "@full sub.u32 %1, %1, 32;\n"
        "}\n"
        : "+r"(low_), "+r"(num_bits_), "+r"(offset_)
        : "r"(image_ + offset_), "r"(high), "n"(kImageBytes)
        : "memory");
  }

  /// What has not filled a word. All lanes have appended everything before any calls this.
  __device__ void finish(std::uint32_t* image) const {
    if (num_bits_ > 0 && offset_ < kImageBytes) atomicOr(image + offset_ / 4, low_);
  }

 private:
  std::uint32_t image_;   ///< shared memory address
  std::uint32_t offset_;  ///< bytes from the image's beginning
  std::uint32_t num_bits_;
  std::uint32_t low_ = 0;
};

__device__ __forceinline__ void append_word(BitWriter& writer, std::uint32_t word,
                                            const std::uint32_t* table) {
#pragma unroll
  for (std::uint32_t r = 0; r < 4; ++r) {
    const std::uint32_t code = table[pair_of_word(word, r)];
    writer.append(code & 0xffff, code >> 16);
  }
}

__device__ void encode_lane(const EncodeParams& params, std::uint32_t chunk, std::uint32_t lane,
                            BitWriter& writer, const std::uint32_t* table) {
  const std::uint32_t num_tiles = params.grid.chunk_tiles(chunk);
  const auto* words =
      reinterpret_cast<const uint4*>(params.codes + std::uint64_t{chunk} * layout::kChunkTiles *
                                                        layout::kTileCodeSectionBytes) +
      lane;
  constexpr std::uint32_t kAhead = 2;
  uint4 ahead[kAhead];
#pragma unroll
  for (std::uint32_t i = 0; i < kAhead; ++i) {
    if (i < num_tiles) ahead[i] = words[i * layout::kLanes];
  }
  for (std::uint32_t first = 0; first < num_tiles; first += kAhead) {
#pragma unroll
    for (std::uint32_t i = 0; i < kAhead; ++i) {
      const std::uint32_t tile = first + i;
      if (tile >= num_tiles) break;
      const uint4 w = ahead[i];
      if (tile + kAhead < num_tiles) ahead[i] = words[(tile + kAhead) * layout::kLanes];
      append_word(writer, w.x, table);
      append_word(writer, w.y, table);
      append_word(writer, w.z, table);
      append_word(writer, w.w, table);
    }
  }
}

// Image bytes [phase, phase + bytes) to `destination`, whose address is `phase` past a multiple of
// 16. Only these bytes: the vectors at both ends are shared with other chunks.
__device__ void store_image(const std::uint32_t* image, std::uint32_t phase, std::uint32_t bytes,
                            std::uint8_t* destination, std::uint32_t lane) {
  const auto* image_bytes = reinterpret_cast<const std::uint8_t*>(image);
  const std::uint32_t end = phase + bytes;
  const std::uint32_t first_vector = phase == 0 ? 0 : 1, end_vector = end / kVectorBytes;
  std::uint8_t* aligned = destination - phase;
  for (std::uint32_t v = first_vector + lane; v < end_vector; v += layout::kLanes) {
    reinterpret_cast<uint4*>(aligned)[v] = reinterpret_cast<const uint4*>(image)[v];
  }
  const std::uint32_t head_end = min(first_vector * kVectorBytes, end);
  if (phase + lane < head_end) aligned[phase + lane] = image_bytes[phase + lane];
  const std::uint32_t tail = max(end_vector * kVectorBytes, head_end) + lane;
  if (tail < end) aligned[tail] = image_bytes[tail];
}

__device__ void encode_chunk(const EncodeParams& params, std::uint32_t chunk, std::uint32_t lane,
                             std::uint32_t* image, const std::uint32_t* table) {
  const codec::ChunkStreamEntry& entry = params.chunk_streams[chunk];
  const std::uint32_t bits = entry.lane_bits(lane);
  std::uint32_t end_bit = bits;
#pragma unroll
  for (std::uint32_t by = 1; by < layout::kLanes; by *= 2) {
    const std::uint32_t before = __shfl_up_sync(~0u, end_bit, by);
    if (lane >= by) end_bit += before;
  }
  const std::uint32_t bytes = (__shfl_sync(~0u, end_bit, layout::kLanes - 1) + 7) / 8;
  std::uint8_t* destination = params.stream + entry.stream_offset();
  const auto phase =
      static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(destination) % kVectorBytes);
  const std::uint32_t first_bit = 8 * phase + end_bit - bits;
  // Bytes count from the vector that the destination begins in.
  for (std::uint32_t begin = 0; begin < phase + bytes; begin += kImageBytes) {
    for (std::uint32_t v = lane; v < kImageBytes / kVectorBytes; v += layout::kLanes) {
      reinterpret_cast<uint4*>(image)[v] = {0, 0, 0, 0};
    }
    __syncwarp();
    BitWriter writer(image, 8 * begin, first_bit);
    encode_lane(params, chunk, lane, writer, table);
    __syncwarp();
    writer.finish(image);
    __syncwarp();
    const std::uint32_t skipped = begin == 0 ? phase : 0;
    store_image(image, skipped, min(phase + bytes - begin, kImageBytes) - skipped,
                destination - phase + begin + skipped, lane);
    __syncwarp();
  }
}

__global__ void __launch_bounds__(kThreads, 1) encode_streams(const __grid_constant__ EncodeParams params) {
  extern __shared__ __align__(128) std::uint8_t shared_bytes[];
  auto& shared = *reinterpret_cast<SharedStorage*>(shared_bytes);
  if (params.record->outcome.stream_bytes > params.stream_capacity) return;
  for (std::uint32_t p = threadIdx.x; p < codec::kNumPairs; p += kThreads) {
    shared.code_table[p] = params.record->code_bits[p] |
                           static_cast<std::uint32_t>(params.record->code_lengths[p]) << 16;
  }
  __syncthreads();
  const std::uint32_t lane = threadIdx.x % layout::kLanes, warp = threadIdx.x / layout::kLanes;
  const auto num_chunks = static_cast<std::uint32_t>(params.grid.num_chunks());
  for (std::uint32_t chunk = warp * gridDim.x + blockIdx.x; chunk < num_chunks;
       chunk += gridDim.x * kWarps) {
    encode_chunk(params, chunk, lane, shared.images[warp], shared.code_table);
  }
}

}  // namespace

cudaError_t launch_encode_streams(const EncodeParams& params, std::uint32_t num_sms,
                                  cudaStream_t stream) {
  static_assert(sizeof(SharedStorage) <= 227 * 1024);
  const cudaError_t status = cudaFuncSetAttribute(
      encode_streams, cudaFuncAttributeMaxDynamicSharedMemorySize, sizeof(SharedStorage));
  if (status != cudaSuccess) return status;
  encode_streams<<<num_sms, kThreads, sizeof(SharedStorage), stream>>>(params);
  return cudaGetLastError();
}

}  // namespace unweight::kernels
