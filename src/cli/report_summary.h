// SPDX-License-Identifier: BSD-3-Clause
//
// Numbers about a whole model, drawn from an inspection: what the table's last lines, --json and
// the HTML page say.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "unweight/bundle.h"

namespace unweight::cli {

/// Where the bits of an average BF16 weight go, in bits a weight.
struct BitsSplit {
  double sign_mantissa = 0;
  double exponents =
      0;  ///< palette codes, Huffman codes, radix fields, or the 8 bits of a carried tensor
  double overhead = 0;  ///< verbatim rows or escapes, tables, headers, alignment
  [[nodiscard]] double total() const noexcept { return sign_mantissa + exponents + overhead; }
};

struct LayerSize {
  std::string label;        ///< "model.layers.12", "outside the layers", or a tensor's name
  std::string short_label;  ///< "12"
  std::uint64_t original_bytes = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t num_tensors = 0;
};

struct ModelSummary {
  std::uint64_t num_tensors = 0, num_bf16 = 0, num_packed = 0;
  std::uint64_t num_weights = 0;  ///< elements of the BF16 tensors
  std::uint64_t bf16_original_bytes = 0, bf16_stored_bytes = 0;
  std::optional<double> bits_per_weight;  ///< of the BF16 tensors, packed or carried

  // Empty without statistics:
  std::uint64_t num_analyzed = 0;            ///< weights behind the numbers below
  std::optional<double> entropy_floor_bits;  ///< 8 + H(exponent), per tensor, averaged by weights
  std::array<std::uint64_t, 256> exponent_count{};
  std::array<std::uint64_t, 256> outside_count{};  ///< of these, outside their tensor's palette
  std::array<double, 256> palette_share{};  ///< fraction of weights whose palette has the exponent
  BitsSplit stored, palette, huffman, radix;  ///< as stored, and if one family took everything
};
[[nodiscard]] ModelSummary summarize(const InspectReport& report);

/// The bits of one analysed tensor if it were stored as `family` in stored_bytes.
[[nodiscard]] BitsSplit split_bits(const TensorAnalysis& analysis, Family family,
                                   std::uint64_t stored_bytes) noexcept;

/// Tensors gathered by the layer number in their names ("model.layers.12.mlp..." is layer 12 of
/// "model.layers"), in layer order, all others as one last entry. Empty if fewer than two layers.
[[nodiscard]] std::vector<LayerSize> layer_sizes(const InspectReport& report);
/// The largest tensors by original size, for models whose names have no layers.
[[nodiscard]] std::vector<LayerSize> largest_tensors(const InspectReport& report,
                                                     std::size_t limit);

/// "run 107..122", or the exponents with runs joined: "0, 108..122".
[[nodiscard]] std::string palette_text(const TensorAnalysis& analysis);
/// "4096x11008"; "scalar" for rank 0.
[[nodiscard]] std::string shape_text(const std::vector<std::uint64_t>& shape);

}  // namespace unweight::cli
