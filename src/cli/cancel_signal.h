// SPDX-License-Identifier: BSD-3-Clause
//
// Ctrl-C and friends: the first SIGINT, SIGTERM or SIGHUP asks the running call to stop through its
// progress callback, so that it removes what it had not finished; a second one ends the process.
#pragma once

namespace unweight::cli {

/// Installs the handlers; signals that the parent chose to ignore (nohup) stay ignored. SIGPIPE is
/// ignored: a closed pipe is then an error of the write, and cannot end a run half-way.
void install_signal_handlers() noexcept;
[[nodiscard]] bool cancel_requested() noexcept;

}  // namespace unweight::cli
