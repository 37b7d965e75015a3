// SPDX-License-Identifier: BSD-3-Clause
//
// For the codec's tests and benchmarks: a whole tensor through encode_chunks, put together in
// memory as a writer would, as a view for decode_chunks and as a blob for the reference decoder.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "analysis/exponent_stats.h"
#include "codec/chunk_decoder.h"
#include "codec/chunk_encoder.h"
#include "codec/family_sizes.h"
#include "codec/tile_kernels.h"

namespace unweight::testing {

/// An array of exactly its size on the heap, so that AddressSanitizer sees the first byte beyond
/// (a vector may have spare capacity).
template <typename T>
class ExactBuffer {
 public:
  explicit ExactBuffer(std::size_t size, T fill = T{}) : data_(new T[size]), size_(size) {
    std::fill_n(data_.get(), size, fill);
  }
  ExactBuffer(const T* from, std::size_t size) : ExactBuffer(size) {
    std::copy_n(from, size, data_.get());
  }
  [[nodiscard]] T* data() { return data_.get(); }
  [[nodiscard]] const T* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] T& operator[](std::size_t i) { return data_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const { return data_[i]; }
  friend bool operator==(const ExactBuffer& a, const ExactBuffer& b) {
    return a.size_ == b.size_ && std::equal(a.data(), a.data() + a.size_, b.data());
  }

 private:
  std::unique_ptr<T[]> data_;
  std::size_t size_;
};

/// Sections of a whole tensor, with the tensor's own indices.
struct EncodedTensor {
  codec::EncodePlan plan;
  codec::EncodedChunks sections;

  [[nodiscard]] codec::EncodedView view() const {
    codec::EncodedView v;
    v.family = plan.family;
    v.grid = plan.grid;
    v.palette = plan.palette;
    v.table = codec::build_decode_table(plan.code);
    v.chunk_streams = sections.chunk_streams;
    v.verbatim_index = sections.verbatim_index;
    v.verbatim_positions = sections.verbatim_positions;
    v.verbatim_rows = sections.verbatim_rows;
    v.sign_mantissa = sections.sign_mantissa;
    if (plan.family != Family::kHuffman) v.codes = sections.codes;
    v.stream = sections.stream;
    return v;
  }
  /// All sections, without header and alignment.
  [[nodiscard]] std::uint64_t section_bytes() const {
    return 40 * sections.chunk_streams.size() + 8 * sections.verbatim_index.size() +
           2 * sections.verbatim_positions.size() + sections.verbatim_rows.size() +
           sections.sign_mantissa.size() + sections.stream.size() +
           (plan.family == Family::kHuffman ? 0 : sections.codes.size());
  }
};

template <typename T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

/// Encodes in ranges of `chunks_per_call`, each from a window of just the rows that it needs.
inline EncodedTensor encode_tensor(const codec::EncodePlan& plan, const std::uint16_t* weights,
                                   std::uint64_t chunks_per_call = 1u << 20) {
  EncodedTensor tensor{plan, {}};
  codec::EncodedChunks& all = tensor.sections;
  codec::EncodedChunks part;
  const std::uint64_t num_chunks = plan.grid.num_chunks();
  for (std::uint64_t first = 0; first < num_chunks; first += chunks_per_call) {
    const codec::ChunkRange range{first, std::min(chunks_per_call, num_chunks - first)};
    const codec::RowRange rows = codec::rows_of_chunks(plan.grid, range);
    const ExactBuffer<std::uint16_t> source(weights + rows.first * plan.grid.cols,
                                            rows.count * plan.grid.cols);
    codec::encode_chunks(plan, {source.data(), rows.first, rows.count, plan.grid.cols}, range,
                         part);
    for (codec::VerbatimIndexEntry& entry : part.verbatim_index) {
      entry.first_verbatim_row += static_cast<std::uint32_t>(all.verbatim_positions.size());
    }
    for (codec::ChunkStreamEntry& entry : part.chunk_streams) {
      entry.packed += all.stream.size();  // stream_offset is its lowest field
    }
    append(all.sign_mantissa, part.sign_mantissa);
    append(all.codes, part.codes);
    append(all.stream, part.stream);
    append(all.chunk_streams, part.chunk_streams);
    append(all.verbatim_index, part.verbatim_index);
    append(all.verbatim_positions, part.verbatim_positions);
    append(all.verbatim_rows, part.verbatim_rows);
  }
  if (plan.family == Family::kHuffman) {
    all.stream.resize(all.stream.size() + codec::kStreamTailBytes);
  }
  return tensor;
}

/// The plan that a tensor's own statistics give.
inline codec::EncodePlan plan_for(std::span<const std::uint16_t> weights, std::uint64_t rows,
                                  std::uint64_t cols, Family family) {
  analysis::ExponentCounts counts{};
  codec::tile_kernels().count_exponents(weights.data(), weights.size(), counts.data());
  const bool radix = family == Family::kRadix;
  const analysis::PaletteChoice choice =
      radix ? analysis::choose_radix_run(counts) : analysis::choose_palette(counts);
  codec::EncodePlan plan;
  plan.family = radix ? Family::kRadix : Family::kPalette;
  plan.grid = {rows, cols};
  plan.palette = choice.exponents;
  plan.palette_is_run = choice.is_run;
  plan.padding_code = choice.padding_code;
  if (family == Family::kHuffman) {
    const EncodedTensor packed = encode_tensor(plan, weights.data());
    codec::PairCounts pairs{};
    codec::tile_kernels().count_pairs(packed.sections.codes.data(),
                                      static_cast<std::uint32_t>(plan.grid.num_tiles()),
                                      pairs.data());
    const auto most_frequent = std::max_element(pairs.begin(), pairs.end()) - pairs.begin();
    codec::build_canonical_code(codec::build_code_lengths(pairs),
                                static_cast<std::uint8_t>(most_frequent), plan.code);
    plan.family = family;
  }
  return plan;
}

/// The blob of docs/format/packed-tensor.md, without checksums.
inline std::vector<std::byte> blob_of(const EncodedTensor& tensor) {
  std::vector<std::byte> blob(512);
  const auto put = [&](std::size_t at, const void* from, std::size_t bytes) {
    if (bytes > 0) std::memcpy(blob.data() + at, from, bytes);
  };
  const auto put_integer = [&](std::size_t at, std::uint64_t value, std::size_t bytes) {
    put(at, &value, bytes);
  };
  const codec::EncodePlan& plan = tensor.plan;
  put(0, "UNWEIGHT", 8);
  put_integer(8, 1, 2);
  put_integer(10, static_cast<std::uint64_t>(plan.family), 1);
  put_integer(11, 1, 1);
  put_integer(12, plan.palette_is_run ? 1 : 0, 1);
  put_integer(13, plan.padding_code, 1);
  put_integer(14, plan.code.max_length, 1);
  put_integer(15, plan.code.single_symbol, 1);
  put_integer(16, plan.grid.rows, 8);
  put_integer(24, plan.grid.cols, 8);
  put(32, plan.palette.data(), 16);
  put_integer(48, tensor.sections.verbatim_positions.size(), 8);
  for (std::size_t pair = 0; pair < codec::kNumPairs; pair += 2) {
    put_integer(256 + pair / 2, plan.code.lengths[pair] | plan.code.lengths[pair + 1] << 4, 1);
  }
  std::uint32_t longest_stream = 0;
  for (const codec::ChunkStreamEntry& chunk : tensor.sections.chunk_streams) {
    longest_stream = std::max(longest_stream, codec::chunk_stream_bytes(chunk));
  }
  put_integer(72, longest_stream, 4);

  std::size_t entry = 80;
  const auto put_section = [&](const auto& elements) {
    const std::size_t bytes = elements.size() * sizeof(*elements.data());
    const std::size_t offset = blob.size();
    put_integer(entry, offset, 8);
    put_integer(entry + 8, bytes, 8);
    entry += 24;
    blob.resize((offset + bytes + 255) / 256 * 256);
    put(offset, elements.data(), bytes);
  };
  put_section(tensor.sections.chunk_streams);
  put_section(tensor.sections.verbatim_index);
  put_section(tensor.sections.verbatim_positions);
  put_section(tensor.sections.verbatim_rows);
  put_section(tensor.sections.sign_mantissa);
  put_section(plan.family == Family::kHuffman ? std::vector<std::uint8_t>{}
                                              : tensor.sections.codes);
  put_section(tensor.sections.stream);
  return blob;
}

}  // namespace unweight::testing
