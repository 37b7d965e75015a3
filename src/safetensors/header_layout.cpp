// SPDX-License-Identifier: BSD-3-Clause
#include "safetensors/header_layout.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/try.h"
#include "safetensors/json_events.h"

namespace unweight::safetensors {
namespace {

struct DtypeBits {
  std::string_view name;
  std::uint32_t bits;
};

constexpr std::array kDtypes = {
    DtypeBits{"BF16", 16},       DtypeBits{"F32", 32},    DtypeBits{"F16", 16},
    DtypeBits{"F64", 64},        DtypeBits{"BOOL", 8},    DtypeBits{"U8", 8},
    DtypeBits{"I8", 8},          DtypeBits{"U16", 16},    DtypeBits{"I16", 16},
    DtypeBits{"U32", 32},        DtypeBits{"I32", 32},    DtypeBits{"U64", 64},
    DtypeBits{"I64", 64},        DtypeBits{"C64", 64},    DtypeBits{"F8_E4M3", 8},
    DtypeBits{"F8_E5M2", 8},     DtypeBits{"F8_E8M0", 8}, DtypeBits{"F8_E4M3FNUZ", 8},
    DtypeBits{"F8_E5M2FNUZ", 8}, DtypeBits{"F6_E2M3", 6}, DtypeBits{"F6_E3M2", 6},
    DtypeBits{"F4", 4},
};

Error bad_tensor(const TensorEntry& tensor, const std::string& reason) {
  return {ErrorCode::kInvalidFormat, "tensor " + for_message(tensor.name) + ": " + reason};
}

std::string range_text(const TensorEntry& tensor) {
  return std::string(1, '[')
      .append(std::to_string(tensor.begin))
      .append(", ")
      .append(std::to_string(tensor.end))
      .append(1, ')');
}

/// One tensor by itself. A dimension of 0 does not excuse the others: their product must fit too,
/// so that nothing computed from some of them (or from one, padded) overflows later.
Result<void> check_size(const TensorEntry& tensor, std::uint64_t data_bytes) {
  if (tensor.begin > tensor.end) return bad_tensor(tensor, "data_offsets end before they begin");
  if (tensor.end > data_bytes)
    return bad_tensor(tensor, "data_offsets " + range_text(tensor) + " reach past the data (" +
                                  std::to_string(data_bytes) + " bytes)");
  std::uint64_t nonzero_product = 1;
  for (const std::uint64_t dim : tensor.shape)
    if (dim != 0 && __builtin_mul_overflow(nonzero_product, dim, &nonzero_product))
      return bad_tensor(tensor, "number of elements overflows 64 bits");
  const std::uint32_t bits_per_elem = dtype_bits(tensor.dtype);
  std::uint64_t bits = 0;
  if (__builtin_mul_overflow(nonzero_product, std::uint64_t{bits_per_elem}, &bits))
    return bad_tensor(tensor, "size overflows 64 bits");
  if (bits_per_elem == 0) return {};  // unknown dtype: nothing to compare with
  bits = tensor.num_elems() * bits_per_elem;
  if (bits % 8 != 0) return bad_tensor(tensor, "elements do not fill whole bytes");
  if (bits / 8 != tensor.bytes())
    return bad_tensor(tensor, "shape and dtype need " + std::to_string(bits / 8) +
                                  " bytes, data_offsets give " + std::to_string(tensor.bytes()));
  return {};
}

}  // namespace

std::uint64_t TensorEntry::num_elems() const noexcept {
  std::uint64_t product = 1;
  for (const std::uint64_t dim : shape) product *= dim;
  return product;
}

std::uint32_t dtype_bits(std::string_view dtype) noexcept {
  for (const auto& known : kDtypes)
    if (known.name == dtype) return known.bits;
  return 0;
}

Result<void> order_and_check(std::vector<TensorEntry>& tensors, std::uint64_t data_bytes) {
  std::vector<const std::string*> names;
  names.reserve(tensors.size());
  for (const auto& tensor : tensors) {
    UNWEIGHT_TRY(check_size(tensor, data_bytes));
    names.push_back(&tensor.name);
  }
  if (const std::string* twice = find_duplicate(std::move(names)))
    return Error{ErrorCode::kInvalidFormat, "tensor " + for_message(*twice) + ": duplicate name"};

  // By end as well: an empty tensor sorts before the one that begins where it is.
  std::stable_sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t covered = 0;
  const TensorEntry* previous = nullptr;
  for (const auto& tensor : tensors) {
    if (tensor.begin > covered)
      return bad_tensor(tensor, "hole of " + std::to_string(tensor.begin - covered) +
                                    " bytes before its data_offsets " + range_text(tensor));
    if (tensor.begin < covered)
      return bad_tensor(tensor, "data_offsets " + range_text(tensor) + " overlap tensor " +
                                    for_message(previous->name));
    covered = tensor.end;
    previous = &tensor;
  }
  if (covered != data_bytes)
    return Error{ErrorCode::kInvalidFormat, "the last " + std::to_string(data_bytes - covered) +
                                                " bytes of the data belong to no tensor"};
  return {};
}

}  // namespace unweight::safetensors
