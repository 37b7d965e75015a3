// SPDX-License-Identifier: BSD-3-Clause
//
// A test that runs once for every instruction set of this machine.
#pragma once

#include <gtest/gtest.h>

#include "codec/tile_kernels.h"

namespace unweight::testing {

class PerIsa : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (GetParam() > detected_isa()) GTEST_SKIP() << "this machine has no " << isa_name(GetParam());
  }
  [[nodiscard]] static const codec::TileKernels& kernels() {
    return codec::tile_kernels(GetParam());
  }
  [[nodiscard]] static const codec::TileKernels& portable() {
    return codec::tile_kernels(Isa::kPortable);
  }
};

/// The parameters, and their names in the test's.
#define UNWEIGHT_INSTANTIATE_PER_ISA(suite)                                             \
  INSTANTIATE_TEST_SUITE_P(Isa, suite,                                                  \
                           ::testing::Values(Isa::kPortable, Isa::kAvx2, Isa::kAvx512), \
                           [](const auto& isa) { return isa_name(isa.param); })

}  // namespace unweight::testing
