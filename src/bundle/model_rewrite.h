// SPDX-License-Identifier: BSD-3-Clause
//
// The JSON files of a model that name tensors or tell loaders what to expect: their text for the
// bundle.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "unweight/codec.h"
#include "unweight/result.h"

namespace unweight::bundle {

/// A tensor of the original, as the bundle has it.
struct StoredName {
  std::string name;
  std::uint64_t bytes = 0;
};
/// By original tensor name; one map per weight file, by its path relative to the model.
using StoredNames = std::map<std::string, StoredName, std::less<>>;
using FileStoredNames = std::map<std::string, StoredNames, std::less<>>;

/// `json` with "quantization_config" (or "unweight_config", if that key is taken) inserted as the
/// last member; every other byte stays. kInvalidFormat if it is no JSON object, or has both keys.
struct RewrittenConfig {
  std::string json;
  bool key_was_taken = false;
};
Result<RewrittenConfig> rewrite_config(std::string_view json, const std::set<Family>& families);

/// `json` (a shard index in folder `folder` of the model, "" or ending in '/') with every tensor
/// under the name that it has in the bundle, and metadata.total_size, if there, of the bundle's.
/// Entries that name no tensor of `files` stay and are counted.
struct RewrittenIndex {
  std::string json;
  std::uint64_t num_unknown = 0;
};
Result<RewrittenIndex> rewrite_index(std::string_view json, const std::string& folder,
                                     const FileStoredNames& files);

}  // namespace unweight::bundle
