// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

#include "safetensors/safetensors.h"
#include "unweight/result.h"

namespace unweight::safetensors {

/// Puts the entries into data order and checks that names are distinct, that sizes agree with
/// shapes and dtypes, and that together they cover [0, data_bytes) without hole or overlap.
Result<void> order_and_check(std::vector<TensorEntry>& tensors, std::uint64_t data_bytes);

}  // namespace unweight::safetensors
