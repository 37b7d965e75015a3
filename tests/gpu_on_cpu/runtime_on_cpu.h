// SPDX-License-Identifier: BSD-3-Clause
//
// A device for launches on the CPU: small, so that little work is many rounds.
#pragma once

#include <cstdint>

namespace unweight::on_cpu {

inline constexpr std::uint32_t kNumSms = 6;

}  // namespace unweight::on_cpu
