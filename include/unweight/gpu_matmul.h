// SPDX-License-Identifier: BSD-3-Clause
//
// Y = X W^T from weights that stay compressed in GPU memory. Link unweight::cuda.
//
//   X  M x K, BF16, row-major    a row is one token's activations
//   W  N x K, any WeightForm     a row is one output feature
//   Y  M x N, BF16, row-major
//
// Products are accumulated in fp32 and rounded once, to nearest even, when everything is in:
//
//   Y = X W^T [+ bias] [+ residual]          MatmulEpilogue
//   Y = silu(X Wg^T) * (X Wu^T)              matmul_swiglu: gate and up of a gated MLP
//
// The same weights give the same bits in every form under the same MatmulConfig, and from run to
// run: no atomics, and the order of every sum is fixed by the config.
//
//   plan_matmul(problem, limits, workspace) -> MatmulConfig    once for a shape
//   matmul_workspace_bytes(problem, x, config)              often 0; prepare_matmul_workspace()
//   once matmul(weights, x, y, config, ...)                      enqueues; capturable in CUDA
//   graphs
#pragma once

#include <cstddef>
#include <cstdint>

#include "unweight/gpu.h"
#include "unweight/result.h"

namespace unweight::gpu {

/// What a matmul reads its weights from.
enum class WeightForm : std::uint8_t {
  kPalette,    ///< palette family: sign_mantissa, codes, verbatim rows; 12 bits a weight
  kExponents,  ///< sign_mantissa and what decode_exponents() wrote; 16 bits a weight
  kTiles,      ///< what decode_to_tiles() wrote: BF16 in tile order
  kRadix,      ///< radix family: sign_mantissa, codes, escapes; 11.6 bits a weight
};
[[nodiscard]] const char* weight_form_name(WeightForm form);

/// Weights of one matrix in device memory. Plain data, owns nothing. Rows and columns are those of
/// packed.extents.
struct MatmulWeights {
  WeightForm form = WeightForm::kPalette;
  PackedTensor packed;  ///< kPalette, kRadix: all of it, of the family; kExponents: extents and
                        ///< sign_mantissa; kTiles: extents
  const std::byte* exponents = nullptr;  ///< kExponents: 1024 bytes a tile, 16-byte aligned
  const std::byte* tiles = nullptr;      ///< kTiles: 2048 bytes a tile, 16-byte aligned
};

struct MatmulProblem {
  std::uint64_t n = 0;  ///< output features: rows of W (of each of both with swiglu)
  std::uint64_t k = 0;  ///< input features
  std::uint64_t m = 0;  ///< tokens
  WeightForm form = WeightForm::kPalette;
  bool swiglu = false;
};

/// Which kernel, and how it cuts the problem. Part of the result's bits: two runs with the same
/// config agree exactly. Made by plan_matmul(); fields may be set by hand to try something, then
/// can_implement() says whether they make sense.
struct MatmulConfig {
  enum class Kernel : std::uint8_t {
    kMma,    ///< mma.sync, warps are independent: few tokens
    kWgmma,  ///< wgmma, weights from registers: many tokens
  };
  Kernel kernel = Kernel::kMma;
  std::uint32_t tokens_per_tile = 8;  ///< columns of an output tile; kMma: 8, 16, 32 (not kRadix);
                                      ///< kWgmma: 32, 64, 128, 256
  std::uint32_t strips_per_tile = 1;  ///< 16-row strips of an output tile
  std::uint32_t k_warps = 1;  ///< warps that share a strip, each with a part of K; kWgmma: up to 4
  std::uint32_t k_parts = 1;  ///< CTAs of a cluster that share a tile; 1, 2, 4 or 8
  std::uint32_t multicast = 1;        ///< kWgmma: CTAs of a cluster that share activations; 1 or 2
  std::uint32_t tiles_per_stage = 1;  ///< 64-column tiles of K in one stage of the pipeline
  std::uint32_t num_stages = 2;       ///< depth of the pipeline
  std::uint32_t max_sms = 0;          ///< at most so many CTAs at a time; 0: all SMs
  /// kWgmma: stream-K. So many CTAs, at most one an SM, all get equally many tiles: output tiles
  /// that not all of them would have one of are cut along K, and CTAs exchange their sums through
  /// the workspace. 0: no output tile is cut so.
  std::uint32_t stream_ctas = 0;
};

/// The planner's choice: tuned configs of a few shapes (src/matmul/tuned_configs.h), else a
/// rule and a cost model. Stream-K (up to 1.6 times as fast for 64 tokens and more) is chosen only
/// where `workspace_bytes` suffice for it: 18 MB do.
/// Any n, k, m up to 2^20 (0 too). Errors: kInvalidArgument, kUnsupported.
[[nodiscard]] Result<MatmulConfig> plan_matmul(const MatmulProblem& problem,
                                               const LaunchOptions& options = {},
                                               std::uint64_t workspace_bytes = 0);
/// Why a config cannot run a problem, or success.
[[nodiscard]] Result<void> can_implement(const MatmulProblem& problem, const MatmulConfig& config);
/// Device scratch of a matmul: for stream-K (config.stream_ctas, up to 18 MB), and where x cannot
/// be read by tensor copies: base not 16-byte aligned, or a stride that is no multiple of 8. Else
/// 0.
[[nodiscard]] std::uint64_t matmul_workspace_bytes(const MatmulProblem& problem,
                                                   const DeviceMatrix& x,
                                                   const MatmulConfig& config);
/// The beginning of a workspace has to be zero when a matmul starts, and is zero again when it has
/// ended: so this once for memory that is new, enqueued, and nothing else may write there later.
/// Matmuls of one stream may share a workspace, those of several streams may not.
[[nodiscard]] Result<void> prepare_matmul_workspace(std::byte* workspace,
                                                    std::uint64_t workspace_bytes, Stream stream);

/// Added before rounding; device pointers, null for none.
struct MatmulEpilogue {
  const std::uint16_t* bias = nullptr;      ///< [n] BF16
  const std::uint16_t* residual = nullptr;  ///< [m][n] BF16, may be y itself
  std::uint64_t residual_stride_elems = 0;
};

struct MatmulOptions {
  /// Starts while the kernel before it on the stream still runs, and waits for it before it reads
  /// anything but weights (programmatic dependent launch). Only if that kernel does not write the
  /// weights.
  bool dependent_launch = false;
  std::byte* workspace = nullptr;  ///< 256-byte aligned, matmul_workspace_bytes(), prepared
  std::uint64_t workspace_bytes = 0;
};

/// y = x W^T. x: m x k, y: m x n; y must not overlap anything that is read, but residual may be y.
/// Errors: kInvalidArgument, kUnsupported (the device).
[[nodiscard]] Result<void> matmul(const MatmulWeights& weights, const DeviceMatrix& x,
                                  const MutableDeviceMatrix& y, const MatmulConfig& config,
                                  Stream stream, const MatmulEpilogue& epilogue = {},
                                  const MatmulOptions& options = {});

/// y = silu(x gate^T) * (x up^T); gate and up have the same dimensions and form. Sums, silu and
/// product in fp32, rounded once.
[[nodiscard]] Result<void> matmul_swiglu(const MatmulWeights& gate, const MatmulWeights& up,
                                         const DeviceMatrix& x, const MutableDeviceMatrix& y,
                                         const MatmulConfig& config, Stream stream,
                                         const MatmulOptions& options = {});

}  // namespace unweight::gpu
