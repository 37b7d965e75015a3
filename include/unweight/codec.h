// SPDX-License-Identifier: BSD-3-Clause
//
// One tensor: BF16 weights in host memory <-> one self-describing *packed tensor* (a blob).
// docs/format/packed-tensor.md specifies its bytes; bundle.h handles files and model directories.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "unweight/result.h"

namespace unweight {

/// How a tensor's exponents are stored. Values are written to disk.
enum class Family : std::uint8_t {
  kRaw = 0,  ///< 16 bits a weight, untouched. Never a packed tensor: the tensor is carried as is.
  kPalette = 1,  ///< 4-bit palette codes: ~12.01 bits a weight on N(0,s).
  kHuffman = 2,  ///< Huffman-coded palette codes: ~10.59 bits a weight on N(0,s).
  kRadix = 3,    ///< two exponents in 7 bits: ~11.56 bits a weight on N(0,s), for GPU memory.
};
[[nodiscard]] const char* family_name(Family family) noexcept;  // "raw" "palette" "huffman" "radix"

/// A row-major BF16 matrix in host memory: N = rows (output features), K = cols (input features).
/// Bit patterns only: no arithmetic is ever done on the values. Not owned.
struct MatrixView {
  const std::uint16_t* data = nullptr;  ///< rows x cols, row i at data + i * row_stride_elems
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
  std::uint64_t row_stride_elems = 0;  ///< >= cols
};
struct MutableMatrixView {
  std::uint16_t* data = nullptr;
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
  std::uint64_t row_stride_elems = 0;
};

/// The matrix a tensor of `shape` is packed as (all of its elements, in the same row-major order):
/// rank 0 and 1: 1 x n, or n/64 x 64 where 64 divides n; rank 2: as it is; rank >= 3: the product
/// of all but the last dimension by the last one if that is >= 64, else the first by the rest.
struct MatrixDims {
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
};
[[nodiscard]] MatrixDims matrix_dims(std::span<const std::uint64_t> shape) noexcept;

/// Statistics of one tensor: everything `inspect` shows and every choice is made from.
struct TensorAnalysis {
  std::uint64_t rows = 0, cols = 0;                 ///< matrix view
  std::array<std::uint64_t, 256> exponent_count{};  ///< over the rows*cols real weights
  double exponent_entropy_bits = 0;                 ///< Shannon entropy of exponent_count
  std::array<std::uint8_t, 16> palette{};           ///< strictly ascending exponents
  bool palette_is_run = false;                      ///< palette[i] == palette[0] + i for all i
  double palette_coverage = 0;                      ///< fraction of weights inside the palette
  std::uint64_t huffman_code_bits = 0;              ///< all Huffman codes of the padded matrix
  std::uint64_t num_verbatim_rows = 0;              ///< rows of 8 weights with one outside
  std::uint64_t num_escapes = 0;                    ///< kRadix: weights outside its run of 11
  std::uint64_t palette_bytes = 0;                  ///< exact size of the packed tensor
  std::uint64_t huffman_bytes = 0;                  ///< estimate, within 0.5 % or 256 bytes
  std::uint64_t radix_bytes = 0;                    ///< exact size of the packed tensor
  Family smallest = Family::kRaw;                   ///< kPalette or kHuffman; raw unless 1 % or
                                                    ///< more is gained
};

struct EncodeOptions {
  std::optional<Family>
      family;  ///< unset: the smallest, never kRadix. kRaw is refused: there is nothing to pack.
  unsigned num_threads = 0;  ///< 0: all cores
  bool self_check = true;    ///< decode every chunk again and compare before returning
};
struct DecodeOptions {
  unsigned num_threads = 0;      ///< 0: all cores
  bool verify_checksums = true;  ///< XXH3 of every section, before any decoder runs
};

/// What a packed tensor's header says, after it was validated.
struct PackedTensorInfo {
  Family family = Family::kRaw;
  std::uint32_t format_version = 0;
  std::uint64_t rows = 0, cols = 0;
  std::uint64_t packed_bytes = 0;
  std::array<std::uint8_t, 16> palette{};
  bool palette_is_run = false;
  std::uint32_t max_code_length = 0;    ///< bits; 0 but for kHuffman
  std::uint64_t num_verbatim_rows = 0;  ///< kRadix: escapes
  std::uint64_t original_xxh3 = 0;      ///< XXH3-64 of the rows*cols*2 original bytes
  [[nodiscard]] double bits_per_weight() const noexcept;  ///< all metadata included
};

[[nodiscard]] Result<TensorAnalysis> analyze(MatrixView weights, unsigned num_threads = 0);

/// Packs a tensor. The blob may be *larger* than the input when the family was forced; it is never
/// chosen so by itself: with no family named, a tensor that does not shrink by 1 % is refused (like
/// kRaw). Memory: O(blob). Errors: kInvalidArgument (views, dimensions, raw; kRadix: more than
/// 2^32 - 1 escapes), kInternal (self-check
/// failed).
[[nodiscard]] Result<std::vector<std::byte>> encode(MatrixView weights,
                                                    const EncodeOptions& options = {});

/// Validates header and section table of untrusted bytes; touches nothing beyond them.
[[nodiscard]] Result<PackedTensorInfo> packed_tensor_info(std::span<const std::byte> blob);

/// Unpacks every bit of the original into `out` (dimensions must match the header's). Safe on any
/// input: corrupt blobs give kInvalidFormat or kChecksumMismatch, `out` then holds garbage.
[[nodiscard]] Result<void> decode(std::span<const std::byte> blob, MutableMatrixView out,
                                  const DecodeOptions& options = {});

/// Name of the instruction set the codec runs on here: "avx512", "avx2" or "portable". The
/// environment variable UNWEIGHT_ISA with one of those names lowers it (for tests and comparisons).
[[nodiscard]] const char* codec_isa() noexcept;

}  // namespace unweight
