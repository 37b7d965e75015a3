// SPDX-License-Identifier: BSD-3-Clause
//
// `inspect --html`: one page that needs nothing but itself.
#pragma once

#include <string>

#include "unweight/bundle.h"

namespace unweight::cli {

/// The whole page. `generator` is named at its foot.
[[nodiscard]] std::string render_html_report(const InspectReport& report,
                                             const std::string& generator);

}  // namespace unweight::cli
