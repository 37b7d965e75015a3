// SPDX-License-Identifier: BSD-3-Clause
//
// A bundle file with the tensors of Llama 3.1 8B, made on the GPU in seconds: few distinct tensors
// of each shape, whose bytes other names have again. A valid bundle: only its original never was.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "gpu/device_memory.h"
#include "unweight/codec.h"

namespace unweight::bench {

struct ModelShape {
  std::uint64_t num_layers = 32;
  std::uint64_t vocabulary = 128256;
  /// Fewer layers and a smaller vocabulary, 0 < scale <= 1.
  [[nodiscard]] static ModelShape scaled(double scale);
};

/// One packed tensor as in the bundle, and how to make its original again.
struct BundleTensor {
  std::string name;
  std::uint64_t rows = 0, cols = 0;
  std::uint64_t seed = 0;  ///< make_weights(Weights::kNormal, rows, cols, seed)
};

struct SyntheticBundle {
  std::vector<BundleTensor> tensors;  ///< the packed ones
  std::uint64_t num_weights = 0;      ///< of these
  std::uint64_t stored_bytes = 0;     ///< of the whole file
};

/// Writes the file, tensors as kHuffman. Takes host memory for the distinct tensors (about 1.5 GB).
[[nodiscard]] SyntheticBundle write_synthetic_bundle(const std::filesystem::path& path,
                                                     const ModelShape& shape, ThreadPool& pool);

}  // namespace unweight::bench
