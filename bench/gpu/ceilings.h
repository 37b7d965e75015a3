// SPDX-License-Identifier: BSD-3-Clause
//
// What the memory of this device gives in this run: the ceilings that results are held against.
#pragma once

#include <cstdint>
#include <string>

#include "bench_machine.h"

namespace unweight::bench {

struct Ceilings {
  double read_tb_s = 0;     ///< a launch that reads 2 GiB and writes nothing
  std::string read_kernel;  ///< the fastest of those tried
  double copy_tb_s = 0;     ///< 1 GiB to 1 GiB, bytes read + written
  std::string copy_kernel;
};

/// Takes 2 GiB of device memory and about half a second.
[[nodiscard]] Ceilings measure_ceilings(const Machine& machine);

}  // namespace unweight::bench
