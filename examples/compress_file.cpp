// SPDX-License-Identifier: BSD-3-Clause
//
// compress_file SOURCE DESTINATION: a .safetensors file or a model directory into a bundle, which
// is then verified against its source.
#include <unweight/bundle.h>

#include <cstdio>
#include <filesystem>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s SOURCE DESTINATION\n", argv[0]);
    return 2;
  }
  const std::filesystem::path source = argv[1], destination = argv[2];

  unweight::CompressOptions options;
  options.filter.exclude = {"*embed*"};  // glob patterns; what is excluded is carried untouched
  options.progress = [](const unweight::Progress& progress) {
    std::fprintf(stderr, "\r%llu of %llu bytes",
                 static_cast<unsigned long long>(progress.done_bytes),
                 static_cast<unsigned long long>(progress.total_bytes));
    return true;  // false would cancel
  };
  const auto report = unweight::compress(source, destination, options);
  std::fputc('\n', stderr);
  if (!report) {
    std::fprintf(stderr, "%s\n", report.error().message.c_str());
    return 2;
  }
  for (const unweight::TensorReport& tensor : report->tensors)
    std::printf("%-40s %-8s %s\n", tensor.name.c_str(), unweight::family_name(tensor.family),
                tensor.reason.c_str());
  std::printf("%llu -> %llu bytes\n", static_cast<unsigned long long>(report->original_bytes),
              static_cast<unsigned long long>(report->stored_bytes));

  const auto verified = unweight::verify(destination, source);
  if (!verified) {
    std::fprintf(stderr, "%s\n", verified.error().message.c_str());
    return 2;
  }
  for (const auto& problem : verified->problems) std::fprintf(stderr, "%s\n", problem.c_str());
  std::printf("verified: %s\n", verified->ok() ? "every byte comes back" : "DIFFERENT");
  return verified->ok() ? 0 : 1;
}
