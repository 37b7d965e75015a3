// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/tensor_choice.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "base/glob.h"
#include "base/try.h"
#include "bundle/bundle_format.h"
#include "bundle/tensor_windows.h"
#include "packed/encode_plan.h"

namespace unweight::bundle {
namespace {

bool matches_any(const std::vector<std::string>& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return glob_match(pattern, name); });
}

std::string reason_to_carry(const safetensors::TensorEntry& tensor,
                            const std::unordered_set<std::string_view>& names,
                            std::optional<Family> family, const TensorFilter& filter,
                            const Limits& limits) {
  if (tensor.dtype != "BF16") return "not BF16";
  if (tensor.num_elems() == 0) return "empty";
  if (!filter.include.empty() && !matches_any(filter.include, tensor.name)) return "not included";
  if (matches_any(filter.exclude, tensor.name)) return "excluded";
  if (family == Family::kRaw) return "family raw";
  if (names.contains(tensor.name + std::string(kPackedSuffix)))
    return "the name " + tensor.name + std::string(kPackedSuffix) + " is taken";
  const MatrixDims dims = matrix_dims(tensor.shape);
  const layout::TileGrid grid{dims.rows, dims.cols};
  if (!grid.representable()) return "too large for the format";
  if (!TensorWindows::can_window(grid, limits)) return "rows too long to stream";
  return {};
}

}  // namespace

bool filter_takes(const TensorFilter& filter, const std::string& name) {
  return (filter.include.empty() || matches_any(filter.include, name)) &&
         !matches_any(filter.exclude, name);
}

Result<void> check_filter(const TensorFilter& filter) {
  for (const std::string& pattern : filter.include) UNWEIGHT_TRY(check_glob(pattern));
  for (const std::string& pattern : filter.exclude) UNWEIGHT_TRY(check_glob(pattern));
  return {};
}

std::vector<TensorReport> choose_tensors(const safetensors::Header& header,
                                         const std::string& file_name, std::optional<Family> family,
                                         const TensorFilter& filter, const Limits& limits) {
  std::unordered_set<std::string_view> names;
  for (const safetensors::TensorEntry& tensor : header.tensors) names.insert(tensor.name);
  std::vector<TensorReport> reports;
  for (const safetensors::TensorEntry& tensor : header.tensors) {
    TensorReport report;
    report.name = tensor.name;
    report.dtype = tensor.dtype;
    report.shape = tensor.shape;
    report.file = file_name;
    report.num_elems = tensor.num_elems();
    report.original_bytes = tensor.bytes();
    report.stored_bytes = tensor.bytes();
    report.reason = reason_to_carry(tensor, names, family, filter, limits);
    reports.push_back(std::move(report));
  }
  return reports;
}

Family choose_family(const TensorAnalysis& analysis, std::optional<Family> forced) {
  if (!forced) return analysis.smallest;
  const std::uint64_t original_bytes = packed::estimated_bytes(analysis, Family::kRaw);
  const bool shrinks = packed::estimated_bytes(analysis, *forced) < original_bytes;
  return shrinks && packed::can_hold(analysis, *forced) ? *forced : Family::kRaw;
}

}  // namespace unweight::bundle
