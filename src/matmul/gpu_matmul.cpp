// SPDX-License-Identifier: BSD-3-Clause
//
// The matmuls of gpu_matmul.h: checks, a tensor map, a launch.
#include "unweight/gpu_matmul.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <string>

#include "base/try.h"
#include "gpu/cuda_result.h"
#include "gpu/device_properties.h"
#include "kernels/argument_checks.h"
#include "matmul/matmul_geometry.h"
#include "matmul/matmul_params.h"
#include "matmul/mma_launch.h"
#include "matmul/tensor_maps.h"
#include "matmul/wgmma_launch.h"

namespace unweight::gpu {
namespace {

using matmul::Geometry;
using matmul::MatmulParams;
using matmul::TensorMaps;

/// A workspace:
///   | flags of stream-K | sums of stream-K | aligned activations |
/// The flags always have their place: they stay zero whoever else uses the workspace.
constexpr std::size_t kWorkspaceAlignment = 256;
static_assert(matmul::kSumFlagsBytes % kWorkspaceAlignment == 0);
/// Tensor copies take strides below 2^40 bytes; no sum of offsets overflows either.
constexpr std::uint64_t kMaxStrideElems = (std::uint64_t{1} << 39) - 1;

Error bad(std::string what) {
  return Error{ErrorCode::kInvalidArgument, std::move(what)};
}

/// All that a launch needs; which card it is, only a planner asks.
Result<matmul::DeviceShape> device_shape() {
  UNWEIGHT_TRY_ASSIGN(const LaunchLimits limits, launch_limits());
  matmul::DeviceShape shape;
  shape.num_sms = limits.num_sms;
  shape.max_shared_bytes = limits.max_shared_bytes;
  return shape;
}

Result<void> check_section(const void* section, const char* name) {
  if (section == nullptr) return bad(fmt::format("{} is null", name));
  if (!kernels::is_aligned(section, kernels::kSectionAlignment)) {
    return bad(fmt::format("{} is not 16-byte aligned", name));
  }
  return {};
}

/// Of forms that are multiplied as they were encoded.
Family family_of(WeightForm form) {
  return form == WeightForm::kRadix ? Family::kRadix : Family::kPalette;
}

Result<void> check_weights(const MatmulWeights& weights, const char* name) {
  const Extents& extents = weights.packed.extents;
  if (extents.rows == 0 || extents.cols == 0) return {};
  switch (weights.form) {
    case WeightForm::kPalette:
    case WeightForm::kRadix:
      if (extents.family != family_of(weights.form)) {
        return bad(fmt::format("{}: form {}, but the packed tensor is of another family", name,
                               weight_form_name(weights.form)));
      }
      return kernels::check_tensor(weights.packed);
    case WeightForm::kExponents:
      UNWEIGHT_TRY(check_section(weights.packed.sign_mantissa, "sign_mantissa"));
      return check_section(weights.exponents, "exponents");
    case WeightForm::kTiles:
      return check_section(weights.tiles, "tiles");
  }
  return bad(fmt::format("{}: unknown weight form", name));
}

Result<void> check_matrix(const void* data, std::uint64_t rows, std::uint64_t cols,
                          std::uint64_t stride, const char* name) {
  if (rows == 0 || cols == 0) return {};
  if (data == nullptr) return bad(fmt::format("{} is null", name));
  if (!kernels::is_aligned(data, sizeof(std::uint16_t))) {
    return bad(fmt::format("{} is not 2-byte aligned", name));
  }
  if (stride < cols) {
    return bad(fmt::format("{}: row stride {} is less than its {} columns", name, stride, cols));
  }
  if (stride > kMaxStrideElems) {
    return bad(fmt::format("{}: row stride {} is above {}", name, stride, kMaxStrideElems));
  }
  return {};
}

matmul::WeightPointers pointers_of(const MatmulWeights& weights) {
  const PackedTensor& t = weights.packed;
  matmul::WeightPointers p{};
  switch (weights.form) {
    case WeightForm::kPalette:
    case WeightForm::kRadix:
      p.record = reinterpret_cast<const kernels::TensorRecord*>(t.record);
      p.verbatim_index = reinterpret_cast<const codec::VerbatimIndexEntry*>(t.verbatim_index);
      p.verbatim_positions = reinterpret_cast<const codec::VerbatimPosition*>(t.verbatim_positions);
      p.verbatim_rows = reinterpret_cast<const std::uint8_t*>(t.verbatim_rows);
      p.num_verbatim_rows = t.extents.num_verbatim_rows;
      if (p.num_verbatim_rows == 0) {  // kRadix reads one even so: of anything that is there
        p.verbatim_positions = reinterpret_cast<const codec::VerbatimPosition*>(t.record);
        p.verbatim_rows = reinterpret_cast<const std::uint8_t*>(t.record);
      }
      p.first = reinterpret_cast<const std::uint8_t*>(t.sign_mantissa);
      p.second = reinterpret_cast<const std::uint8_t*>(t.codes);
      break;
    case WeightForm::kExponents:
      p.first = reinterpret_cast<const std::uint8_t*>(t.sign_mantissa);
      p.second = reinterpret_cast<const std::uint8_t*>(weights.exponents);
      break;
    case WeightForm::kTiles:
      p.first = reinterpret_cast<const std::uint8_t*>(weights.tiles);
      break;
  }
  return p;
}

struct Operands {
  std::array<const MatmulWeights*, 2> weights{};  ///< [1]: up, with swiglu, or null
  DeviceMatrix x;
  MutableDeviceMatrix y;
  MatmulEpilogue epilogue;
};

MatmulProblem problem_of(const Operands& operands) {
  const Extents& extents = operands.weights[0]->packed.extents;
  return {extents.rows, extents.cols, operands.x.rows, operands.weights[0]->form,
          operands.weights[1] != nullptr};
}

Result<void> check(const Operands& o) {
  UNWEIGHT_TRY(check_weights(*o.weights[0], o.weights[1] != nullptr ? "gate" : "weights"));
  const Extents& extents = o.weights[0]->packed.extents;
  if (o.weights[1] != nullptr) {
    UNWEIGHT_TRY(check_weights(*o.weights[1], "up"));
    const Extents& up = o.weights[1]->packed.extents;
    if (o.weights[1]->form != o.weights[0]->form || up.rows != extents.rows ||
        up.cols != extents.cols) {
      return bad("gate and up differ in form or dimensions");
    }
  }
  if (o.x.cols != extents.cols) {
    return bad(fmt::format("x has {} columns, the weights have {}", o.x.cols, extents.cols));
  }
  if (o.y.rows != o.x.rows || o.y.cols != extents.rows) {
    return bad(fmt::format("y is {} x {}; it must be {} x {}", o.y.rows, o.y.cols, o.x.rows,
                           extents.rows));
  }
  UNWEIGHT_TRY(check_matrix(o.x.data, o.x.rows, o.x.cols, o.x.row_stride_elems, "x"));
  UNWEIGHT_TRY(check_matrix(o.y.data, o.y.rows, o.y.cols, o.y.row_stride_elems, "y"));
  if (o.epilogue.residual != nullptr) {
    UNWEIGHT_TRY(check_matrix(o.epilogue.residual, o.y.rows, o.y.cols,
                              o.epilogue.residual_stride_elems, "residual"));
  }
  if (!kernels::is_aligned(o.epilogue.bias, sizeof(std::uint16_t))) {
    return bad("bias is not 2-byte aligned");
  }
  return {};
}

matmul::ActivationBox activation_box(const MatmulConfig& config, const Geometry& g,
                                     std::uint64_t cols) {
  matmul::ActivationBox box;
  const bool is_mma = config.kernel == MatmulConfig::Kernel::kMma;
  const std::uint32_t tiles = is_mma ? g.tiles_per_run : config.tiles_per_stage;
  box.tokens = is_mma ? g.token_rows : config.tokens_per_tile / config.multicast;
  box.tiles = matmul::is_whole_tiles(cols) && config.multicast == 1 ? tiles : 1;
  box.swizzled = !is_mma || matmul::is_swizzled(g.token_rows);
  return box;
}

MatmulParams make_params(const Operands& o, const MatmulConfig& config, const Geometry& g) {
  MatmulParams p{};
  for (std::size_t i = 0; i < o.weights.size(); ++i) {
    if (o.weights[i] != nullptr) p.weights[i] = pointers_of(*o.weights[i]);
  }
  p.y = o.y.data;
  p.bias = o.epilogue.bias;
  p.residual = o.epilogue.residual;
  p.y_stride = o.y.row_stride_elems;
  p.residual_stride = o.epilogue.residual_stride_elems;
  p.y_is_plain = o.epilogue.residual == nullptr && o.weights[1] == nullptr && config.k_parts == 1 &&
                 config.k_warps == 1 && kernels::is_aligned(o.y.data, 16) &&
                 o.y.row_stride_elems % 8 == 0;
  p.y_has_vectors = kernels::is_aligned(o.y.data, 8) && o.y.row_stride_elems % 4 == 0;
  p.n = static_cast<std::uint32_t>(o.y.cols);
  p.k = static_cast<std::uint32_t>(o.x.cols);
  p.m = static_cast<std::uint32_t>(o.x.rows);
  p.num_strips = g.num_strips;
  p.num_matrices = g.num_matrices;
  p.num_k_tiles = g.num_k_tiles;
  p.strips_per_tile = config.strips_per_tile;
  p.strips_each = config.strips_per_tile / g.num_matrices;
  p.num_whole_items = g.num_whole_items;
  p.num_consumer_warps = g.num_consumer_warps;
  p.num_rounds = g.num_rounds;
  p.num_cut_ctas = g.num_cut_ctas;
  p.cut_tiles_each = g.cut_tiles_each;
  p.num_larger_cuts = g.num_larger_cuts;
  p.num_row_groups = g.num_row_groups;
  p.group_strips = g.group_strips;
  p.num_larger_groups = g.num_larger_groups;
  p.num_m_tiles = g.num_m_tiles;
  p.m_tiles_per_group = g.m_tiles_per_group;
  p.k_warps = config.k_warps;
  p.k_warps_inverse = matmul::inverse_of(config.k_warps);
  p.k_parts = config.k_parts;
  p.k_parts_log2 = static_cast<std::uint32_t>(std::countr_zero(config.k_parts));
  p.cluster_log2 = static_cast<std::uint32_t>(std::countr_zero(g.cluster_size));
  p.multicast = config.multicast;
  p.tiles_per_stage = config.tiles_per_stage;
  p.num_stages = config.num_stages;
  const bool is_mma = config.kernel == MatmulConfig::Kernel::kMma;
  p.stage_bytes = is_mma ? g.token_stage_bytes : g.stage_bytes;
  p.token_rows = g.token_rows;
  p.token_tile_bytes = g.token_rows * matmul::kTokenTileBytes;
  p.slot_bytes = g.tiles_per_run * matmul::tile_bytes(problem_of(o).form);
  const matmul::ActivationBox box = activation_box(config, g, o.x.cols);
  p.token_box_tiles = box.tiles;
  p.token_box_bytes = box.tiles * box.tokens * matmul::kTokenTileBytes;
  p.k_is_whole_tiles = matmul::is_whole_tiles(o.x.cols);
  p.tiles_per_run = g.tiles_per_run;
  p.tiles_per_part = g.tiles_per_part;
  p.stages_per_item = g.stages_per_item;
  p.num_token_stages = g.num_token_stages;
  p.weights_offset = g.token_stage_bytes * g.num_token_stages;
  p.epilogue_offset = g.epilogue_offset;
  p.epilogue_tokens = g.epilogue_tokens;
  p.scratch_offset = g.scratch_offset;
  p.barrier_offset = g.barrier_offset;
  return p;
}

template <WeightForm kForm>
cudaError_t launch_form(const MatmulParams& params, const TensorMaps& maps,
                        const MatmulConfig& config, cudaLaunchConfig_t& launch_config) {
  return config.kernel == MatmulConfig::Kernel::kMma
             ? matmul::launch_mma_form<kForm>(params, maps, config, launch_config)
             : matmul::launch_wgmma_form<kForm>(params, maps, config, launch_config);
}

cudaError_t launch(const MatmulParams& params, const TensorMaps& maps, WeightForm form,
                   const MatmulConfig& config, const Geometry& g, bool dependent, Stream stream) {
  std::array<cudaLaunchAttribute, 2> attributes{};
  unsigned num_attributes = 0;
  if (g.cluster_size > 1) {
    cudaLaunchAttribute& a = attributes[num_attributes++];
    a.id = cudaLaunchAttributeClusterDimension;
    a.val.clusterDim = {g.cluster_size, 1, 1};
  }
  if (dependent) {
    cudaLaunchAttribute& a = attributes[num_attributes++];
    a.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    a.val.programmaticStreamSerializationAllowed = 1;
  }
  cudaLaunchConfig_t launch_config{};
  launch_config.gridDim = {g.num_ctas, 1, 1};
  launch_config.blockDim = {g.num_threads, 1, 1};
  launch_config.dynamicSmemBytes = g.shared_bytes;
  launch_config.stream = stream;
  launch_config.attrs = attributes.data();
  launch_config.numAttrs = num_attributes;
  switch (form) {
    case WeightForm::kPalette:
      return launch_form<WeightForm::kPalette>(params, maps, config, launch_config);
    case WeightForm::kExponents:
      return launch_form<WeightForm::kExponents>(params, maps, config, launch_config);
    case WeightForm::kTiles:
      return launch_form<WeightForm::kTiles>(params, maps, config, launch_config);
    case WeightForm::kRadix:
      return launch_form<WeightForm::kRadix>(params, maps, config, launch_config);
  }
  return cudaErrorInvalidValue;
}

Result<TensorMaps> make_maps(const DeviceMatrix& x, const MatmulParams& params, WeightForm form,
                             const MatmulConfig& config, const Geometry& geometry) {
  TensorMaps maps{};
  UNWEIGHT_TRY_ASSIGN(maps.x, matmul::activation_map(x, activation_box(config, geometry, x.cols)));
  if (config.kernel == MatmulConfig::Kernel::kMma) return maps;  // its weights are no boxes
  const std::uint32_t strips = params.strips_per_tile / params.num_matrices;
  const matmul::TileSections bytes = matmul::tile_sections(form);
  for (std::uint32_t i = 0; i < params.num_matrices; ++i) {
    const auto map = [&](const std::uint8_t* section, std::uint32_t tile_bytes) {
      return matmul::section_map(section, tile_bytes, params.num_k_tiles, params.num_strips,
                                 params.tiles_per_stage, strips);
    };
    UNWEIGHT_TRY_ASSIGN(maps.first[i], map(params.weights[i].first, bytes.first));
    if (bytes.second == 0) continue;
    UNWEIGHT_TRY_ASSIGN(maps.second[i], map(params.weights[i].second, bytes.second));
  }
  return maps;
}

Result<void> check_workspace(const MatmulOptions& options, std::uint64_t needed) {
  if (needed == 0) return {};
  if (options.workspace == nullptr || options.workspace_bytes < needed ||
      !kernels::is_aligned(options.workspace, kWorkspaceAlignment)) {
    return bad(fmt::format("a workspace of {} bytes, {}-byte aligned, is needed", needed,
                           kWorkspaceAlignment));
  }
  return {};
}

Result<void> run(const Operands& operands, const MatmulConfig& config, Stream stream,
                 const MatmulOptions& options) {
  UNWEIGHT_TRY(check(operands));
  const MatmulProblem problem = problem_of(operands);
  UNWEIGHT_TRY_ASSIGN(const matmul::DeviceShape device, device_shape());
  UNWEIGHT_TRY_ASSIGN(const Geometry geometry, matmul::geometry_of(problem, config, device));
  if (problem.m == 0 || problem.n == 0) return {};
  DeviceMatrix x = operands.x;
  const bool align = problem.k != 0 && !matmul::readable_by_tensor_copies(x);
  UNWEIGHT_TRY(check_workspace(options, matmul_workspace_bytes(problem, x, config)));
  std::byte* const sums = options.workspace + matmul::kSumFlagsBytes;
  if (align) {
    auto* const aligned = reinterpret_cast<std::uint16_t*>(sums + matmul::cut_sums_bytes(config));
    UNWEIGHT_TRY(cuda_result(matmul::launch_align_activations(x, aligned, stream), "align"));
    x.data = aligned;
    x.row_stride_elems = matmul::aligned_stride(x.cols);
  }
  MatmulParams params = make_params(operands, config, geometry);
  params.sum_flags = reinterpret_cast<std::uint32_t*>(options.workspace);
  params.cut_sums = reinterpret_cast<float4*>(sums);
  TensorMaps maps{};
  if (problem.k != 0) {
    UNWEIGHT_TRY_ASSIGN(maps, make_maps(x, params, problem.form, config, geometry));
  }
  return cuda_result(launch(params, maps, problem.form, config, geometry,
                            options.dependent_launch && !align, stream),
                     "matmul");
}

}  // namespace

const char* weight_form_name(WeightForm form) {
  switch (form) {
    case WeightForm::kPalette:
      return "palette";
    case WeightForm::kExponents:
      return "exponents";
    case WeightForm::kTiles:
      return "bf16-tiles";
    case WeightForm::kRadix:
      return "radix";
  }
  return "unknown";
}

Result<MatmulConfig> plan_matmul(const MatmulProblem& problem, const LaunchOptions& options,
                                 std::uint64_t workspace_bytes) {
  UNWEIGHT_TRY_ASSIGN(matmul::DeviceShape device, device_shape());
  UNWEIGHT_TRY_ASSIGN(device.memory_bus_bits, memory_bus_bits());
  return matmul::choose_config(problem, device, {options.max_sms, workspace_bytes});
}

Result<void> can_implement(const MatmulProblem& problem, const MatmulConfig& config) {
  UNWEIGHT_TRY_ASSIGN(const matmul::DeviceShape device, device_shape());
  UNWEIGHT_TRY(matmul::geometry_of(problem, config, device));
  return {};
}

std::uint64_t matmul_workspace_bytes(const MatmulProblem& problem, const DeviceMatrix& x,
                                     const MatmulConfig& config) {
  const std::uint64_t aligned_bytes =
      problem.k == 0 || matmul::readable_by_tensor_copies(x)
          ? 0
          : x.rows * matmul::aligned_stride(problem.k) * sizeof(std::uint16_t);
  const std::uint64_t bytes = matmul::cut_sums_bytes(config) + aligned_bytes;
  return bytes == 0 ? 0 : matmul::kSumFlagsBytes + bytes;
}

Result<void> prepare_matmul_workspace(std::byte* workspace, std::uint64_t workspace_bytes,
                                      Stream stream) {
  if (workspace_bytes == 0) return {};
  if (workspace == nullptr) return bad("the workspace is null");
  return cuda_result(
      cudaMemsetAsync(workspace, 0, std::min(workspace_bytes, matmul::kSumFlagsBytes), stream),
      "cudaMemsetAsync of the workspace");
}

Result<void> matmul(const MatmulWeights& weights, const DeviceMatrix& x,
                    const MutableDeviceMatrix& y, const MatmulConfig& config, Stream stream,
                    const MatmulEpilogue& epilogue, const MatmulOptions& options) {
  return run({{&weights, nullptr}, x, y, epilogue}, config, stream, options);
}

Result<void> matmul_swiglu(const MatmulWeights& gate, const MatmulWeights& up,
                           const DeviceMatrix& x, const MutableDeviceMatrix& y,
                           const MatmulConfig& config, Stream stream,
                           const MatmulOptions& options) {
  return run({{&gate, &up}, x, y, {}}, config, stream, options);
}

}  // namespace unweight::gpu
