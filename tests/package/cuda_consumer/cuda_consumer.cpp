// SPDX-License-Identifier: BSD-3-Clause
//
// Takes something from every part of unweight::cuda; fine with and without a device.
#include <unweight/gpu.h>
#include <unweight/gpu_engine.h>
#include <unweight/gpu_load.h>

#include <cstdio>

int main() {
  using namespace unweight;
  const auto extents = gpu::worst_case_extents(Family::kHuffman, 100, 100);
  const auto model = gpu::load_bundle("there is no such bundle");
  const auto engine = open_cuda_engine(num_cuda_devices());  // one too many
  const auto blob = gpu::encode_blob({nullptr, 0, 0, 0}, Family::kRaw, nullptr);
  if (gpu::packed_tensor_bytes(extents) == 0 || model || engine || blob) return 1;
  std::printf("devices: %d; %s\n", num_cuda_devices(), model.error().message.c_str());
  return 0;
}
