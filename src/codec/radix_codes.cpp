// SPDX-License-Identifier: BSD-3-Clause
//
// A word of a step, with the registers of both:
//
//   codes    31 28 27 24 23 20 19 16 15 12 11  8 7   4 3   0     bytes are pairs: digits of the
//           |  r3 |  r2 |  r1 |  r0 |  r3 |  r2 |  r1 |  r0 |    registers r (low) and r + 1
//   fields   31 30 29        23 22        16 15 14 13         7 6          0
//           | 0 0 |    r2,r3   |    r0,r1   | 0 0 |    r2,r3   |    r0,r1   |
//
// so all four fields are found at once, in bytes, and then moved together; those of two steps, in
// 64 bits.
#include "codec/radix_codes.h"

#include "codec/radix_format.h"
#include "codec/tile_kernels_portable.h"

namespace unweight::codec {
namespace {

using layout::kLanes;
using layout::kSteps;
using portable::load;
using portable::store;

constexpr std::uint64_t kEveryHalf = 0x0001000100010001, kEveryByte = 0x0101010101010101;
constexpr std::uint64_t kLowFields = 0x7f * kEveryHalf;
constexpr std::uint64_t kHighFields = kLowFields << kRadixFieldBits;

constexpr std::uint64_t fields_of_codes(std::uint64_t codes) {
  const std::uint64_t firsts = codes & 0xf * kEveryByte, seconds = codes >> 4 & 0xf * kEveryByte;
  const std::uint64_t bytes = kRadix * firsts + seconds;
  return (bytes & kLowFields) | (bytes >> 1 & kHighFields);
}

/// Of four fields, one in each half: field / 11 = field * 373 >> 12 for all 128 of them.
constexpr std::uint64_t codes_of_four(std::uint64_t fields) {
  const std::uint64_t firsts = fields * 373 >> 12 & 0xf * kEveryHalf;
  return firsts | (fields - kRadix * firsts) << 4;
}
constexpr std::uint64_t codes_of_fields(std::uint64_t words) {
  return codes_of_four(words & kLowFields) | codes_of_four(words >> kRadixFieldBits & kLowFields)
                                                 << 8;
}

constexpr bool divides_all_fields() {
  for (std::uint32_t field = 0; field < 1u << kRadixFieldBits; ++field) {
    const RadixDigits digits = radix_digits(field);
    if (codes_of_four(field * kEveryHalf) != (digits.first | digits.second << 4) * kEveryHalf) {
      return false;
    }
  }
  return true;
}
static_assert(divides_all_fields());

}  // namespace

void pack_radix_tile(const std::uint8_t* codes, std::uint8_t* fields) {
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    std::uint32_t words[kSteps];
    for (std::uint32_t s = 0; s < kSteps; s += 2) {
      const std::uint64_t two =
          fields_of_codes(load<std::uint64_t>(codes + portable::step_word_offset(lane, s)));
      words[s] = static_cast<std::uint32_t>(two);
      words[s + 1] = static_cast<std::uint32_t>(two >> 32);
    }
    const RadixLane packed = pack_radix_lane(words);
    store(fields + 8 * lane, packed.words[0]);
    store(fields + 8 * lane + 4, packed.words[1]);
    store(fields + kRadixPlane1 + 4 * lane, packed.words[2]);
    store(fields + kRadixPlane2 + 2 * lane, packed.rest);
  }
}

void unpack_radix_tile(const std::uint8_t* fields, std::uint8_t* codes) {
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    const RadixLane packed{
        {load<std::uint32_t>(fields + 8 * lane), load<std::uint32_t>(fields + 8 * lane + 4),
         load<std::uint32_t>(fields + kRadixPlane1 + 4 * lane)},
        load<std::uint16_t>(fields + kRadixPlane2 + 2 * lane)};
    for (std::uint32_t s = 0; s < kSteps; s += 2) {
      const std::uint64_t two =
          radix_step_word(packed, s) | std::uint64_t{radix_step_word(packed, s + 1)} << 32;
      store(codes + portable::step_word_offset(lane, s), codes_of_fields(two));
    }
  }
}

}  // namespace unweight::codec
