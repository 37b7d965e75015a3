// SPDX-License-Identifier: BSD-3-Clause
//
// A tile's codes as the palette family has them <-> as the radix family has them. Digits are codes
// of a palette that is a run, so everything else that the CPU does with codes serves both families.
#pragma once

#include <cstdint>

namespace unweight::codec {

/// A code tile of 512 bytes, its codes below 11 -> 448 bytes.
void pack_radix_tile(const std::uint8_t* codes, std::uint8_t* fields);

/// Inverse. Of any bytes: fields that no pair of digits gives are codes 11 and 0 .. 6.
void unpack_radix_tile(const std::uint8_t* fields, std::uint8_t* codes);

}  // namespace unweight::codec
