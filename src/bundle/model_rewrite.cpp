// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/model_rewrite.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/try.h"
#include "bundle/bundle_format.h"
#include "layout/tile_order.h"
#include "safetensors/safetensors.h"

namespace unweight::bundle {
namespace {

using nlohmann::ordered_json;

constexpr const char* kConfigKey = "quantization_config";  // the key that engines route by
constexpr const char* kOwnConfigKey = "unweight_config";

ordered_json config_value(const std::set<Family>& families) {
  ordered_json names = ordered_json::array();
  for (const Family family : families) names.push_back(family_name(family));
  return {{"quant_method", "unweight"},
          {"format_version", kFormatVersion},
          {"tile_geometry",
           {{"tile_rows", layout::kTileRows},
            {"tile_cols", layout::kTileCols},
            {"chunk_tiles", layout::kChunkTiles}}},
          {"families", std::move(names)},
          {"checksums", kDirectoryManifest}};
}

/// `text` with every line but the first indented.
std::string indent_lines(const std::string& text, std::string_view indent) {
  std::string indented;
  for (const char c : text) {
    indented += c;
    if (c == '\n') indented += indent;
  }
  return indented;
}

const StoredName* find_stored(const FileStoredNames& files, const std::string& file,
                              const std::string& tensor) {
  const auto found_file = files.find(file);
  if (found_file == files.end()) return nullptr;
  const auto found = found_file->second.find(tensor);
  return found == found_file->second.end() ? nullptr : &found->second;
}

}  // namespace

Result<RewrittenConfig> rewrite_config(std::string_view json, const std::set<Family>& families) {
  const ordered_json config = ordered_json::parse(json, nullptr, false);
  if (!config.is_object()) return Error{ErrorCode::kInvalidFormat, "not a JSON object"};
  const bool taken = config.contains(kConfigKey);
  if (taken && config.contains(kOwnConfigKey))
    return Error{ErrorCode::kInvalidFormat,
                 fmt::format("has both {} and {} already", kConfigKey, kOwnConfigKey)};
  // The text, not the parsed value, is what is changed: numbers keep their spelling.
  const std::size_t brace = json.rfind('}');
  std::size_t end = json.find_last_not_of(" \t\r\n", brace - 1) + 1;
  const bool on_lines = json.substr(end, brace - end).find('\n') != std::string_view::npos;
  const char* member = taken ? kOwnConfigKey : kConfigKey;
  const std::string value =
      on_lines ? indent_lines(config_value(families).dump(2), "  ") : config_value(families).dump();
  std::string text(json.substr(0, end));
  if (!config.empty()) text += ",";
  text += on_lines ? "\n  " : config.empty() ? "" : " ";
  text += fmt::format("\"{}\": {}", member, value);
  text += json.substr(end);
  return RewrittenConfig{std::move(text), taken};
}

Result<RewrittenIndex> rewrite_index(std::string_view json, const std::string& folder,
                                     const FileStoredNames& files) {
  UNWEIGHT_TRY_ASSIGN(const safetensors::ShardIndex index, safetensors::parse_shard_index(json));
  ordered_json root = ordered_json::parse(json, nullptr, false);
  if (root.is_discarded()) return Error{ErrorCode::kInvalidFormat, "not valid JSON"};
  RewrittenIndex result;
  ordered_json weight_map = ordered_json::object();
  std::uint64_t total_bytes = 0;
  for (const auto& [tensor, file] : index.weight_map) {
    const StoredName* stored = find_stored(files, folder + file, tensor);
    if (stored == nullptr) {
      ++result.num_unknown;
    } else {
      total_bytes += stored->bytes;
    }
    // push_back, not []: ordered_json looks a key up by going through all of them.
    weight_map.get_ref<ordered_json::object_t&>().push_back(
        {stored == nullptr ? tensor : stored->name, ordered_json(file)});
  }
  root["weight_map"] = std::move(weight_map);
  const auto metadata = root.find("metadata");
  if (metadata != root.end() && metadata->is_object() && metadata->contains("total_size"))
    (*metadata)["total_size"] = total_bytes;
  result.json = root.dump(2) + "\n";
  return result;
}

}  // namespace unweight::bundle
