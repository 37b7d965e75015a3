/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <unweight/c_api_gpu.h>

int main(void) {
  uw_error error;
  uw_gpu_model* model = NULL;
  if (uw_gpu_load("there is no such bundle", NULL, &model, &error) == UW_OK) return 1;
  printf("devices: %d; %s\n", (int)uw_gpu_num_devices(), error.message);
  return 0;
}
