// SPDX-License-Identifier: BSD-3-Clause
//
// Loads a bundle (docs/format/bundle.md; a file or a directory) into the memory of one GPU. The
// weights stay packed: whoever uses them decodes, or multiplies straight from them (gpu.h). Link
// unweight::cuda.
//
//   auto model = unweight::gpu::load_bundle("model-unweight/", {.device = 0});
//   if (!model) return report(model.error().message);
//   const LoadedTensor* q = model->find("model.layers.0.self_attn.q_proj.weight");
//
// Everything is validated before a kernel sees it, and with verify_checksums every byte is hashed
// on its way; a load that fails leaves nothing behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "unweight/bundle.h"
#include "unweight/gpu.h"
#include "unweight/result.h"

namespace unweight::gpu {

struct LoadOptions {
  /// What packed tensors are in GPU memory.
  enum class Resident : std::uint8_t {
    kAsStored,  ///< the family they are stored in: Huffman 10.6 bits a weight, radix 11.6
    /// Huffman tensors are transcoded on the GPU to 12 bits, which kernels read without decoding a
    /// stream. Radix tensors stay what they are: no stream either, and smaller.
    kPalette,
  };
  Resident resident = Resident::kAsStored;
  /// Threads that read, hash and copy. 0: all cores, at most 16.
  unsigned num_threads = 0;
  /// Page-locked host memory of the whole Loader, at least 1 MiB. Fewer threads are used if it does
  /// not suffice for all.
  std::uint64_t staging_bytes = std::uint64_t{256} << 20;
  bool verify_checksums = true;  ///< XXH3 of every section and of every carried tensor
  TensorFilter filter;           ///< which tensors are loaded, by name; default: all
  /// Counts bytes as stored, not uncompressed ones; `item` is a tensor. Called from the loading
  /// threads, one at a time.
  ProgressFn progress;
  int device = 0;  ///< CUDA's ordinal
};

struct LoadedTensor {
  std::string name, dtype;           ///< of the original: safetensors' words ("BF16")
  std::vector<std::uint64_t> shape;  ///< of the original
  std::string file;                  ///< relative to the directory, or the file's name
  Family family = Family::kRaw;      ///< in GPU memory; kRaw: carried, bytes as they are
  Family stored_family = Family::kRaw;
  PackedTensor packed;        ///< unless kRaw: rows x cols are matrix_dims(shape)
  std::byte* data = nullptr;  ///< kRaw: 256-byte aligned device pointer; null if it has no bytes
  std::uint64_t bytes = 0;    ///< on the device, record and alignment included
};

struct LoadReport {
  std::uint64_t device_bytes = 0;    ///< what the model occupies: one allocation
  std::uint64_t scratch_bytes = 0;   ///< occupied besides while loading (transcoding)
  std::uint64_t copied_bytes = 0;    ///< over PCIe
  std::uint64_t original_bytes = 0;  ///< of the tensors, uncompressed
  std::uint64_t num_packed = 0, num_carried = 0;
  unsigned num_threads = 0;
  double seconds = 0;           ///< of load(); its parts:
  double plan_seconds = 0;      ///< headers read and validated
  double allocate_seconds = 0;  ///< GPU memory, while indices are read and validated
  double copy_seconds = 0;      ///< read, hashed, copied, transcoded
};

/// A model in GPU memory. Owns one allocation that all its tensors lie in; the destructor frees it
/// (and so waits for the device). Move-only.
class LoadedModel {
 public:
  LoadedModel(LoadedModel&&) noexcept;
  LoadedModel& operator=(LoadedModel&&) noexcept;
  ~LoadedModel();

  /// By file, then in data order of the original.
  [[nodiscard]] const std::vector<LoadedTensor>& tensors() const noexcept;
  /// By the original's name; null if it was not loaded. Names are unique.
  [[nodiscard]] const LoadedTensor* find(std::string_view name) const noexcept;
  [[nodiscard]] const LoadReport& report() const noexcept;
  [[nodiscard]] int device() const noexcept;

 private:
  friend class Loader;
  struct Impl;
  explicit LoadedModel(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

/// Owns what loading needs (pinned memory, streams, threads), for any number of bundles, one at a
/// time. Move-only; not thread-safe. Calls leave the calling thread's current device as it was.
class Loader {
 public:
  /// Errors: kUnsupported (no driver, no such device, not Hopper), kInvalidArgument (patterns,
  /// staging_bytes), kOutOfMemory.
  static Result<Loader> create(LoadOptions options);
  Loader(Loader&&) noexcept;
  Loader& operator=(Loader&&) noexcept;
  ~Loader();

  /// Returns when the whole model is in GPU memory. Errors name file and tensor: kNotFound, kIo,
  /// kInvalidFormat, kChecksumMismatch, kUnsupported, kSourceChanged, kOutOfMemory (host or GPU),
  /// kCancelled. After an error the Loader can be used again.
  Result<LoadedModel> load(const std::filesystem::path& bundle);

 private:
  struct Impl;
  explicit Loader(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

/// Loader::create() and load(): for one bundle.
[[nodiscard]] Result<LoadedModel> load_bundle(const std::filesystem::path& bundle,
                                              const LoadOptions& options = {});

}  // namespace unweight::gpu
