// SPDX-License-Identifier: BSD-3-Clause
#include "base/cpu_features.h"

#include <cstdlib>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace unweight {
namespace {

#if defined(__x86_64__)

/// XCR0: which register files the operating system saves on a context switch.
std::uint64_t saved_register_files() noexcept {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
}

constexpr bool has_all(std::uint64_t value, std::uint64_t bits) {
  return (value & bits) == bits;
}

Isa detect() noexcept {
  constexpr std::uint64_t kXcr0Ymm = 0x06;  // XMM, YMM
  constexpr std::uint64_t kXcr0Zmm = 0xE6;  // and opmask, the upper ZMM halves, ZMM16-31
  constexpr std::uint32_t kOsxsaveAndFma = (1U << 27) | (1U << 12);             // leaf 1 ECX
  constexpr std::uint32_t kAvx2AndBmi2 = (1U << 5) | (1U << 8);                 // leaf 7 EBX
  constexpr std::uint32_t kAvx512FBwVl = (1U << 16) | (1U << 30) | (1U << 31);  // leaf 7 EBX
  constexpr std::uint32_t kAvx512VbmiVbmi2 = (1U << 1) | (1U << 6);             // leaf 7 ECX

  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || !has_all(ecx, kOsxsaveAndFma))
    return Isa::kPortable;
  const std::uint64_t xcr0 = saved_register_files();
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return Isa::kPortable;
  if (!has_all(xcr0, kXcr0Ymm) || !has_all(ebx, kAvx2AndBmi2)) return Isa::kPortable;
  if (!has_all(xcr0, kXcr0Zmm) || !has_all(ebx, kAvx512FBwVl) || !has_all(ecx, kAvx512VbmiVbmi2))
    return Isa::kAvx2;
  return Isa::kAvx512;
}

#else

Isa detect() noexcept {
  return Isa::kPortable;
}

#endif

}  // namespace

const char* isa_name(Isa isa) noexcept {
  switch (isa) {
    case Isa::kPortable:
      return "portable";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
  }
  return "unknown";
}

Isa detected_isa() noexcept {
  static const Isa isa = detect();
  return isa;
}

Isa lowered_isa(Isa best, const char* wish) noexcept {
  if (wish == nullptr) return best;
  for (const Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512})
    if (isa <= best && std::string_view(wish) == isa_name(isa)) return isa;
  return best;
}

Isa active_isa() noexcept {
  static const Isa isa = lowered_isa(detected_isa(), std::getenv("UNWEIGHT_ISA"));
  return isa;
}

}  // namespace unweight
