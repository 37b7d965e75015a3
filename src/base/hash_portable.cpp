// SPDX-License-Identifier: BSD-3-Clause
#define UNWEIGHT_HASH_KERNELS kPortableHash
#include "base/hash_kernels_body.h"
