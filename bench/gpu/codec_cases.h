// SPDX-License-Identifier: BSD-3-Clause
//
// The operations of unweight/gpu.h on one matrix: verified, then timed, one row each.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench_machine.h"
#include "bench_results.h"
#include "ceilings.h"
#include "launch_graph.h"
#include "packed_copies.h"

namespace unweight::bench {

struct CodecSettings {
  Machine machine;
  Ceilings ceilings;
  Sampling sampling;
  /// Of "op/weights/NxK/sms": whether to run it.
  std::function<bool(const std::string&)> wanted;
};

/// Appends the rows of all wanted operations on one matrix. `sm_limits`: full decode is also timed
/// with so many SMs.
void run_codec_case(const CodecSettings& settings, Weights weights, std::uint64_t rows,
                    std::uint64_t cols, const std::vector<std::uint32_t>& sm_limits,
                    std::vector<Row>* results);

}  // namespace unweight::bench
