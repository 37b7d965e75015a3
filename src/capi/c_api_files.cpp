// SPDX-License-Identifier: BSD-3-Clause
//
// The C API's half for files and model directories, over bundle.h.
#include <string>
#include <vector>

#include "capi/c_api_support.h"
#include "unweight/bundle.h"

namespace unweight::capi {
namespace {

Result<CompressOptions> options_from_c(const uw_compress_options& c) {
  const auto family = family_from_c(c.family);
  if (!family) return family.error();
  const auto include = patterns_from_c(c.include, c.num_include);
  if (!include) return include.error();
  const auto exclude = patterns_from_c(c.exclude, c.num_exclude);
  if (!exclude) return exclude.error();
  return CompressOptions{.family = *family,
                         .num_threads = c.num_threads,
                         .overwrite = c.overwrite != 0,
                         .self_check = c.no_self_check == 0,
                         .dry_run = c.dry_run != 0,
                         .resume = c.no_resume == 0,
                         .filter = {.include = *include, .exclude = *exclude},
                         .progress = progress_from_c(c.progress, c.user)};
}

uw_compress_report report_to_c(const CompressReport& report) {
  auto c = uw_compress_report_init();
  c.original_bytes = report.original_bytes;
  c.stored_bytes = report.stored_bytes;
  c.num_files = report.num_files;
  c.num_files_resumed = report.num_files_resumed;
  c.num_tensors = report.tensors.size();
  for (const auto& tensor : report.tensors) c.num_packed += tensor.family != Family::kRaw;
  c.seconds = report.seconds;
  return c;
}

uw_verify_report report_to_c(const VerifyReport& report) {
  auto c = uw_verify_report_init();
  c.num_problems = report.problems.size();
  c.num_tensors = report.num_tensors;
  c.num_packed = report.num_packed;
  c.original_bytes = report.original_bytes;
  c.stored_bytes = report.stored_bytes;
  c.seconds = report.seconds;
  c.compared_with_original = report.compared_with_original ? 1 : 0;
  return c;
}

}  // namespace
}  // namespace unweight::capi

using namespace unweight;
using namespace unweight::capi;

extern "C" {

uw_status uw_compress(const char* source, const char* destination,
                      const uw_compress_options* options, uw_compress_report* report,
                      uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (source == nullptr || destination == nullptr) {
      return fail(error, UW_INVALID_ARGUMENT, "source and destination must not be NULL");
    }
    if (const auto usable = check_report(report); !usable) return fail(error, usable.error());
    const auto known = read_options(options);
    if (!known) return fail(error, known.error());
    const auto wanted = options_from_c(*known);
    if (!wanted) return fail(error, wanted.error());
    const auto result = compress(source, destination, *wanted);
    if (!result) return fail(error, result.error());
    for (const std::string& text : result->warnings) {
      if (known->warning != nullptr) known->warning(text.c_str(), known->user);
    }
    write_report(report, report_to_c(*result));
    return UW_OK;
  });
}

uw_status uw_decompress(const char* bundle, const char* destination,
                        const uw_decompress_options* options, uw_decompress_report* report,
                        uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (bundle == nullptr || destination == nullptr) {
      return fail(error, UW_INVALID_ARGUMENT, "bundle and destination must not be NULL");
    }
    if (const auto usable = check_report(report); !usable) return fail(error, usable.error());
    const auto wanted = read_options(options);
    if (!wanted) return fail(error, wanted.error());
    const auto result = decompress(bundle, destination,
                                   {.num_threads = wanted->num_threads,
                                    .overwrite = wanted->overwrite != 0,
                                    .dry_run = wanted->dry_run != 0,
                                    .progress = progress_from_c(wanted->progress, wanted->user)});
    if (!result) return fail(error, result.error());
    auto filled = uw_decompress_report_init();
    filled.restored_bytes = result->restored_bytes;
    filled.stored_bytes = result->stored_bytes;
    filled.num_files = result->num_files;
    filled.seconds = result->seconds;
    write_report(report, filled);
    return UW_OK;
  });
}

uw_status uw_verify(const char* bundle, const char* original, const uw_verify_options* options,
                    uw_verify_report* report, uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (bundle == nullptr) return fail(error, UW_INVALID_ARGUMENT, "bundle must not be NULL");
    if (const auto usable = check_report(report); !usable) return fail(error, usable.error());
    const auto wanted = read_options(options);
    if (!wanted) return fail(error, wanted.error());
    std::optional<std::filesystem::path> original_path;
    if (original != nullptr) original_path = original;
    const auto result = verify(bundle, original_path,
                               {.num_threads = wanted->num_threads,
                                .progress = progress_from_c(wanted->progress, wanted->user)});
    if (!result) return fail(error, result.error());
    for (const std::string& text : result->problems) {
      if (wanted->problem != nullptr) wanted->problem(text.c_str(), wanted->user);
    }
    write_report(report, report_to_c(*result));
    return result->ok() ? UW_OK : fail(error, UW_MISMATCH, result->problems.front());
  });
}

}  // extern "C"
