// SPDX-License-Identifier: BSD-3-Clause
#include "synthetic_bundle.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <span>
#include <tuple>
#include <utility>

#include "base/file.h"
#include "base/hash.h"
#include "bench_machine.h"
#include "bundle/bundle_file.h"
#include "bundle/bundle_format.h"
#include "bundle/file_manifest.h"
#include "safetensors/safetensors.h"
#include "synthetic_weights.h"
#include "unweight/gpu.h"
#include "unweight/version.h"

namespace unweight::bench {
namespace {

using Blob = std::vector<std::byte>;
using safetensors::TensorEntry;

constexpr std::uint64_t kHidden = 4096, kKeys = 1024, kInner = 14336;
constexpr std::uint64_t kDistinct = 2;  // of each shape
constexpr std::uint64_t kPieceBytes = std::uint64_t{16} << 20;

std::vector<BundleTensor> model_tensors(const ModelShape& shape) {
  struct Part {
    const char* name;
    std::uint64_t rows, cols;
  };
  static constexpr Part kParts[] = {
      {"self_attn.q_proj", kHidden, kHidden}, {"self_attn.k_proj", kKeys, kHidden},
      {"self_attn.v_proj", kKeys, kHidden},   {"self_attn.o_proj", kHidden, kHidden},
      {"mlp.gate_proj", kInner, kHidden},     {"mlp.up_proj", kInner, kHidden},
      {"mlp.down_proj", kHidden, kInner},
  };
  std::vector<BundleTensor> tensors{{"model.embed_tokens.weight", shape.vocabulary, kHidden, 0}};
  for (std::uint64_t layer = 0; layer < shape.num_layers; ++layer) {
    for (const Part& part : kParts) {
      tensors.push_back({"model.layers." + std::to_string(layer) + "." + part.name + ".weight",
                         part.rows, part.cols, layer % kDistinct});
    }
  }
  tensors.push_back({"lm_head.weight", shape.vocabulary, kHidden, 0});
  return tensors;
}

Blob encode_one(const BundleTensor& tensor) {
  const auto matrix = take(
      gpu::DeviceBuffer::allocate(tensor.rows * tensor.cols * sizeof(std::uint16_t)), "matrix");
  auto* const weights = matrix.as<std::uint16_t>();
  make_weights(Weights::kNormal, tensor.rows, tensor.cols, tensor.seed, weights, nullptr);
  return take(
      gpu::encode_blob({weights, tensor.rows, tensor.cols, tensor.cols}, Family::kHuffman, nullptr),
      "encode_blob");
}

/// The distinct tensors, by what they are made of.
using Blobs = std::map<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>, Blob>;

const Blob& blob_of(const Blobs& blobs, const BundleTensor& tensor) {
  return blobs.at({tensor.rows, tensor.cols, tensor.seed});
}

/// Norms, carried as they are.
struct Carried {
  std::vector<std::string> names;
  std::vector<std::uint16_t> ones = std::vector<std::uint16_t>(kHidden, 0x3f80);
  [[nodiscard]] std::span<const std::byte> bytes() const { return std::as_bytes(std::span(ones)); }
};

/// Entries one after the other, as a header wants them.
class EntryList {
 public:
  void add(std::string name, std::string dtype, std::vector<std::uint64_t> shape,
           std::uint64_t bytes) {
    entries_.push_back({std::move(name), std::move(dtype), std::move(shape), end_, end_ + bytes});
    end_ += bytes;
  }
  [[nodiscard]] const std::vector<TensorEntry>& entries() const { return entries_; }
  [[nodiscard]] std::uint64_t end() const { return end_; }

 private:
  std::vector<TensorEntry> entries_;
  std::uint64_t end_ = 0;
};

struct Placed {
  std::uint64_t offset;
  std::span<const std::byte> bytes;
};

void write_pieces(OutputFile& file, const std::vector<Placed>& runs, ThreadPool& pool) {
  std::vector<Placed> pieces;
  for (Placed run : runs) {
    while (!run.bytes.empty()) {
      const std::size_t count = std::min<std::size_t>(run.bytes.size(), kPieceBytes);
      pieces.push_back({run.offset, run.bytes.first(count)});
      run = {run.offset + count, run.bytes.subspan(count)};
    }
  }
  require(pool.parallel_for(pieces.size(),
                            [&](std::size_t i, unsigned) {
                              return file.write_at(pieces[i].offset, pieces[i].bytes);
                            }),
          "write the bundle");
}

}  // namespace

ModelShape ModelShape::scaled(double scale) {
  ModelShape shape;
  const auto times = [scale](std::uint64_t count) {
    return static_cast<std::uint64_t>(std::llround(static_cast<double>(count) * scale));
  };
  shape.num_layers = std::max<std::uint64_t>(1, times(shape.num_layers));
  shape.vocabulary = std::max<std::uint64_t>(16, times(shape.vocabulary) / 16 * 16);
  return shape;
}

SyntheticBundle write_synthetic_bundle(const std::filesystem::path& path, const ModelShape& shape,
                                       ThreadPool& pool) {
  SyntheticBundle bundle;
  bundle.tensors = model_tensors(shape);
  Blobs blobs;
  for (const BundleTensor& tensor : bundle.tensors) {
    bundle.num_weights += tensor.rows * tensor.cols;
    const std::tuple key{tensor.rows, tensor.cols, tensor.seed};
    if (!blobs.contains(key)) blobs.emplace(key, encode_one(tensor));
  }
  Carried carried;
  for (std::uint64_t i = 0; i < 2 * shape.num_layers + 1; ++i) {
    carried.names.push_back("norms." + std::to_string(i) + ".weight");
  }

  EntryList original, stored;
  bundle::FileManifest manifest;
  manifest.tool_version = UNWEIGHT_VERSION_STRING;
  std::vector<Placed> runs;  // relative to the data
  for (const BundleTensor& tensor : bundle.tensors) {
    const Blob& blob = blob_of(blobs, tensor);
    const auto info = take(packed_tensor_info(blob), "packed_tensor_info");
    const std::string packed_name = tensor.name + std::string(bundle::kPackedSuffix);
    runs.push_back({stored.end(), blob});
    original.add(tensor.name, "BF16", {tensor.rows, tensor.cols}, tensor.rows * tensor.cols * 2);
    stored.add(packed_name, "U8", {blob.size()}, blob.size());
    manifest.tensors.push_back({tensor.name, true, packed_name, info.original_xxh3});
  }
  for (const std::string& name : carried.names) {
    runs.push_back({stored.end(), carried.bytes()});
    original.add(name, "BF16", {kHidden}, carried.bytes().size());
    stored.add(name, "BF16", {kHidden}, carried.bytes().size());
    manifest.tensors.push_back({name, false, {}, xxh3(carried.bytes())});
  }

  const std::string original_header =
      safetensors::serialize_header(original.entries(), {}, sizeof(std::uint64_t));
  const std::string_view json = std::string_view(original_header).substr(sizeof(std::uint64_t));
  manifest.original_bytes = original_header.size() + original.end();
  manifest.original_header_xxh3 = xxh3(std::as_bytes(std::span(json)));
  const std::string manifest_json = take(bundle::serialize_file_manifest(manifest), "manifest");
  runs.push_back({stored.end(), std::as_bytes(std::span(json))});
  stored.add(std::string(bundle::kHeaderTensor), "U8", {json.size()}, json.size());
  runs.push_back({stored.end(), std::as_bytes(std::span(manifest_json))});
  stored.add(std::string(bundle::kManifestTensor), "U8", {manifest_json.size()},
             manifest_json.size());

  const std::string header = safetensors::serialize_header(
      stored.entries(), bundle::bundle_metadata({}), bundle::kAlignment);
  for (Placed& run : runs) run.offset += header.size();
  runs.push_back({0, std::as_bytes(std::span(header))});
  bundle.stored_bytes = header.size() + stored.end();
  OutputFile file = take(OutputFile::create(path), "create the bundle");
  require(file.truncate(bundle.stored_bytes), "size of the bundle");
  write_pieces(file, runs, pool);
  require(file.commit(true), "commit the bundle");
  return bundle;
}

}  // namespace unweight::bench
