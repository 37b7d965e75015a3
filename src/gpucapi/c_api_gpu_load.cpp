// SPDX-License-Identifier: BSD-3-Clause
//
// c_api_gpu.h's half for loading bundles, over gpu_load.h.
#include <memory>
#include <utility>

#include "base/try.h"
#include "gpucapi/c_api_gpu_support.h"
#include "unweight/gpu_load.h"

struct uw_gpu_loader {
  unweight::gpu::Loader loader;
};
struct uw_gpu_model {
  unweight::gpu::LoadedModel model;
};

namespace unweight::capi {
namespace {

using gpu::LoadedTensor;

Result<gpu::LoadOptions> load_options_from_c(const uw_gpu_load_options* options) {
  UNWEIGHT_TRY_ASSIGN(const uw_gpu_load_options c, read_options(options));
  gpu::LoadOptions wanted;
  if (c.staging_bytes != 0) wanted.staging_bytes = c.staging_bytes;
  if (c.transcode_to_palette != 0) wanted.resident = gpu::LoadOptions::Resident::kPalette;
  wanted.num_threads = c.num_threads;
  wanted.device = c.device;
  wanted.verify_checksums = c.no_verify_checksums == 0;
  UNWEIGHT_TRY_ASSIGN(wanted.filter.include, patterns_from_c(c.include, c.num_include));
  UNWEIGHT_TRY_ASSIGN(wanted.filter.exclude, patterns_from_c(c.exclude, c.num_exclude));
  wanted.progress = progress_from_c(c.progress, c.user);
  return wanted;
}

uw_status hand_out(Result<gpu::LoadedModel> loaded, uw_gpu_model** model, uw_error* error) {
  if (!loaded) return fail(error, loaded.error());
  *model = std::make_unique<uw_gpu_model>(uw_gpu_model{std::move(loaded).value()}).release();
  return UW_OK;
}

uw_status describe(const LoadedTensor& loaded, uw_gpu_loaded_tensor* tensor, uw_gpu_tensor* packed,
                   uw_error* error) {
  if (tensor == nullptr) return fail(error, UW_INVALID_ARGUMENT, "tensor must not be NULL");
  if (const auto usable = check_report(tensor); !usable) return fail(error, usable.error());
  if (const auto usable = check_report(packed); !usable) return fail(error, usable.error());
  auto filled = uw_gpu_loaded_tensor_init();
  filled.name = loaded.name.c_str();
  filled.dtype = loaded.dtype.c_str();
  filled.file = loaded.file.c_str();
  filled.shape = loaded.shape.data();
  filled.rank = loaded.shape.size();
  filled.data = loaded.data;
  filled.bytes = loaded.bytes;
  filled.family = family_to_c(loaded.family);
  filled.stored_family = family_to_c(loaded.stored_family);
  write_report(tensor, filled);
  if (loaded.family != Family::kRaw) write_report(packed, tensor_to_c(loaded.packed));
  return UW_OK;
}

}  // namespace
}  // namespace unweight::capi

using namespace unweight;
using namespace unweight::capi;

extern "C" {

uw_status uw_gpu_loader_create(const uw_gpu_load_options* options, uw_gpu_loader** loader,
                               uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (loader == nullptr) return fail(error, UW_INVALID_ARGUMENT, "loader must not be NULL");
    *loader = nullptr;
    const auto wanted = load_options_from_c(options);
    if (!wanted) return fail(error, wanted.error());
    auto created = gpu::Loader::create(*wanted);
    if (!created) return fail(error, created.error());
    *loader = std::make_unique<uw_gpu_loader>(uw_gpu_loader{std::move(created).value()}).release();
    return UW_OK;
  });
}

uw_status uw_gpu_loader_load(uw_gpu_loader* loader, const char* bundle, uw_gpu_model** model,
                             uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (model == nullptr) return fail(error, UW_INVALID_ARGUMENT, "model must not be NULL");
    *model = nullptr;
    if (loader == nullptr || bundle == nullptr) {
      return fail(error, UW_INVALID_ARGUMENT, "loader and bundle must not be NULL");
    }
    return hand_out(loader->loader.load(bundle), model, error);
  });
}

void uw_gpu_loader_free(uw_gpu_loader* loader) {
  delete loader;
}

uw_status uw_gpu_load(const char* bundle, const uw_gpu_load_options* options, uw_gpu_model** model,
                      uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (model == nullptr) return fail(error, UW_INVALID_ARGUMENT, "model must not be NULL");
    *model = nullptr;
    if (bundle == nullptr) return fail(error, UW_INVALID_ARGUMENT, "bundle must not be NULL");
    const auto wanted = load_options_from_c(options);
    if (!wanted) return fail(error, wanted.error());
    return hand_out(gpu::load_bundle(bundle, *wanted), model, error);
  });
}

void uw_gpu_model_free(uw_gpu_model* model) {
  delete model;
}

uint64_t uw_gpu_model_num_tensors(const uw_gpu_model* model) {
  return model == nullptr ? 0 : model->model.tensors().size();
}

uw_status uw_gpu_model_tensor(const uw_gpu_model* model, uint64_t i, uw_gpu_loaded_tensor* tensor,
                              uw_gpu_tensor* packed, uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (i >= uw_gpu_model_num_tensors(model)) {
      return fail(error, UW_INVALID_ARGUMENT, "model is NULL or has fewer tensors");
    }
    return describe(model->model.tensors()[i], tensor, packed, error);
  });
}

uw_status uw_gpu_model_find(const uw_gpu_model* model, const char* name,
                            uw_gpu_loaded_tensor* tensor, uw_gpu_tensor* packed, uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (model == nullptr || name == nullptr) {
      return fail(error, UW_INVALID_ARGUMENT, "model and name must not be NULL");
    }
    const LoadedTensor* const found = model->model.find(name);
    if (found == nullptr) return fail(error, UW_NOT_FOUND, std::string("no tensor ") + name);
    return describe(*found, tensor, packed, error);
  });
}

uw_status uw_gpu_model_report(const uw_gpu_model* model, uw_gpu_load_report* report,
                              uw_error* error) {
  return guarded(error, [&]() -> uw_status {
    if (model == nullptr || report == nullptr) {
      return fail(error, UW_INVALID_ARGUMENT, "model and report must not be NULL");
    }
    if (const auto usable = check_report(report); !usable) return fail(error, usable.error());
    const gpu::LoadReport& source = model->model.report();
    auto filled = uw_gpu_load_report_init();
    filled.device_bytes = source.device_bytes;
    filled.scratch_bytes = source.scratch_bytes;
    filled.copied_bytes = source.copied_bytes;
    filled.original_bytes = source.original_bytes;
    filled.num_packed = source.num_packed;
    filled.num_carried = source.num_carried;
    filled.seconds = source.seconds;
    filled.plan_seconds = source.plan_seconds;
    filled.allocate_seconds = source.allocate_seconds;
    filled.copy_seconds = source.copy_seconds;
    filled.num_threads = source.num_threads;
    write_report(report, filled);
    return UW_OK;
  });
}

}  // extern "C"
