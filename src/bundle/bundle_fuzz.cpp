// SPDX-License-Identifier: BSD-3-Clause
//
// Three kinds of input, told apart by the first byte: arbitrary bytes as a bundle; edits of a valid
// bundle, with the manifest's checksum made right again, so that what lies behind it is reached;
// arbitrary bytes as one of our JSON texts. Errors and problems, never a crash; a bundle that
// verifies also opens.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/hash.h"
#include "bundle/directory_manifest.h"
#include "bundle/file_manifest.h"
#include "bundle/model_rewrite.h"
#include "bundle/record_json.h"
#include "unweight/bundle.h"

namespace {

using namespace unweight;

/// Bytes as a file without a disk.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size) : fd_(::memfd_create("fuzz", 0)) {
    if (fd_ < 0 || ::write(fd_, data, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] std::filesystem::path path() const {
    return "/proc/self/fd/" + std::to_string(fd_);
  }

 private:
  int fd_;
};

void read_manifests(const std::string& text) {
  (void)bundle::parse_file_manifest(text);
  (void)bundle::parse_directory_manifest(text);
  // With a right checksum the parser itself is reached.
  const std::string sealed = bundle::seal_json(text);
  if (const auto manifest = bundle::parse_file_manifest(sealed); manifest)
    if (!bundle::parse_file_manifest(*bundle::serialize_file_manifest(*manifest))) std::abort();
  if (const auto manifest = bundle::parse_directory_manifest(sealed); manifest)
    if (!bundle::parse_directory_manifest(*bundle::serialize_directory_manifest(*manifest)))
      std::abort();
  (void)bundle::rewrite_config(text, {Family::kHuffman});
  (void)bundle::rewrite_index(text, "", {});
}

void read_bundle(const std::uint8_t* data, std::size_t size) {
  const MemoryFile file(data, size);
  VerifyOptions verify_options;
  verify_options.num_threads = 1;
  const auto verified = verify(file.path(), {}, verify_options);
  DecompressOptions options;
  options.num_threads = 1;
  options.dry_run = true;
  const auto restored = decompress(file.path(), {}, options);
  if (verified && verified->ok() && !restored) std::abort();
  InspectOptions inspect_options;
  inspect_options.num_threads = 1;
  (void)inspect(file.path(), inspect_options);
}

/// A small bundle with a packed, a carried and an empty tensor.
std::string make_base() {
  std::string weights(2 * 64 * 64, '\0');
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = static_cast<char>(i % 2 == 0 ? i * 37 : 0x3c + i % 3);
  const std::string json = R"({"w":{"dtype":"BF16","shape":[64,64],"data_offsets":[0,8192]},)"
                           R"("c":{"dtype":"I32","shape":[2],"data_offsets":[8192,8200]},)"
                           R"("e":{"dtype":"BF16","shape":[0],"data_offsets":[8200,8200]}})";
  const auto length = std::bit_cast<std::array<char, 8>>(std::uint64_t{json.size()});
  const std::string file = std::string(length.data(), length.size()) + json + weights + "carried!";
  const auto path = [](const char* suffix) {
    return std::filesystem::temp_directory_path() /
           ("unweight-fuzz-" + std::to_string(::getpid()) + suffix);
  };
  if (!write_small_file(path("-in"), std::as_bytes(std::span(file)), true) ||
      !compress(path("-in"), path("-out")))
    std::abort();
  const auto bundle = read_small_file(path("-out"), 1 << 20);
  std::filesystem::remove(path("-in"));
  std::filesystem::remove(path("-out"));
  if (!bundle) std::abort();
  return *bundle;
}

/// Triples of bytes: where (16 bits) and what.
void read_edited_bundle(const std::uint8_t* data, std::size_t size) {
  static const std::string base = make_base();
  std::string bundle = base;
  for (std::size_t i = 0; i + 3 <= size; i += 3)
    bundle[(data[i] | std::size_t{data[i + 1]} << 8) % bundle.size()] =
        static_cast<char>(data[i + 2]);
  constexpr std::string_view kManifestBegin = "{\"format\":\"unweight-bundle\"";
  constexpr std::size_t kDigits = 16, kSealEndBytes = 3;
  const std::size_t begin = bundle.rfind(kManifestBegin);
  if (begin != std::string::npos) {
    const std::size_t end = bundle.size() - kDigits - kSealEndBytes;
    const std::string_view sealed = std::string_view(bundle).substr(begin, end - begin);
    const std::string digits = bundle::hex64(xxh3(std::as_bytes(std::span(sealed))));
    bundle.replace(end, kDigits, digits);
  }
  read_bundle(reinterpret_cast<const std::uint8_t*>(bundle.data()), bundle.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  switch (data[0] % 3) {
    case 0:
      read_manifests(std::string(reinterpret_cast<const char*>(data + 1), size - 1));
      break;
    case 1:
      read_bundle(data + 1, size - 1);
      break;
    default:
      read_edited_bundle(data + 1, size - 1);
      break;
  }
  return 0;
}
