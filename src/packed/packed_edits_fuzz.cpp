// SPDX-License-Identifier: BSD-3-Clause
//
// A sound packed tensor with a few bytes changed and every checksum made right: what arbitrary
// bytes (packed_fuzz.cpp) seldom get to, because lengths have to agree. What is accepted must
// decode as the reference decoder says.
//
//   input: | family | rows | cols | seed | then edits: | section | offset u16 | xor |
#include <array>
#include <cstdlib>
#include <map>

#include "codec/reference_decoder.h"
#include "packed/packed_test_data.h"

namespace {

using namespace unweight;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Base {
  packed::TestMatrix matrix;
  std::vector<std::byte> blob;
};

// At most 2 x 2 tiles. Encoded once and remembered: edits are what this fuzzer is about.
const Base& base_of(const std::uint8_t* prefix) {
  static std::map<std::array<std::uint64_t, 4>, Base> bases;
  const std::array<std::uint64_t, 4> key = {prefix[0] % 6u, prefix[1] % 20u, prefix[2] % 100u,
                                            prefix[3] % 4u};
  const auto known = bases.find(key);
  if (known != bases.end()) return known->second;
  Base base;
  base.matrix = key[0] < 3 ? packed::halving_matrix(key[1], key[2], key[3])
                           : packed::uniform_matrix(key[1], key[2], key[3]);
  constexpr Family kFamilies[] = {Family::kPalette, Family::kHuffman, Family::kRadix};
  const Family family = kFamilies[key[0] % 3];
  base.blob =
      encode(base.matrix.view(), {.family = family, .num_threads = 1, .self_check = false}).value();
  return bases[key] = std::move(base);
}

// Edits count within one section or, for section 7, within the header, so that short sections are
// hit as often as long ones.
void apply_edit(std::span<std::byte> blob, const packed::PackedHeader& header,
                std::span<const std::uint8_t> edit) {
  const std::size_t where = edit[0] % (packed::kNumSections + 1);
  const bool in_header = where == packed::kNumSections;
  const std::uint64_t begin = in_header ? 0 : header.sections[where].offset;
  const std::uint64_t bytes =
      in_header ? sizeof(header) : packed::align_up(header.sections[where].bytes);
  if (bytes == 0) return;
  const std::uint64_t at = (edit[1] | std::uint64_t{edit[2]} << 8) % bytes;
  blob[begin + at] ^= std::byte{edit[3]};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kPrefix = 4, kEdit = 4;
  if (size < kPrefix) return 0;
  const Base& base = base_of(data);
  std::vector<std::byte> blob = base.blob;
  const packed::PackedHeader header = packed::read_header(blob);
  for (std::size_t at = kPrefix; at + kEdit <= size; at += kEdit) {
    apply_edit(blob, header, {data + at, kEdit});
  }
  packed::fix_checksums(blob);
  packed::TestMatrix out{base.matrix.rows, base.matrix.cols, {}};
  const std::string error =
      packed::decode_guarded(blob, out, {.num_threads = 1, .verify_checksums = true});
  require(error != "OUT OF BOUNDS");
  if (!error.empty()) return 0;
  const auto reference = codec::reference_decode(blob);
  require(reference.ok() && reference->weights == out.weights);
  return 0;
}
