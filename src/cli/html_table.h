// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "cli/html_charts.h"
#include "unweight/bundle.h"

namespace unweight::cli {

/// The report's tensor table; its histograms all span `window`, so that rows compare.
[[nodiscard]] std::string html_tensor_table(const InspectReport& report,
                                            const ExponentWindow& window);

}  // namespace unweight::cli
