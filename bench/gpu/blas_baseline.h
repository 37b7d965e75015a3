// SPDX-License-Identifier: BSD-3-Clause
//
// What matmuls are held against: cuBLAS and cuBLASLt on BF16 weights, fp32 sums. Built without
// cuBLAS's headers (UNWEIGHT_HAS_CUBLAS undefined) there is none.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace unweight::bench {

/// One way to compute y (m x n) = x (m x k) w^T (n x k), all row-major BF16, no padding.
struct BlasPlan {
  std::string name;  ///< "cublas", "cublasLt #3"
  std::function<void(const std::uint16_t* w, const std::uint16_t* x, std::uint16_t* y,
                     cudaStream_t stream)>
      enqueue;
};

class BlasBaseline {
 public:
  /// Null where it was built without cuBLAS.
  static std::unique_ptr<BlasBaseline> create();
  virtual ~BlasBaseline() = default;
  /// cublasGemmEx first, then what the heuristics of cuBLASLt offer, 8 at most. Plans must not
  /// outlive this object.
  [[nodiscard]] virtual std::vector<BlasPlan> plans(std::uint64_t n, std::uint64_t k,
                                                    std::uint64_t m) = 0;
};

}  // namespace unweight::bench
