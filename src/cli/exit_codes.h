// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace unweight::cli {

enum ExitCode : int {
  kExitOk = 0,
  kExitMismatch = 1,       ///< verify found a difference
  kExitError = 2,          ///< any other error, wrong usage included
  kExitInterrupted = 130,  ///< SIGINT or SIGTERM: 128 + SIGINT, as shells report it
  kExitBrokenPipe = 141,   ///< the reader of stdout went away: 128 + SIGPIPE
};

}  // namespace unweight::cli
