// SPDX-License-Identifier: BSD-3-Clause
#include "cli/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/terminal_text.h"

namespace unweight::cli {
namespace {

// Unbuffered by stdio: every failure is seen where it happens. 0 or errno.
int write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

void message_line(std::string_view kind, std::string_view message) {
  write_all(STDERR_FILENO, fmt::format("unweight: {}{}\n", kind, message));
}

nlohmann::ordered_json error_object(std::string_view code, std::string_view message) {
  return {{"ok", false}, {"error", {{"code", code}, {"message", message}}}};
}

}  // namespace

void note(const CommonOptions& options, std::string_view message) {
  if (!options.quiet) message_line("", message);
}
void warn(std::string_view message) {
  message_line("warning: ", message);
}
void problem(std::string_view message) {
  message_line("error: ", message);
}

int write_stdout(std::string_view data) {
  const int error_number = write_all(STDOUT_FILENO, data);
  if (error_number == 0) return kExitOk;
  if (error_number == EPIPE) return kExitBrokenPipe;
  problem(fmt::format("cannot write to standard output: {}", std::strerror(error_number)));
  return kExitError;
}

int write_json(const nlohmann::ordered_json& object) {
  using Json = nlohmann::ordered_json;
  return write_stdout(object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

int report_error(const CommonOptions& options, const Error& error) {
  const bool cancelled = error.code == ErrorCode::kCancelled;
  const char* hint = error.code == ErrorCode::kAlreadyExists ? "; use -f to replace it" : "";
  problem(terminal_text(error.message) + hint);
  if (options.json) {
    // The exit code speaks of the command, also where stdout cannot be written.
    if (write_json(error_object(error_code_name(error.code), error.message)) == kExitError) {
      return kExitError;
    }
  }
  return cancelled ? kExitInterrupted : kExitError;
}

int report_usage_error(bool json, std::string_view message) {
  problem(terminal_text(message));
  if (json) {
    static_cast<void>(write_json(error_object("usage", message)));
    return kExitError;
  }
  write_all(STDERR_FILENO, "Try 'unweight --help' for more information.\n");
  return kExitError;
}

}  // namespace unweight::cli
