// SPDX-License-Identifier: BSD-3-Clause
#include "cli/json_report.h"

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/human_units.h"
#include "cli/report_summary.h"

namespace unweight::cli {
namespace {

using Json = nlohmann::ordered_json;

Json number_or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json rate_or_null(std::uint64_t bytes, double seconds) {
  return seconds > 0 ? Json(static_cast<double>(bytes) / seconds) : Json(nullptr);
}

Json tensor_json(const TensorReport& tensor) {
  Json json = {
      {"name", tensor.name},
      {"dtype", tensor.dtype},
      {"shape", tensor.shape},
      {"file", tensor.file},
      {"family", family_name(tensor.family)},
      {"num_elems", tensor.num_elems},
      {"original_bytes", tensor.original_bytes},
      {"stored_bytes", tensor.stored_bytes},
      {"compression_ratio",
       number_or_null(compression_ratio(tensor.original_bytes, tensor.stored_bytes))},
      {"bits_per_weight", number_or_null(bits_per_weight(tensor.stored_bytes, tensor.num_elems))},
  };
  if (!tensor.reason.empty()) json["reason"] = tensor.reason;
  return json;
}

Json analysis_json(const TensorAnalysis& analysis, std::uint64_t num_elems) {
  Json histogram = Json::object();
  for (std::size_t e = 0; e < analysis.exponent_count.size(); ++e) {
    if (analysis.exponent_count[e] != 0) histogram[std::to_string(e)] = analysis.exponent_count[e];
  }
  return {
      {"rows", analysis.rows},
      {"cols", analysis.cols},
      {"exponent_entropy_bits", analysis.exponent_entropy_bits},
      {"palette", analysis.palette},
      {"palette_is_run", analysis.palette_is_run},
      {"palette_coverage", analysis.palette_coverage},
      {"huffman_code_bits", analysis.huffman_code_bits},
      {"num_verbatim_rows", analysis.num_verbatim_rows},
      {"palette_bytes", analysis.palette_bytes},
      {"palette_bits_per_weight",
       number_or_null(bits_per_weight(analysis.palette_bytes, num_elems))},
      {"huffman_bytes", analysis.huffman_bytes},
      {"huffman_bits_per_weight",
       number_or_null(bits_per_weight(analysis.huffman_bytes, num_elems))},
      {"num_escapes", analysis.num_escapes},
      {"radix_bytes", analysis.radix_bytes},
      {"radix_bits_per_weight", number_or_null(bits_per_weight(analysis.radix_bytes, num_elems))},
      {"smallest_family", family_name(analysis.smallest)},
      {"exponent_count", std::move(histogram)},
  };
}

Json split_json(const BitsSplit& bits) {
  return {{"sign_mantissa", bits.sign_mantissa},
          {"exponents", bits.exponents},
          {"overhead", bits.overhead},
          {"total", bits.total()}};
}

void forget(Json& json, std::initializer_list<const char*> keys) {
  for (const char* key : keys) json[key] = nullptr;
}

}  // namespace

Json compress_json(const CompressReport& report, const std::filesystem::path& source,
                   const std::filesystem::path& destination, bool dry_run,
                   const std::string& device) {
  Json tensors = Json::array();
  std::uint64_t num_packed = 0, num_weights = 0, stored_weight_bytes = 0;
  for (const TensorReport& tensor : report.tensors) {
    if (tensor.family != Family::kRaw) ++num_packed;
    if (tensor.dtype == "BF16") {
      num_weights += tensor.num_elems;
      stored_weight_bytes += tensor.stored_bytes;
    }
    tensors.push_back(tensor_json(tensor));
  }
  return {
      {"ok", true},
      {"command", "compress"},
      {"source", source.string()},
      {"destination", destination.string()},
      {"dry_run", dry_run},
      {"device", device},
      {"original_bytes", report.original_bytes},
      {"stored_bytes", report.stored_bytes},
      {"compression_ratio",
       number_or_null(compression_ratio(report.original_bytes, report.stored_bytes))},
      {"bits_per_weight", number_or_null(bits_per_weight(stored_weight_bytes, num_weights))},
      {"num_weights", num_weights},
      {"num_tensors", report.tensors.size()},
      {"num_packed", num_packed},
      {"num_files", report.num_files},
      {"num_files_resumed", report.num_files_resumed},
      {"seconds", report.seconds},
      {"bytes_per_second", rate_or_null(report.original_bytes, report.seconds)},
      {"warnings", report.warnings},
      {"tensors", std::move(tensors)},
  };
}

Json decompress_json(const DecompressReport& report, const std::filesystem::path& bundle,
                     const std::filesystem::path& destination, bool dry_run,
                     const std::string& device) {
  return {
      {"ok", true},
      {"command", "decompress"},
      {"source", bundle.string()},
      {"destination", destination.string()},
      {"dry_run", dry_run},
      {"device", device},
      {"original_bytes", report.restored_bytes},
      {"stored_bytes", report.stored_bytes},
      {"compression_ratio",
       number_or_null(compression_ratio(report.restored_bytes, report.stored_bytes))},
      {"num_files", report.num_files},
      {"seconds", report.seconds},
      {"bytes_per_second", rate_or_null(report.restored_bytes, report.seconds)},
  };
}

Json verify_json(const VerifyReport& report, const std::filesystem::path& bundle,
                 const std::string& device) {
  Json json = {
      {"ok", report.ok()},
      {"command", "verify"},
      {"bundle", bundle.string()},
      {"device", device},
      {"compared_with_original", report.compared_with_original},
      {"problems", report.problems},
      {"num_tensors", report.num_tensors},
      {"num_packed", report.num_packed},
      {"original_bytes", report.original_bytes},
      {"stored_bytes", report.stored_bytes},
      {"compression_ratio",
       number_or_null(compression_ratio(report.original_bytes, report.stored_bytes))},
      {"seconds", report.seconds},
      {"bytes_per_second", rate_or_null(report.original_bytes, report.seconds)},
  };
  if (!report.ok()) {
    json["error"] = {{"code", "mismatch"}, {"message", report.problems.front()}};
  }
  return json;
}

Json inspect_json(const InspectReport& report, bool statistics) {
  const bool stored_is_known = report.is_bundle || statistics;
  const ModelSummary summary = summarize(report);
  Json tensors = Json::array();
  for (const TensorInspection& tensor : report.tensors) {
    Json entry = tensor_json(tensor.report);
    if (!stored_is_known) {
      forget(entry, {"family", "stored_bytes", "compression_ratio", "bits_per_weight"});
    }
    if (tensor.analysis)
      entry["analysis"] = analysis_json(*tensor.analysis, tensor.report.num_elems);
    tensors.push_back(std::move(entry));
  }
  Json json = {
      {"ok", true},
      {"command", "inspect"},
      {"path", report.path},
      {"is_bundle", report.is_bundle},
      {"original_bytes", report.original_bytes},
      {"stored_bytes", report.stored_bytes},
      {"stored_bytes_is_estimate", !report.is_bundle},
      {"compression_ratio",
       number_or_null(compression_ratio(report.original_bytes, report.stored_bytes))},
      {"bits_per_weight", number_or_null(summary.bits_per_weight)},
      {"entropy_floor_bits_per_weight", number_or_null(summary.entropy_floor_bits)},
      {"num_weights", summary.num_weights},
      {"num_tensors", summary.num_tensors},
      {"num_bf16", summary.num_bf16},
      {"num_packed", summary.num_packed},
      {"seconds", report.seconds},
  };
  if (summary.num_analyzed > 0) {
    json["bits_split"] = {{"stored", split_json(summary.stored)},
                          {"palette", split_json(summary.palette)},
                          {"huffman", split_json(summary.huffman)},
                          {"radix", split_json(summary.radix)}};
  }
  if (!stored_is_known)
    forget(json, {"stored_bytes", "compression_ratio", "bits_per_weight", "num_packed"});
  json["tensors"] = std::move(tensors);
  return json;
}

}  // namespace unweight::cli
