// SPDX-License-Identifier: BSD-3-Clause
#include "base/cpu_features.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace unweight {
namespace {

TEST(CpuFeatures, WishesOnlyLower) {
  EXPECT_EQ(lowered_isa(Isa::kAvx512, nullptr), Isa::kAvx512);
  EXPECT_EQ(lowered_isa(Isa::kAvx512, "avx2"), Isa::kAvx2);
  EXPECT_EQ(lowered_isa(Isa::kAvx512, "portable"), Isa::kPortable);
  EXPECT_EQ(lowered_isa(Isa::kAvx2, "avx512"), Isa::kAvx2);
  EXPECT_EQ(lowered_isa(Isa::kPortable, "avx2"), Isa::kPortable);
  EXPECT_EQ(lowered_isa(Isa::kAvx2, "AVX2 "), Isa::kAvx2);
  EXPECT_EQ(lowered_isa(Isa::kAvx512, ""), Isa::kAvx512);
}

TEST(CpuFeatures, ActiveFollowsTheEnvironment) {
  EXPECT_LE(active_isa(), detected_isa());
  EXPECT_EQ(active_isa(), lowered_isa(detected_isa(), std::getenv("UNWEIGHT_ISA")));
}

#if defined(__x86_64__)
// The compiler's own detection, which also asks the operating system.
TEST(CpuFeatures, AgreesWithTheCompilersDetection) {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
  EXPECT_EQ(detected_isa(), avx512 ? Isa::kAvx512 : avx2 ? Isa::kAvx2 : Isa::kPortable);
}
#endif

}  // namespace
}  // namespace unweight
