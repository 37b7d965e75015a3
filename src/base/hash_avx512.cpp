// SPDX-License-Identifier: BSD-3-Clause
#define UNWEIGHT_HASH_KERNELS kAvx512Hash
#include "base/hash_kernels_body.h"
