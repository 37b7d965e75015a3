// SPDX-License-Identifier: BSD-3-Clause
//
// Arbitrary weights and dimensions: whatever is encoded decodes to the same bits, and analysis
// tells the palette family's size exactly.
#include <cstdlib>

#include "codec/reference_decoder.h"
#include "packed/packed_test_data.h"

namespace {

using namespace unweight;

void require(bool condition) {
  if (!condition) std::abort();
}

// Takes the input apart; reads as zeros behind its end.
class FuzzInput {
 public:
  explicit FuzzInput(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::uint8_t byte() { return at_ < bytes_.size() ? bytes_[at_++] : std::uint8_t{0}; }
  std::uint64_t below(std::uint64_t limit) {
    const std::uint64_t low = byte();
    return (low | std::uint64_t{byte()} << 8) % limit;
  }
  [[nodiscard]] std::span<const std::uint8_t> rest() const {
    return bytes_.subspan(std::min(at_, bytes_.size()));
  }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

// The input's bytes again and again, either as whole weights or as exponents alone, with a shift
// from repetition to repetition so that rows of the tile order differ.
packed::TestMatrix matrix_of(FuzzInput& input) {
  const std::uint8_t kind = input.byte();
  const std::uint64_t rows = input.below(kind % 2 == 0 ? 20 : 600);
  const std::uint64_t cols = input.below(kind % 2 == 0 ? 600 : 20);
  const auto pattern = input.rest();
  return packed::make_matrix(rows, cols, [&](std::uint64_t i) -> std::uint16_t {
    if (pattern.empty()) return 0;
    const std::uint64_t lap = kind & 2 ? i / pattern.size() : 0;
    const std::uint8_t low = pattern[(i + lap) % pattern.size()];
    if ((kind & 4) != 0) return codec::join_weight(low, static_cast<std::uint8_t>(i));
    const std::uint8_t high = pattern[(i * 2 + lap + 1) % pattern.size()];
    return static_cast<std::uint16_t>(low | high << 8);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input({data, size});
  constexpr Family kFamilies[] = {Family::kPalette, Family::kHuffman, Family::kRadix};
  const Family family = kFamilies[input.byte() % 3];
  const packed::TestMatrix m = matrix_of(input);
  const auto analysis = analyze(m.view(), 1);
  require(analysis.ok());
  const auto blob = encode(m.view(), {.family = family, .num_threads = 1, .self_check = true});
  require(blob.ok());
  if (family == Family::kPalette) require(analysis->palette_bytes == blob->size());
  if (family == Family::kRadix) require(analysis->radix_bytes == blob->size());
  packed::TestMatrix out{m.rows, m.cols, {}};
  require(packed::decode_guarded(*blob, out, {.num_threads = 1}).empty());
  require(out.weights == m.weights);
  const auto reference = codec::reference_decode(*blob);
  require(reference.ok() && reference->weights == m.weights);
  return 0;
}
