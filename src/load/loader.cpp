// SPDX-License-Identifier: BSD-3-Clause
//
// The public calls of gpu_load.h.
#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/thread_pool.h"
#include "base/try.h"
#include "bundle/tensor_choice.h"
#include "gpu/device_memory.h"
#include "gpu/device_properties.h"
#include "load/bundle_listing.h"
#include "load/device_scope.h"
#include "load/load_plan.h"
#include "load/load_run.h"
#include "load/scratch_slots.h"
#include "load/staging.h"
#include "unweight/gpu_load.h"

namespace unweight::gpu {
namespace {

using load::BundleListing;
using load::DeviceScope;
using load::LoadPlan;
using load::StagingLane;
using Clock = std::chrono::steady_clock;

constexpr unsigned kMostThreads = 16;  // more do not help: PCIe is saturated
constexpr std::uint64_t kLeastStagingBytes = std::uint64_t{1} << 20;
/// Large enough that copies run at full speed, small enough that the first one begins soon.
constexpr std::uint64_t kMostSlotBytes = std::uint64_t{4} << 20;
constexpr std::uint64_t kLeastSlotBytes = std::uint64_t{256} << 10;
constexpr std::uint64_t kSlotAlignment = 4096;

double seconds_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

unsigned lanes_for(std::uint64_t staging_bytes, unsigned num_threads) {
  const std::uint64_t room = staging_bytes / (StagingLane::kNumSlots * kLeastSlotBytes);
  return static_cast<unsigned>(std::clamp<std::uint64_t>(room, 1, num_threads));
}

/// The body of a public call: what it throws becomes an error.
template <typename T, typename Body>
Result<T> guarded(const Body& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "out of memory"};
  } catch (const std::filesystem::filesystem_error& error) {
    return Error{ErrorCode::kIo, error.what()};
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInternal, std::string("unexpected exception: ") + error.what()};
  } catch (...) {
    return Error{ErrorCode::kInternal, "unexpected exception"};
  }
}

std::vector<LoadedTensor> describe(const BundleListing& listing, const LoadPlan& plan,
                                   std::byte* arena) {
  std::vector<LoadedTensor> tensors;
  tensors.reserve(listing.tensors.size());
  for (std::size_t i = 0; i < listing.tensors.size(); ++i) {
    const load::ListedTensor& listed = listing.tensors[i];
    const load::TensorPlace& place = plan.places[i];
    const safetensors::TensorEntry& original = listing.original(listed);
    LoadedTensor tensor;
    tensor.name = original.name;
    tensor.dtype = original.dtype;
    tensor.shape = original.shape;
    tensor.file = listing.files[listed.file].name;
    tensor.family = place.family;
    tensor.bytes = listed.packed ? place.bytes : original.bytes();
    if (listed.packed) {
      tensor.stored_family = static_cast<Family>(listed.header.family);
      tensor.packed = load::placed_tensor(listed.header, place, arena);
    } else if (tensor.bytes != 0) {
      tensor.data = arena + place.begin;
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

}  // namespace

struct LoadedModel::Impl {
  ~Impl() {
    const DeviceScope scope(device);
    arena = {};
  }
  int device = 0;
  DeviceBuffer arena;
  std::vector<LoadedTensor> tensors;
  std::unordered_map<std::string_view, std::size_t> by_name;
  LoadReport report;
};

LoadedModel::LoadedModel(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
LoadedModel::LoadedModel(LoadedModel&&) noexcept = default;
LoadedModel& LoadedModel::operator=(LoadedModel&&) noexcept = default;
LoadedModel::~LoadedModel() = default;

const std::vector<LoadedTensor>& LoadedModel::tensors() const noexcept {
  return impl_->tensors;
}
const LoadedTensor* LoadedModel::find(std::string_view name) const noexcept {
  const auto found = impl_->by_name.find(name);
  return found == impl_->by_name.end() ? nullptr : &impl_->tensors[found->second];
}
const LoadReport& LoadedModel::report() const noexcept {
  return impl_->report;
}
int LoadedModel::device() const noexcept {
  return impl_->device;
}

struct Loader::Impl {
  Impl(LoadOptions wanted, unsigned num_threads) : options(std::move(wanted)), pool(num_threads) {}
  ~Impl() {
    const DeviceScope scope(options.device);
    lanes.clear();
    pinned = {};
  }

  Result<void> make_lanes();
  /// GPU memory of one load, besides the model's.
  struct Scratch {
    load::ScratchSlots slots;
    DeviceBuffer status;  ///< a word a tensor, zero; none if nothing is transcoded
  };
  Result<void> allocate(const BundleListing& listing, const LoadPlan& plan,
                        LoadedModel::Impl& model, Scratch& scratch);
  Result<void> copy(const BundleListing& listing, const LoadPlan& plan, LoadedModel::Impl& model,
                    Scratch& scratch);

  LoadOptions options;
  ThreadPool pool;
  PinnedBuffer pinned;
  std::vector<StagingLane> lanes;  ///< one a thread of the pool
};

Result<void> Loader::Impl::make_lanes() {
  const unsigned count = pool.num_threads();
  const std::uint64_t slots = std::uint64_t{count} * StagingLane::kNumSlots;
  const std::uint64_t slot_bytes =
      std::min(kMostSlotBytes, options.staging_bytes / slots / kSlotAlignment * kSlotAlignment);
  UNWEIGHT_TRY_ASSIGN(pinned, PinnedBuffer::allocate(slots * slot_bytes));
  for (unsigned i = 0; i < count; ++i) {
    std::byte* const memory = pinned.data() + i * StagingLane::kNumSlots * slot_bytes;
    UNWEIGHT_TRY_ASSIGN(StagingLane lane, StagingLane::create(memory, slot_bytes));
    lanes.push_back(std::move(lane));
  }
  return {};
}

Result<void> Loader::Impl::allocate(const BundleListing& listing, const LoadPlan& plan,
                                    LoadedModel::Impl& model, Scratch& scratch) {
  const DeviceScope scope(options.device);  // by any thread of the pool
  UNWEIGHT_TRY(scope.result());
  UNWEIGHT_TRY_ASSIGN(model.arena, DeviceBuffer::allocate(plan.arena_bytes));
  if (plan.scratch_slots.empty()) return {};
  UNWEIGHT_TRY(load::ScratchSlots::allocate(plan.scratch_slots, scratch.slots));
  const std::uint64_t bytes = listing.tensors.size() * sizeof(std::uint32_t);
  UNWEIGHT_TRY_ASSIGN(scratch.status, DeviceBuffer::allocate(bytes));
  UNWEIGHT_TRY_CUDA(cudaMemsetAsync(scratch.status.data(), 0, bytes, lanes[0].stream()));
  return lanes[0].finish();
}

Result<void> Loader::Impl::copy(const BundleListing& listing, const LoadPlan& plan,
                                LoadedModel::Impl& model, Scratch& scratch) {
  load::SharedProgress progress(options.progress, plan.copied_bytes);
  load::LoadRun run(listing, plan, model.arena.data(), scratch.slots,
                    scratch.status.as<std::uint32_t>(), progress);
  auto done =
      pool.parallel_for(plan.units.size(), [&](std::size_t i, unsigned worker) -> Result<void> {
        UNWEIGHT_TRY_CUDA(cudaSetDevice(options.device));  // threads of the pool: for good
        return run.run_unit(i, lanes[worker]);
      });
  for (StagingLane& lane : lanes) {
    if (done) done = lane.finish();
    if (!done) lane.abandon();  // memory that copies still use must not be freed or reused
  }
  UNWEIGHT_TRY(std::move(done));
  UNWEIGHT_TRY(run.check_status());
  for (const load::ListedFile& file : listing.files)
    UNWEIGHT_TRY(file.bundle.file.check_unchanged());
  progress.finish();
  return {};
}

Loader::Loader(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Loader::Loader(Loader&&) noexcept = default;
Loader& Loader::operator=(Loader&&) noexcept = default;
Loader::~Loader() = default;

Result<Loader> Loader::create(LoadOptions options) {
  return guarded<Loader>([&]() -> Result<Loader> {
    UNWEIGHT_TRY(bundle::check_filter(options.filter));
    if (options.staging_bytes < kLeastStagingBytes) {
      return Error{ErrorCode::kInvalidArgument, "staging_bytes must be at least 1 MiB"};
    }
    UNWEIGHT_TRY(usable_device(options.device));
    const DeviceScope scope(options.device);
    UNWEIGHT_TRY(scope.result());
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    const unsigned wanted =
        options.num_threads == 0 ? std::min(cores, kMostThreads) : options.num_threads;
    const unsigned lanes = lanes_for(options.staging_bytes, wanted);
    auto impl = std::make_unique<Impl>(std::move(options), lanes);
    UNWEIGHT_TRY(impl->make_lanes());
    return Loader(std::move(impl));
  });
}

Result<LoadedModel> Loader::load(const std::filesystem::path& bundle) {
  return guarded<LoadedModel>([&]() -> Result<LoadedModel> {
    const DeviceScope scope(impl_->options.device);
    UNWEIGHT_TRY(scope.result());
    const Clock::time_point begin = Clock::now();
    const LoadOptions& options = impl_->options;
    UNWEIGHT_TRY_ASSIGN(BundleListing listing,
                        load::list_bundle(bundle, options.filter, impl_->pool));
    const LoadPlan plan = load::plan_load(listing, options.resident, options.verify_checksums,
                                          impl_->pool.num_threads());
    auto model = std::make_unique<LoadedModel::Impl>();
    model->device = options.device;
    LoadReport& report = model->report;
    const Clock::time_point planned = Clock::now();
    report.plan_seconds = seconds_between(begin, planned);
    Impl::Scratch scratch;
    UNWEIGHT_TRY(load::read_indices(listing, options.verify_checksums, impl_->pool, [&] {
      return impl_->allocate(listing, plan, *model, scratch);
    }));
    const Clock::time_point allocated = Clock::now();
    report.allocate_seconds = seconds_between(planned, allocated);
    UNWEIGHT_TRY(impl_->copy(listing, plan, *model, scratch));
    report.copy_seconds = seconds_between(allocated, Clock::now());
    report.scratch_bytes = scratch.slots.bytes();
    model->tensors = describe(listing, plan, model->arena.data());
    for (std::size_t i = 0; i < model->tensors.size(); ++i) {
      model->by_name.emplace(model->tensors[i].name, i);
      report.original_bytes += listing.original(listing.tensors[i]).bytes();
      (listing.tensors[i].packed ? report.num_packed : report.num_carried) += 1;
    }
    report.device_bytes = plan.arena_bytes;
    report.copied_bytes = plan.copied_bytes;
    report.num_threads = impl_->pool.num_threads();
    report.seconds = seconds_between(begin, Clock::now());
    return LoadedModel(std::move(model));
  });
}

Result<LoadedModel> load_bundle(const std::filesystem::path& bundle, const LoadOptions& options) {
  UNWEIGHT_TRY_ASSIGN(Loader loader, Loader::create(options));
  return loader.load(bundle);
}

}  // namespace unweight::gpu
