/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The C API from C: every call that works on memory, as a C program would write it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unweight/c_api.h"

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                        \
    }                                                                 \
  } while (0)

enum { kRows = 130, kCols = 200, kStride = 207 };

/* Mostly small exponents around 120, every 97th weight any bit pattern. */
static void fill(uint16_t* weights) {
  uint32_t state = 12345;
  for (size_t i = 0; i < (size_t)kRows * kStride; ++i) {
    state = state * 1664525u + 1013904223u;
    const uint32_t exponent = 117 + (state >> 24) % 6;
    weights[i] = (uint16_t)((state >> 8 & 0x807fu) | exponent << 7);
    if (i % 97 == 0) weights[i] = (uint16_t)(state >> 16);
  }
}

static void round_trip(const uint16_t* weights, uint16_t* decoded, uw_family family) {
  uw_error error;
  uw_buffer packed;
  uw_encode_options encode = uw_encode_options_init();
  uw_packed_tensor_info info = uw_packed_tensor_info_init();
  encode.family = family;
  encode.num_threads = 2;
  CHECK(uw_encode(weights, kRows, kCols, kStride, &encode, &packed, &error) == UW_OK);
  CHECK(error.status == UW_OK && error.message[0] == '\0');
  CHECK(packed.data != NULL && packed.bytes > 0);

  CHECK(uw_packed_info(packed.data, packed.bytes, &info, &error) == UW_OK);
  CHECK(info.rows == kRows && info.cols == kCols && info.packed_bytes == packed.bytes);
  CHECK(family == UW_FAMILY_AUTO || info.family == family);
  CHECK(info.bits_per_weight > 8.0 && info.bits_per_weight < 40.0);

  memset(decoded, 0xa5, sizeof(uint16_t) * kRows * kStride);
  CHECK(uw_decode(packed.data, packed.bytes, decoded, kRows, kCols, kStride, NULL, &error) ==
        UW_OK);
  for (size_t row = 0; row < kRows; ++row) {
    CHECK(memcmp(weights + row * kStride, decoded + row * kStride, kCols * 2) == 0);
    if (row + 1 < kRows) CHECK(decoded[row * kStride + kCols] == 0xa5a5); /* gap untouched */
  }
  CHECK(uw_decode(packed.data, packed.bytes, decoded, kRows, kCols + 1, kStride, NULL, &error) ==
        UW_INVALID_ARGUMENT);
  CHECK(error.message[0] != '\0');
  CHECK(uw_decode(packed.data, packed.bytes / 2, decoded, kRows, kCols, kStride, NULL, NULL) !=
        UW_OK);
  uw_buffer_free(&packed);
  CHECK(packed.data == NULL && packed.bytes == 0);
  uw_buffer_free(&packed); /* twice is fine */
}

static void statistics(const uint16_t* weights) {
  uw_tensor_analysis analysis = uw_tensor_analysis_init();
  uint64_t total = 0;
  CHECK(uw_analyze(weights, kRows, kCols, kStride, 0, &analysis, NULL) == UW_OK);
  for (int e = 0; e < 256; ++e) total += analysis.exponent_count[e];
  CHECK(total == (uint64_t)kRows * kCols);
  CHECK(analysis.exponent_entropy_bits > 2.0 && analysis.exponent_entropy_bits < 4.0);
}

static void dimensions(void) {
  const uint64_t shape[] = {32, 3, 3, 128};
  uint64_t rows = 0, cols = 0;
  CHECK(uw_matrix_dims(shape, 4, &rows, &cols, NULL) == UW_OK);
  CHECK(rows == 288 && cols == 128);
  CHECK(uw_matrix_dims(NULL, 0, &rows, &cols, NULL) == UW_OK);
  CHECK(rows == 1 && cols == 1);
  CHECK(uw_matrix_dims(NULL, 2, &rows, &cols, NULL) == UW_INVALID_ARGUMENT);
}

int main(void) {
  uint16_t* weights = malloc(sizeof(uint16_t) * kRows * kStride);
  uint16_t* decoded = malloc(sizeof(uint16_t) * kRows * kStride);
  CHECK(weights != NULL && decoded != NULL);
  fill(weights);
  round_trip(weights, decoded, UW_FAMILY_PALETTE);
  round_trip(weights, decoded, UW_FAMILY_HUFFMAN);
  round_trip(weights, decoded, UW_FAMILY_RADIX);
  statistics(weights);
  dimensions();
  CHECK(strcmp(uw_version(), UNWEIGHT_VERSION_STRING) == 0);
  CHECK(uw_isa() != NULL && uw_isa()[0] != '\0');
  free(weights);
  free(decoded);
  return 0;
}
