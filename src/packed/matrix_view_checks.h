// SPDX-License-Identifier: BSD-3-Clause
//
// What every public call checks before it touches a matrix, and turns exceptions into.
#pragma once

#include <cstdint>
#include <exception>
#include <limits>
#include <new>

#include "layout/tile_order.h"
#include "unweight/codec.h"
#include "unweight/result.h"

namespace unweight::packed {

/// kInvalidArgument unless a matrix of these dimensions can be packed and its memory is described
/// soundly. `data` may be null only if there are no weights.
inline Result<void> check_matrix(const void* data, std::uint64_t rows, std::uint64_t cols,
                                 std::uint64_t row_stride_elems) {
  const layout::TileGrid grid{rows, cols};
  if (!grid.representable()) {
    return Error{ErrorCode::kInvalidArgument,
                 "matrix has more than 2^37 weights, padding included"};
  }
  if (grid.num_elems() == 0) return {};
  if (data == nullptr) return Error{ErrorCode::kInvalidArgument, "matrix data is null"};
  if (row_stride_elems < cols) {
    return Error{ErrorCode::kInvalidArgument, "row_stride_elems is less than cols"};
  }
  constexpr std::uint64_t kMaxElems = std::numeric_limits<std::ptrdiff_t>::max() / 2;
  if (rows > 1 && row_stride_elems > (kMaxElems - cols) / (rows - 1)) {
    return Error{ErrorCode::kInvalidArgument, "row_stride_elems exceeds the address space"};
  }
  return {};
}

/// Runs `body`, which returns a Result; what it throws becomes an error.
template <typename Body>
auto without_exceptions(Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "out of memory"};
  } catch (const std::exception& e) {
    return Error{ErrorCode::kInternal, e.what()};
  }
}

}  // namespace unweight::packed
