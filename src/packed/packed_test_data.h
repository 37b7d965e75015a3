// SPDX-License-Identifier: BSD-3-Clause
//
// Tensors and blob surgery for the tests and fuzzers of this room. Weights of pinned tests come
// from integer arithmetic alone, so they are the same with every compiler and library.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "codec/families_format.h"
#include "packed/header_checks.h"
#include "packed/packed_format.h"
#include "unweight/codec.h"

namespace unweight::packed {

struct TestMatrix {
  std::uint64_t rows = 0, cols = 0;
  std::vector<std::uint16_t> weights;

  [[nodiscard]] MatrixView view() const { return {weights.data(), rows, cols, cols}; }
};

/// SplitMix64: one multiply-xor chain of a counter.
class TestRandom {
 public:
  explicit TestRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }

 private:
  std::uint64_t state_;
};

inline TestMatrix make_matrix(std::uint64_t rows, std::uint64_t cols,
                              const std::function<std::uint16_t(std::uint64_t)>& weight) {
  TestMatrix m{rows, cols, {}};
  m.weights.resize(rows * cols);
  for (std::uint64_t i = 0; i < m.weights.size(); ++i) m.weights[i] = weight(i);
  return m;
}

/// Exponents fall off by halves from 122, like a trained tensor's lower tail, and one weight in
/// 2048 has any exponent; signs and mantissas are uniform. About 2 bits of exponent entropy, 1.5 %
/// of the rows verbatim.
inline TestMatrix halving_matrix(std::uint64_t rows, std::uint64_t cols, std::uint64_t seed) {
  TestRandom random(seed);
  return make_matrix(rows, cols, [&](std::uint64_t) {
    const std::uint64_t bits = random.next();
    const int below = std::countr_zero(bits >> 16 | std::uint64_t{1} << 24);
    const bool outlier = bits >> 53 == 0;
    return codec::join_weight(static_cast<std::uint8_t>(outlier ? bits >> 8 : 122u - below),
                              static_cast<std::uint8_t>(bits));
  });
}

/// Every bit pattern is equally likely: nothing compresses, nearly every row is verbatim.
inline TestMatrix uniform_matrix(std::uint64_t rows, std::uint64_t cols, std::uint64_t seed) {
  TestRandom random(seed);
  return make_matrix(rows, cols,
                     [&](std::uint64_t) { return static_cast<std::uint16_t>(random.next()); });
}

/// What trained weights look like: N(0, sigma) rounded to BF16.
inline TestMatrix normal_matrix(std::uint64_t rows, std::uint64_t cols, std::uint64_t seed,
                                float sigma = 0.02f) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<float> normal(0.0f, sigma);
  return make_matrix(rows, cols, [&](std::uint64_t) {
    const auto bits = std::bit_cast<std::uint32_t>(normal(engine));
    return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  });
}

inline PackedHeader read_header(std::span<const std::byte> blob) {
  PackedHeader header;
  std::memcpy(&header, blob.data(), sizeof(header));
  return header;
}

/// Writes a header into the blob with its checksum made right.
inline void write_header(std::span<std::byte> blob, PackedHeader header) {
  header.header_xxh3 = header_checksum(header);
  std::memcpy(blob.data(), &header, sizeof(header));
}

/// Recomputes every checksum that lies in the blob: what a hostile writer would do.
inline void fix_checksums(std::span<std::byte> blob) {
  PackedHeader header = read_header(blob);
  for (SectionEntry& section : header.sections) {
    if (section.offset > blob.size() || section.bytes > blob.size() - section.offset) continue;
    section.xxh3 = xxh3(blob.subspan(section.offset, section.bytes));
  }
  write_header(blob, header);
}

/// Decodes into `rows` x `cols` weights behind and before which nothing may change. Empty string on
/// success, else the message; "OUT OF BOUNDS" if a guard was overwritten.
inline std::string decode_guarded(std::span<const std::byte> blob, TestMatrix& out,
                                  const DecodeOptions& options) {
  constexpr std::size_t kGuardElems = 64;
  constexpr std::uint16_t kGuard = 0xa5c3;
  std::vector<std::uint16_t> memory(out.rows * out.cols + 2 * kGuardElems, kGuard);
  const Result<void> result =
      decode(blob, {memory.data() + kGuardElems, out.rows, out.cols, out.cols}, options);
  for (std::size_t i = 0; i < kGuardElems; ++i) {
    if (memory[i] != kGuard || memory[memory.size() - 1 - i] != kGuard) return "OUT OF BOUNDS";
  }
  out.weights.assign(memory.begin() + kGuardElems, memory.end() - kGuardElems);
  return result ? std::string() : result.error().message;
}

}  // namespace unweight::packed
