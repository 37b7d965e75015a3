// SPDX-License-Identifier: BSD-3-Clause
//
// Files and model directories: safetensors <-> unweight bundles. docs/format/bundle.md specifies
// the bytes. SRC and DST are a single .safetensors file or a Hugging Face model directory; a bundle
// of a file is a file, of a directory a directory. Sources are never modified; a destination
// appears under its final name only when it is complete and verified.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "unweight/codec.h"
#include "unweight/result.h"

namespace unweight {

/// What encodes and decodes large tensors instead of the CPU codec, to the same bytes. Opaque:
/// there is one for CUDA in unweight/gpu_engine.h. One engine serves one call at a time.
class TensorEngine;

/// Where a long call is. Bytes count *uncompressed* bytes of all files of the call.
struct Progress {
  std::uint64_t done_bytes = 0;
  std::uint64_t total_bytes = 0;
  std::string item;  ///< file or tensor at work
};
/// Called from one thread at a time, at most ~20 times a second. Return false to cancel.
using ProgressFn = std::function<bool(const Progress&)>;

/// Which tensors to pack: glob patterns (* ? [abc]) over tensor names. A tensor is packed if it is
/// BF16, matches an include (or there are none) and no exclude. All others are carried untouched.
struct TensorFilter {
  std::vector<std::string> include;
  std::vector<std::string> exclude;
};

struct CompressOptions {
  std::optional<Family> family;  ///< unset: the smallest per tensor, never kRadix; kRaw carries all
  unsigned num_threads = 0;      ///< 0: all cores
  bool overwrite = false;  ///< replace an existing destination (after the new one is complete)
  bool self_check = true;  ///< decode and compare every chunk while it is in memory
  bool dry_run = false;    ///< analyse and report, write nothing
  bool resume = true;      ///< continue a directory that an earlier run left unfinished
  TensorFilter filter;
  ProgressFn progress;
  std::shared_ptr<TensorEngine> engine = nullptr;  ///< null: the CPU codec
};

/// One tensor of a file, as stored.
struct TensorReport {
  std::string name, dtype;  ///< safetensors' words ("BF16")
  std::vector<std::uint64_t> shape;
  std::string file;              ///< relative to the directory, or the file's name
  Family family = Family::kRaw;  ///< kRaw: carried
  std::uint64_t num_elems = 0;
  std::uint64_t original_bytes = 0;
  std::uint64_t stored_bytes = 0;  ///< all metadata of the tensor included
  std::string reason;              ///< why carried ("not BF16", "excluded", "does not shrink")
};

struct CompressReport {
  std::vector<TensorReport> tensors;
  std::uint64_t original_bytes = 0, stored_bytes = 0;  ///< whole files, everything included
  std::uint64_t num_files = 0;                         ///< weight files
  std::uint64_t num_files_resumed = 0;  ///< of these, found finished from an earlier run
  double seconds = 0;
  std::vector<std::string> warnings;
};

struct DecompressOptions {
  unsigned num_threads = 0;
  bool overwrite = false;
  bool dry_run = false;
  ProgressFn progress;
  std::shared_ptr<TensorEngine> engine = nullptr;  ///< null: the CPU codec
};
struct DecompressReport {
  std::uint64_t restored_bytes = 0, stored_bytes = 0, num_files = 0;
  double seconds = 0;
};

struct VerifyOptions {
  unsigned num_threads = 0;
  ProgressFn progress;
  std::shared_ptr<TensorEngine> engine = nullptr;  ///< null: the CPU codec
};
/// Every difference found, not only the first. ok() means: checksums hold, everything decodes, and
/// (against an original) every byte of every file is the same.
struct VerifyReport {
  std::vector<std::string> problems;  ///< "file: tensor: what"
  std::uint64_t num_tensors = 0, num_packed = 0, original_bytes = 0, stored_bytes = 0;
  bool compared_with_original = false;
  double seconds = 0;
  [[nodiscard]] bool ok() const noexcept { return problems.empty(); }
};

/// One tensor of an original or a bundle, with statistics where it is BF16.
struct TensorInspection {
  TensorReport report;                     ///< for originals: what compress would choose
  std::optional<TensorAnalysis> analysis;  ///< BF16 tensors with at least one element
};
struct InspectReport {
  std::string path;
  bool is_bundle = false;
  std::vector<TensorInspection> tensors;
  std::uint64_t original_bytes = 0;  ///< whole weight files
  std::uint64_t stored_bytes = 0;    ///< as stored; for originals, the estimate
  double seconds = 0;
};
struct InspectOptions {
  unsigned num_threads = 0;
  bool statistics = true;  ///< false: headers only (`--list`), nothing is decoded
  TensorFilter filter;
  ProgressFn progress;
};

[[nodiscard]] Result<CompressReport> compress(const std::filesystem::path& source,
                                              const std::filesystem::path& destination,
                                              const CompressOptions& options = {});
[[nodiscard]] Result<DecompressReport> decompress(const std::filesystem::path& bundle,
                                                  const std::filesystem::path& destination,
                                                  const DecompressOptions& options = {});
[[nodiscard]] Result<VerifyReport> verify(const std::filesystem::path& bundle,
                                          const std::optional<std::filesystem::path>& original = {},
                                          const VerifyOptions& options = {});
[[nodiscard]] Result<InspectReport> inspect(const std::filesystem::path& path,
                                            const InspectOptions& options = {});

}  // namespace unweight
