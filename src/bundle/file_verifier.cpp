// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/file_verifier.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <utility>

#include "base/try.h"
#include "bundle/bundle_file.h"
#include "bundle/bundle_format.h"
#include "bundle/difference_counter.h"
#include "bundle/tensor_restore.h"

namespace unweight::bundle {
namespace {

class FileVerifier {
 public:
  FileVerifier(JobContext& job, const BundleFile& bundle, const InputFile* original,
               const std::string& name, VerifyReport& report)
      : job_(job), bundle_(bundle), original_(original), name_(name), report_(report) {}

  Result<void> verify() {
    check_own_header();
    if (original_ != nullptr) UNWEIGHT_TRY(compare_header());
    for (std::size_t i = 0; i < bundle_.tensors.size(); ++i) UNWEIGHT_TRY(verify_tensor(i));
    UNWEIGHT_TRY(bundle_.file.check_unchanged());
    if (original_ != nullptr) UNWEIGHT_TRY(original_->check_unchanged());
    report_.num_tensors += bundle_.tensors.size();
    report_.original_bytes += bundle_.manifest.original_bytes;
    report_.stored_bytes += bundle_.file.bytes();
    return {};
  }

 private:
  void problem(const std::string& what) { report_.problems.push_back(name_ + ": " + what); }

  /// Nothing checksums the bundle's own header, but there is one way to write it.
  void check_own_header() {
    const std::string expected =
        safetensors::serialize_header(bundle_.stored.tensors, bundle_metadata(bundle_.original),
                                      kAlignment, bundle_.stored.data_begin);
    if (std::string_view(expected).substr(sizeof(std::uint64_t)) != bundle_.stored.json)
      problem("safetensors header is not the one that was written");
  }

  Result<void> compare_header() {
    if (original_->bytes() != bundle_.manifest.original_bytes)
      problem(fmt::format("the original has {} bytes, the bundle restores {}", original_->bytes(),
                          bundle_.manifest.original_bytes));
    const auto length = std::bit_cast<std::array<std::byte, sizeof(std::uint64_t)>>(
        std::uint64_t{bundle_.original.json.size()});
    DifferenceCounter differences(*original_);
    UNWEIGHT_TRY(differences.compare(0, length));
    UNWEIGHT_TRY(
        differences.compare(length.size(), std::as_bytes(std::span(bundle_.original.json))));
    if (const auto summary = differences.summary()) problem("header: " + *summary);
    return {};
  }

  Result<void> verify_tensor(std::size_t i) {
    const safetensors::TensorEntry& tensor = bundle_.original.tensors[i];
    const std::uint64_t begin = bundle_.original.data_begin + tensor.begin;
    if (bundle_.tensors[i].packed) ++report_.num_packed;
    std::optional<DifferenceCounter> differences;
    if (original_ != nullptr) differences.emplace(*original_);
    auto found =
        restore_tensor(job_, bundle_, i, [&](std::uint64_t at, std::span<const std::byte> piece) {
          return differences ? differences->compare(begin + at, piece) : Result<void>{};
        });
    if (!found) {
      if (!is_damage(found.error())) return std::move(found).error().with_context(tensor.name);
      problem(tensor.name + ": " + found.error().message);
    } else {
      for (const std::string& what : *found) problem(tensor.name + ": " + what);
    }
    if (differences)
      if (const auto summary = differences->summary()) problem(tensor.name + ": " + *summary);
    return {};
  }

  JobContext& job_;
  const BundleFile& bundle_;
  const InputFile* original_;
  const std::string& name_;
  VerifyReport& report_;
};

}  // namespace

bool is_damage(const Error& error) noexcept {
  return error.code == ErrorCode::kInvalidFormat || error.code == ErrorCode::kChecksumMismatch ||
         error.code == ErrorCode::kUnsupported;
}

Result<void> verify_file(JobContext& job, const std::filesystem::path& bundle_path,
                         const std::optional<std::filesystem::path>& original_path,
                         const std::string& name, VerifyReport& report) {
  auto bundle = open_bundle_file(bundle_path);
  if (!bundle) {
    if (!is_damage(bundle.error())) return std::move(bundle).error();
    report.problems.push_back(name + ": " + bundle.error().message);
    return {};
  }
  job.progress.set_total_if_unknown(bundle->manifest.original_bytes);
  UNWEIGHT_TRY(job.progress.start_file(name));
  std::optional<InputFile> original;
  if (original_path) {
    UNWEIGHT_TRY_ASSIGN(original, InputFile::open(*original_path));
  }
  return FileVerifier(job, *bundle, original ? &*original : nullptr, name, report).verify();
}

}  // namespace unweight::bundle
