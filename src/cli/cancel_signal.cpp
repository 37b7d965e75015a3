// SPDX-License-Identifier: BSD-3-Clause
#include "cli/cancel_signal.h"

#include <csignal>
#include <initializer_list>

namespace unweight::cli {
namespace {

volatile std::sig_atomic_t cancel_flag = 0;

void request_cancel(int) {
  cancel_flag = 1;
}

}  // namespace

void install_signal_handlers() noexcept {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction current {};
    if (sigaction(number, nullptr, &current) != 0 || current.sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = request_cancel;
    action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, nullptr);
  }
  std::signal(SIGPIPE, SIG_IGN);
}

bool cancel_requested() noexcept {
  return cancel_flag != 0;
}

}  // namespace unweight::cli
