// SPDX-License-Identifier: BSD-3-Clause
#include "blas_baseline.h"

#ifdef UNWEIGHT_HAS_CUBLAS

#include <cublasLt.h>
#include <cublas_v2.h>
#include <fmt/format.h>

#include <array>

#include "bench_machine.h"
#include "gpu/device_memory.h"

namespace unweight::bench {
namespace {

constexpr std::uint64_t kWorkspaceBytes = std::uint64_t{64} << 20;
constexpr int kMostHeuristics = 8;

void require_blas(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    give_up(fmt::format("{}: {}", what, cublasGetStatusString(status)));
}

/// Descriptors of one problem. Row-major y = x w^T is column-major y' (n x m) = w'^T (k x n, so
/// transposed) x' (k x m).
struct LtProblem {
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t w = nullptr, x = nullptr, y = nullptr;

  LtProblem(std::uint64_t n, std::uint64_t k, std::uint64_t m) {
    require_blas(cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), "desc");
    const cublasOperation_t transposed = CUBLAS_OP_T;
    require_blas(cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                                sizeof transposed),
                 "transposed weights");
    const auto columns = static_cast<std::int64_t>(k), outputs = static_cast<std::int64_t>(n);
    require_blas(cublasLtMatrixLayoutCreate(&w, CUDA_R_16BF, k, n, columns), "layout of w");
    require_blas(cublasLtMatrixLayoutCreate(&x, CUDA_R_16BF, k, m, columns), "layout of x");
    require_blas(cublasLtMatrixLayoutCreate(&y, CUDA_R_16BF, n, m, outputs), "layout of y");
  }
  ~LtProblem() {
    for (const cublasLtMatrixLayout_t layout : {w, x, y}) cublasLtMatrixLayoutDestroy(layout);
    cublasLtMatmulDescDestroy(operation);
  }
  LtProblem(const LtProblem&) = delete;
  LtProblem& operator=(const LtProblem&) = delete;
};

class Cublas final : public BlasBaseline {
 public:
  Cublas() : workspace_(take(gpu::DeviceBuffer::allocate(kWorkspaceBytes), "cuBLAS workspace")) {
    require_blas(cublasCreate(&handle_), "cublasCreate");
    require_blas(cublasLtCreate(&lt_), "cublasLtCreate");
  }
  ~Cublas() override {
    cublasLtDestroy(lt_);
    cublasDestroy(handle_);
  }
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;

  std::vector<BlasPlan> plans(std::uint64_t n, std::uint64_t k, std::uint64_t m) override {
    std::vector<BlasPlan> found{
        gemm_ex(static_cast<int>(n), static_cast<int>(k), static_cast<int>(m))};
    const auto problem = std::make_shared<const LtProblem>(n, k, m);
    cublasLtMatmulPreference_t preference = nullptr;
    require_blas(cublasLtMatmulPreferenceCreate(&preference), "preference");
    require_blas(
        cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                             &kWorkspaceBytes, sizeof kWorkspaceBytes),
        "preference");
    std::array<cublasLtMatmulHeuristicResult_t, kMostHeuristics> offers{};
    int num_offers = 0;
    // No offers at all is a status too; cublasGemmEx is left then.
    (void)cublasLtMatmulAlgoGetHeuristic(lt_, problem->operation, problem->w, problem->x,
                                         problem->y, problem->y, preference, kMostHeuristics,
                                         offers.data(), &num_offers);
    cublasLtMatmulPreferenceDestroy(preference);
    for (int i = 0; i < num_offers; ++i)
      if (offers[i].state == CUBLAS_STATUS_SUCCESS)
        found.push_back(lt_matmul(i, problem, offers[i].algo));
    return found;
  }

 private:
  BlasPlan gemm_ex(int n, int k, int m) {
    return {"cublas", [=, this](const std::uint16_t* w, const std::uint16_t* x, std::uint16_t* y,
                                cudaStream_t stream) {
              const float one = 1, zero = 0;
              // A new stream forgets the workspace, so this order.
              require_blas(cublasSetStream(handle_, stream), "cublasSetStream");
              require_blas(cublasSetWorkspace(handle_, workspace_.data(), kWorkspaceBytes),
                           "cublasSetWorkspace");
              require_blas(cublasGemmEx(handle_, CUBLAS_OP_T, CUBLAS_OP_N, n, m, k, &one, w,
                                        CUDA_R_16BF, k, x, CUDA_R_16BF, k, &zero, y, CUDA_R_16BF, n,
                                        CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
                           "cublasGemmEx");
            }};
  }

  BlasPlan lt_matmul(int index, const std::shared_ptr<const LtProblem>& problem,
                     const cublasLtMatmulAlgo_t& algorithm) {
    return {fmt::format("cublasLt #{}", index),
            [=, this](const std::uint16_t* w, const std::uint16_t* x, std::uint16_t* y,
                      cudaStream_t stream) {
              const float one = 1, zero = 0;
              require_blas(cublasLtMatmul(lt_, problem->operation, &one, w, problem->w, x,
                                          problem->x, &zero, y, problem->y, y, problem->y,
                                          &algorithm, workspace_.data(), kWorkspaceBytes, stream),
                           "cublasLtMatmul");
            }};
  }

  gpu::DeviceBuffer workspace_;
  cublasHandle_t handle_ = nullptr;
  cublasLtHandle_t lt_ = nullptr;
};

}  // namespace

std::unique_ptr<BlasBaseline> BlasBaseline::create() {
  return std::make_unique<Cublas>();
}

}  // namespace unweight::bench

#else

namespace unweight::bench {

std::unique_ptr<BlasBaseline> BlasBaseline::create() {
  return nullptr;
}

}  // namespace unweight::bench

#endif
