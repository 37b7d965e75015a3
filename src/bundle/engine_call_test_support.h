// SPDX-License-Identifier: BSD-3-Clause
//
// compress, restore and verify of one file with memory limits and an engine of the test's choice.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bundle/bundle_test_support.h"
#include "bundle/codec_engine_test_support.h"
#include "bundle/file_compressor.h"
#include "bundle/file_restorer.h"
#include "bundle/file_verifier.h"

namespace unweight::testing {

/// Every tensor is large enough for an engine.
inline constexpr bundle::Limits kAllToEngine{.min_engine_bytes = 0};
/// The same, and nothing fits into one window, range or piece.
inline constexpr bundle::Limits kPiecesToEngine{.source_window_bytes = std::uint64_t{600} << 10,
                                                .decode_window_bytes = std::uint64_t{12} << 10,
                                                .encode_budget_bytes = std::uint64_t{1} << 10,
                                                .copy_bytes = 1000,
                                                .min_engine_bytes = 0};

/// One call after the other with the same settings. Without a script there is no engine.
struct EngineCalls {
  EngineScript* script = nullptr;
  bundle::Limits limits = kAllToEngine;
  unsigned num_threads = 1;
  ProgressFn progress = nullptr;

  [[nodiscard]] bundle::JobContext job() const {
    return {num_threads, progress, limits,
            script == nullptr ? nullptr : std::make_shared<CodecEngine>(*script)};
  }
  [[nodiscard]] Result<bundle::CompressedFile> compress(const fs::path& source,
                                                        const fs::path& destination,
                                                        const CompressOptions& options = {}) const {
    bundle::JobContext context = job();
    return bundle::FileCompressor(context, options).compress(source, destination, "in");
  }
  [[nodiscard]] Result<bundle::RestoredFile> restore(const fs::path& source,
                                                     const fs::path& destination) const {
    bundle::JobContext context = job();
    return bundle::restore_file(context, source, destination, "b", {});
  }
  [[nodiscard]] Result<std::vector<std::string>> verify(
      const fs::path& source, const std::optional<fs::path>& original = {}) const {
    bundle::JobContext context = job();
    VerifyReport report;
    auto done = bundle::verify_file(context, source, original, "b", report);
    if (!done) return std::move(done).error();
    return report.problems;
  }
};

/// All hostile tensors that have elements, and a carried one.
inline std::string hostile_file() {
  SafetensorsText file;
  int number = 0;
  for (const HostileTensor& tensor : hostile_tensors())
    file.add_bf16(std::to_string(++number).append(tensor.name), {tensor.rows, tensor.cols},
                  tensor.weights);
  file.add("carried", "U8", {12345}, random_bytes(12345, 1));
  return file.text();
}

}  // namespace unweight::testing
