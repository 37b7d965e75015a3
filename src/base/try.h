// SPDX-License-Identifier: BSD-3-Clause
//
// The two macros of the library: pass an error up, or unwrap the value.
//
//   UNWEIGHT_TRY(write_all(fd, bytes));               // Result<void> or any Result, value dropped
//   UNWEIGHT_TRY_ASSIGN(auto header, read_header(f));  // declares `header`, or returns the error
#pragma once

#include <string>
#include <utility>

#include "unweight/result.h"

#define UNWEIGHT_CONCAT_INNER(a, b) a##b
#define UNWEIGHT_CONCAT(a, b) UNWEIGHT_CONCAT_INNER(a, b)

#define UNWEIGHT_TRY(expression)                               \
  do {                                                         \
    if (auto unweight_result = (expression); !unweight_result) \
      return std::move(unweight_result).error();               \
  } while (false)

#define UNWEIGHT_TRY_ASSIGN(declaration, expression) \
  UNWEIGHT_TRY_ASSIGN_INNER(UNWEIGHT_CONCAT(unweight_result_, __LINE__), declaration, expression)
#define UNWEIGHT_TRY_ASSIGN_INNER(name, declaration, expression) \
  auto name = (expression);                                      \
  if (!name) return std::move(name).error();                     \
  declaration = std::move(name).value()
