// SPDX-License-Identifier: BSD-3-Clause
#define UNWEIGHT_HASH_KERNELS kAvx2Hash
#include "base/hash_kernels_body.h"
