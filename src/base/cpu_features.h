// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace unweight {

/// What kernels are written for. kAvx512 needs F, BW, VL, VBMI, VBMI2 and the operating system's
/// consent (XCR0); kAvx2 needs AVX2, BMI2 and FMA.
enum class Isa : std::uint8_t { kPortable = 0, kAvx2 = 1, kAvx512 = 2 };

[[nodiscard]] const char* isa_name(Isa isa) noexcept;
/// Best of this machine.
[[nodiscard]] Isa detected_isa() noexcept;
/// detected_isa(), lowered by the environment variable UNWEIGHT_ISA (portable, avx2, avx512); read
/// once. An unknown value or one above the machine is ignored.
[[nodiscard]] Isa active_isa() noexcept;
/// The rule behind active_isa(): `wish` (may be null) if it names an Isa that is not above best.
[[nodiscard]] Isa lowered_isa(Isa best, const char* wish) noexcept;

}  // namespace unweight
