/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One weight matrix in memory, from C: pack it, look at it, unpack it, compare. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unweight/c_api.h>

static int fail(const char* what, const uw_error* error) {
  fprintf(stderr, "%s: %s: %s\n", what, uw_status_name(error->status), error->message);
  return 1;
}

int main(void) {
  const uint64_t rows = 300, cols = 500, num_weights = rows * cols;
  uint16_t* weights = malloc(num_weights * sizeof *weights);
  uint16_t* restored = calloc(num_weights, sizeof *restored);
  uw_buffer packed = {0};
  uw_packed_tensor_info info = uw_packed_tensor_info_init();
  uw_error error;
  int exit_code = 1;
  if (weights == NULL || restored == NULL) goto done;

  /* Any sign, any mantissa, exponents that get rarer away from 120. */
  uint32_t state = 1;
  for (uint64_t i = 0; i < num_weights; ++i) {
    state = state * 1664525u + 1013904223u;
    uint16_t exponent = 120;
    for (uint32_t bits = state >> 24; bits & 1; bits >>= 1) --exponent;
    weights[i] = (uint16_t)((state >> 8 & 0x8000) | exponent << 7 | (state >> 10 & 0x7f));
  }

  if (uw_encode(weights, rows, cols, cols, NULL, &packed, &error) != UW_OK) {
    exit_code = fail("uw_encode", &error);
    goto done;
  }
  if (uw_packed_info(packed.data, packed.bytes, &info, &error) != UW_OK) {
    exit_code = fail("uw_packed_info", &error);
    goto done;
  }
  printf("unweight %s (%s): %llu bytes into %llu, %.2f bits a weight\n", uw_version(), uw_isa(),
         (unsigned long long)(num_weights * 2), (unsigned long long)packed.bytes,
         info.bits_per_weight);
  if (uw_decode(packed.data, packed.bytes, restored, rows, cols, cols, NULL, &error) != UW_OK) {
    exit_code = fail("uw_decode", &error);
    goto done;
  }
  exit_code = memcmp(weights, restored, num_weights * sizeof *weights) == 0 ? 0 : 1;
  printf("restored: %s\n", exit_code == 0 ? "bit for bit the same" : "DIFFERENT");

done:
  uw_buffer_free(&packed);
  free(weights);
  free(restored);
  return exit_code;
}
