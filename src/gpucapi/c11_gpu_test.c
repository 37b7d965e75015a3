/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The GPU's C API from C, as a C program would write it. Without arguments: what needs no device,
 * and what everything says where there is none. With the argument "gpu": round trips.
 */
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unweight/c_api_gpu.h"

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                        \
    }                                                                 \
  } while (0)

#define CHECK_OK(call)                                                              \
  do {                                                                              \
    if ((call) != UW_OK) {                                                          \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, error.message); \
      exit(1);                                                                      \
    }                                                                               \
  } while (0)

enum { kRows = 130, kCols = 200, kWeights = kRows * kCols, kSkipped = 77 };

static uw_error error;

/* Mostly small exponents around 120, every 97th weight any bit pattern. */
static void fill(uint16_t* weights) {
  uint32_t state = 12345;
  for (size_t i = 0; i < kWeights; ++i) {
    state = state * 1664525u + 1013904223u;
    const uint32_t exponent = 117 + (state >> 24) % 6;
    weights[i] = (uint16_t)((state >> 8 & 0x807fu) | exponent << 7);
    if (i % 97 == 0) weights[i] = (uint16_t)(state >> 16);
  }
}

static void sizes(void) {
  uw_gpu_extents extents = uw_gpu_extents_init();
  uw_gpu_tensor tensor = uw_gpu_tensor_init();
  uint64_t bytes = 0, workspace = 0;
  static char memory[256];
  CHECK_OK(uw_gpu_worst_case_extents(UW_FAMILY_HUFFMAN, kRows, kCols, &extents, &error));
  CHECK(extents.rows == kRows && extents.cols == kCols && extents.family == UW_FAMILY_HUFFMAN);
  CHECK_OK(uw_gpu_tensor_bytes(&extents, &bytes, &error));
  CHECK(bytes > kWeights + UW_GPU_RECORD_BYTES && bytes % 256 == 0);
  CHECK_OK(uw_gpu_place_tensor(&extents, memory, &tensor, &error));
  CHECK(tensor.record == memory && tensor.codes == NULL && tensor.stream != NULL);
  CHECK(tensor.rows == kRows && tensor.stream_bytes == extents.stream_bytes);
  CHECK_OK(uw_gpu_encode_workspace_bytes(UW_FAMILY_HUFFMAN, kRows, kCols, &workspace, &error));
  CHECK(workspace > kWeights / 2);
}

static void argument_errors(void) {
  uw_gpu_extents extents = uw_gpu_extents_init();
  uw_gpu_tensor tensor = uw_gpu_tensor_init();
  uw_gpu_load_options options = uw_gpu_load_options_init();
  uw_gpu_encode_outcome outcome = uw_gpu_encode_outcome_init();
  uw_gpu_loaded_tensor loaded = uw_gpu_loaded_tensor_init();
  uw_gpu_model* model = NULL;
  uw_gpu_loader* loader = NULL;
  uw_buffer packed;
  uint64_t bytes = 0;
  uint16_t weight = 0;
  const uint64_t huge = UINT64_C(1) << 40;
  CHECK(uw_gpu_worst_case_extents(UW_FAMILY_RAW, 1, 1, &extents, &error) == UW_INVALID_ARGUMENT);
  CHECK(error.status == UW_INVALID_ARGUMENT && error.message[0] != '\0');
  CHECK(uw_gpu_worst_case_extents(UW_FAMILY_AUTO, 1, 1, &extents, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_worst_case_extents(UW_FAMILY_PALETTE, huge, 1, &extents, NULL) ==
        UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_worst_case_extents(UW_FAMILY_PALETTE, 1, 1, NULL, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_tensor_bytes(&extents, &bytes, NULL) == UW_INVALID_ARGUMENT); /* no family */
  CHECK(uw_gpu_tensor_bytes(NULL, &bytes, NULL) == UW_INVALID_ARGUMENT);
  extents.family = UW_FAMILY_PALETTE;
  extents.num_verbatim_rows = huge;
  CHECK(uw_gpu_tensor_bytes(&extents, &bytes, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_place_tensor(&extents, NULL, &tensor, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_encode_workspace_bytes(UW_FAMILY_PALETTE, huge, huge, &bytes, NULL) ==
        UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_blob_extents("short", 5, &extents, NULL) == UW_INVALID_FORMAT);
  CHECK(uw_gpu_blob_extents(NULL, 5, &extents, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_encode(&weight, 1, 1, 1, NULL, NULL, 0, NULL, NULL, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_decode(&tensor, &weight, 1, 1, 1, NULL, NULL, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_decode_to_tiles(NULL, &weight, NULL, NULL, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_decode_exponents(NULL, &weight, NULL, NULL, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_transcode_to_codes(NULL, &weight, NULL, NULL, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_get_encode_outcome(NULL, NULL, &outcome, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_upload(NULL, 0, &tensor, NULL, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_encode_blob(&weight, 1, 1, 1, UW_FAMILY_RAW, NULL, &packed, NULL) ==
        UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_load(NULL, NULL, &model, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_load("x", NULL, NULL, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_loader_create(NULL, NULL, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_loader_load(NULL, "x", &model, NULL) == UW_INVALID_ARGUMENT && model == NULL);
  options.num_include = 1;
  CHECK(uw_gpu_loader_create(&options, &loader, &error) == UW_INVALID_ARGUMENT && loader == NULL);
  options.num_include = 0;
  options.staging_bytes = 1;
  CHECK(uw_gpu_loader_create(&options, &loader, &error) == UW_INVALID_ARGUMENT && loader == NULL);
  CHECK(uw_gpu_model_num_tensors(NULL) == 0);
  CHECK(uw_gpu_model_tensor(NULL, 0, &loaded, NULL, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_model_find(NULL, "x", &loaded, NULL, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_model_report(NULL, NULL, NULL) == UW_INVALID_ARGUMENT);
  CHECK(uw_gpu_get_device(0, NULL, NULL) == UW_INVALID_ARGUMENT);
  uw_gpu_loader_free(NULL);
  uw_gpu_model_free(NULL);
}

static void without_device(void) {
  uw_gpu_device device = uw_gpu_device_init();
  uw_gpu_model* model = NULL;
  CHECK(uw_gpu_get_device(0, &device, &error) == UW_UNSUPPORTED);
  CHECK(error.message[0] != '\0');
  CHECK(uw_gpu_load("x", NULL, &model, &error) == UW_UNSUPPORTED && model == NULL);
  CHECK(error.message[0] != '\0');
}

static void* device_memory(uint64_t bytes) {
  void* memory = NULL;
  CHECK(cudaMalloc(&memory, bytes) == cudaSuccess);
  return memory;
}

/* Encoded and decoded on the device; blobs are those of the CPU's codec. */
static void round_trip(const uint16_t* weights, uint16_t* decoded, uw_family family) {
  uw_gpu_extents extents = uw_gpu_extents_init();
  uw_gpu_tensor tensor = uw_gpu_tensor_init();
  uw_gpu_encode_outcome outcome = uw_gpu_encode_outcome_init();
  uw_encode_options encode = uw_encode_options_init();
  uw_buffer on_cpu, on_gpu;
  uint64_t bytes = 0, workspace_bytes = 0;
  uint16_t* const matrix = device_memory(kWeights * 2);
  CHECK(cudaMemcpy(matrix, weights, kWeights * 2, cudaMemcpyHostToDevice) == cudaSuccess);
  CHECK_OK(uw_gpu_worst_case_extents(family, kRows, kCols, &extents, &error));
  CHECK_OK(uw_gpu_tensor_bytes(&extents, &bytes, &error));
  void* const memory = device_memory(bytes);
  CHECK_OK(uw_gpu_place_tensor(&extents, memory, &tensor, &error));
  CHECK_OK(uw_gpu_encode_workspace_bytes(family, kRows, kCols, &workspace_bytes, &error));
  void* const workspace = device_memory(workspace_bytes + 1);
  CHECK_OK(uw_gpu_encode(matrix, kRows, kCols, kCols, &tensor, workspace, workspace_bytes, NULL,
                         NULL, &error));
  CHECK_OK(uw_gpu_get_encode_outcome(&tensor, NULL, &outcome, &error));
  CHECK(outcome.fits == 1 && outcome.num_verbatim_rows > 0);

  CHECK_OK(uw_gpu_encode_blob(matrix, kRows, kCols, kCols, family, NULL, &on_gpu, &error));
  encode.family = family;
  CHECK_OK(uw_encode(weights, kRows, kCols, kCols, &encode, &on_cpu, &error));
  CHECK(on_gpu.bytes == on_cpu.bytes && memcmp(on_gpu.data, on_cpu.data, on_cpu.bytes) == 0);

  CHECK(cudaMemset(matrix, 0, kWeights * 2) == cudaSuccess);
  tensor.num_verbatim_rows = outcome.num_verbatim_rows;
  CHECK_OK(uw_gpu_decode(&tensor, matrix, kRows, kCols, kCols, NULL, NULL, &error));
  CHECK(cudaMemcpy(decoded, matrix, kWeights * 2, cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(memcmp(weights, decoded, kWeights * 2) == 0);

  CHECK_OK(uw_gpu_blob_extents(on_cpu.data, on_cpu.bytes, &extents, &error));
  CHECK_OK(uw_gpu_place_tensor(&extents, memory, &tensor, &error));
  CHECK_OK(uw_gpu_upload(on_cpu.data, on_cpu.bytes, &tensor, NULL, &error));
  CHECK(cudaMemset(matrix, 0, kWeights * 2) == cudaSuccess);
  CHECK_OK(uw_gpu_decode(&tensor, matrix, kRows, kCols, kCols, NULL, NULL, &error));
  CHECK(cudaMemcpy(decoded, matrix, kWeights * 2, cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(memcmp(weights, decoded, kWeights * 2) == 0);
  uw_buffer_free(&on_cpu);
  uw_buffer_free(&on_gpu);
  cudaFree(matrix);
  cudaFree(memory);
  cudaFree(workspace);
}

static int on_device(void) {
  uw_gpu_device device = uw_gpu_device_init();
  if (uw_gpu_num_devices() == 0) return kSkipped;
  CHECK_OK(uw_gpu_get_device(0, &device, &error));
  CHECK(device.num_sms > 0 && device.memory_bytes > 0 && device.name[0] != '\0');
  CHECK(cudaSetDevice(device.ordinal) == cudaSuccess);
  uint16_t* const weights = malloc(kWeights * 2);
  uint16_t* const decoded = malloc(kWeights * 2);
  CHECK(weights != NULL && decoded != NULL);
  fill(weights);
  round_trip(weights, decoded, UW_FAMILY_PALETTE);
  round_trip(weights, decoded, UW_FAMILY_HUFFMAN);
  round_trip(weights, decoded, UW_FAMILY_RADIX);
  free(weights);
  free(decoded);
  return 0;
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "gpu") == 0) return on_device();
  sizes();
  argument_errors();
  if (uw_gpu_num_devices() == 0) without_device();
  return 0;
}
