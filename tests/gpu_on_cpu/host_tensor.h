// SPDX-License-Identifier: BSD-3-Clause
//
// Packed tensors as kernels that run on the CPU get them.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <vector>

#include "hostile_tensors.h"
#include "kernels/tensor_record.h"
#include "matmul/matmul_params.h"
#include "packed/packed_reader.h"
#include "unweight/codec.h"
#include "unweight/gpu.h"

namespace unweight::on_cpu {

/// A packed tensor as the kernels get it, in host memory. Sections end where their vectors do: a
/// sanitizer sees what reads behind them.
struct HostTensor {
  HostTensor(const testing::HostileTensor& t, Family family) : rows(t.rows), cols(t.cols) {
    const auto blob =
        encode({t.weights.data(), t.rows, t.cols, t.cols}, {.family = family, .self_check = false});
    EXPECT_TRUE(blob.ok()) << (blob ? "" : blob.error().message);
    const auto header = packed::parse_header(*blob, blob->size());
    EXPECT_TRUE(header.ok());
    record = std::make_unique<kernels::TensorRecord>(kernels::make_record(*header));
    num_verbatim_rows = header->num_verbatim_rows;
    for (std::size_t i = 0; i < sections.size(); ++i) {
      const packed::SectionEntry& section = header->sections[i];
      const auto first = blob->begin() + static_cast<std::ptrdiff_t>(section.offset);
      sections[i].assign(first, first + static_cast<std::ptrdiff_t>(section.bytes));
    }
  }
  template <typename T>
  [[nodiscard]] T* section(packed::SectionId id) const {
    return reinterpret_cast<T*>(
        const_cast<std::byte*>(sections[static_cast<std::size_t>(id)].data()));
  }
  [[nodiscard]] matmul::WeightPointers pointers() const {
    using packed::SectionId;
    matmul::WeightPointers p{};
    p.record = record.get();
    p.verbatim_index = section<codec::VerbatimIndexEntry>(SectionId::kVerbatimIndex);
    p.verbatim_positions = section<codec::VerbatimPosition>(SectionId::kVerbatimPositions);
    p.verbatim_rows = section<std::uint8_t>(SectionId::kVerbatimRows);
    p.num_verbatim_rows = num_verbatim_rows;
    if (num_verbatim_rows == 0) {  // as gpu_matmul.cpp: one can be read
      p.verbatim_positions = reinterpret_cast<const codec::VerbatimPosition*>(record.get());
      p.verbatim_rows = reinterpret_cast<const std::uint8_t*>(record.get());
    }
    p.first = section<std::uint8_t>(SectionId::kSignMantissa);
    p.second = section<std::uint8_t>(SectionId::kCodes);
    return p;
  }
  /// As callers of the library have it.
  [[nodiscard]] gpu::PackedTensor view(Family family) const {
    using packed::SectionId;
    gpu::PackedTensor t;
    t.extents.family = family;
    t.extents.rows = rows;
    t.extents.cols = cols;
    t.extents.num_verbatim_rows = num_verbatim_rows;
    t.record = reinterpret_cast<std::byte*>(record.get());
    t.verbatim_index = section<std::byte>(SectionId::kVerbatimIndex);
    t.verbatim_positions = section<std::byte>(SectionId::kVerbatimPositions);
    t.verbatim_rows = section<std::byte>(SectionId::kVerbatimRows);
    t.sign_mantissa = section<std::byte>(SectionId::kSignMantissa);
    t.codes = section<std::byte>(SectionId::kCodes);
    return t;
  }

  std::uint64_t rows, cols, num_verbatim_rows = 0;
  std::unique_ptr<kernels::TensorRecord> record;
  std::array<std::vector<std::byte>, packed::kNumSections> sections;
};

}  // namespace unweight::on_cpu
