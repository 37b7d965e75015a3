// SPDX-License-Identifier: BSD-3-Clause
//
// Arbitrary bytes as a packed tensor: as they are, and with every checksum made right, so that the
// fuzzer reaches what lies behind the checksums. What is accepted must decode as the reference
// decoder says. Seeds: tests/golden/packed and tests/golden/refused.
#include <cstdlib>

#include "codec/reference_decoder.h"
#include "packed/packed_reader.h"
#include "packed/packed_test_data.h"

namespace {

using namespace unweight;

constexpr std::uint64_t kMaxElems = 1u << 16;

void require(bool condition) {
  if (!condition) std::abort();
}

void decode_and_compare(std::span<const std::byte> blob, bool verify_checksums) {
  const auto view = packed::open_packed(blob, verify_checksums);
  const auto info = packed_tensor_info(blob);
  if (view.ok()) require(info.ok());
  if (!info.ok() || info->rows * info->cols > kMaxElems) return;
  packed::TestMatrix out{info->rows, info->cols, {}};
  const std::string error =
      packed::decode_guarded(blob, out, {.num_threads = 1, .verify_checksums = verify_checksums});
  require(error != "OUT OF BOUNDS");
  if (!error.empty()) return;
  require(view.ok());
  const auto reference = codec::reference_decode(blob);
  require(reference.ok() && reference->weights == out.weights);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  std::vector<std::byte> blob(bytes.begin(), bytes.end());  // aligned, and exactly as long
  decode_and_compare(blob, true);
  if (blob.size() < sizeof(packed::PackedHeader)) return 0;
  packed::fix_checksums(blob);
  decode_and_compare(blob, false);
  decode_and_compare(blob, true);
  return 0;
}
