// SPDX-License-Identifier: BSD-3-Clause
//
// Everything for C++: tensors (codec.h), multiplies by them (matmul.h), files and model directories
// (bundle.h). For C: c_api.h.
#pragma once

#include "unweight/bundle.h"
#include "unweight/codec.h"
#include "unweight/matmul.h"
#include "unweight/result.h"
#include "unweight/version.h"
