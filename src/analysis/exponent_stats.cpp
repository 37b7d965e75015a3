// SPDX-License-Identifier: BSD-3-Clause
#include "analysis/exponent_stats.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace unweight::analysis {
namespace {

using Exponents = std::array<std::uint8_t, 16>;
constexpr std::size_t kPaletteEntries = std::tuple_size_v<Exponents>;
constexpr std::uint8_t kInfOrNanExponent = 255;
/// A run may leave total / 2^15 more weights outside than the best palette: what its cheaper
/// decoding is worth.
constexpr int kRunAllowanceLog2 = 15;

std::uint64_t total_of(const ExponentCounts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::uint64_t inside(const ExponentCounts& counts, const Exponents& palette) {
  std::uint64_t sum = 0;
  for (const std::uint8_t e : palette) sum += counts[e];
  return sum;
}

Exponents most_frequent(const ExponentCounts& counts) {
  std::array<std::uint8_t, 256> order;
  std::iota(order.begin(), order.end(), std::uint8_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint8_t a, std::uint8_t b) { return counts[a] > counts[b]; });
  Exponents palette;
  std::copy_n(order.begin(), kPaletteEntries, palette.begin());
  std::sort(palette.begin(), palette.end());
  return palette;
}

Exponents run_from(std::size_t start) {
  Exponents palette;
  std::iota(palette.begin(), palette.end(), static_cast<std::uint8_t>(start));
  return palette;
}

Exponents best_run(const ExponentCounts& counts) {
  std::uint64_t window = inside(counts, run_from(0));
  std::uint64_t best = window;
  std::size_t best_start = 0;
  for (std::size_t start = 1; start + kPaletteEntries <= counts.size(); ++start) {
    window += counts[start + kPaletteEntries - 1] - counts[start - 1];
    if (window > best) {
      best = window;
      best_start = start;
    }
  }
  return run_from(best_start);
}

std::uint8_t choose_padding_code(const ExponentCounts& counts, const Exponents& palette) {
  std::uint8_t code = 0;
  std::uint64_t most = 0;
  for (std::uint8_t c = 0; c < kPaletteEntries; ++c) {
    if (palette[c] == kInfOrNanExponent || counts[palette[c]] <= most) continue;
    most = counts[palette[c]];
    code = c;
  }
  const std::uint8_t last = kPaletteEntries - 1;  // 255 can only be here
  if (most == 0 && palette[last] == kInfOrNanExponent && counts[kInfOrNanExponent] > 0) code = last;
  return code;
}

}  // namespace

double entropy_bits(const ExponentCounts& counts) noexcept {
  const auto total = static_cast<double>(total_of(counts));
  double bits = 0;
  for (const std::uint64_t count : counts) {
    if (count == 0) continue;
    const double p = static_cast<double>(count) / total;
    bits -= p * std::log2(p);
  }
  return bits;
}

PaletteChoice choose_palette(const ExponentCounts& counts) noexcept {
  const std::uint64_t total = total_of(counts);
  const Exponents frequent = most_frequent(counts), run = best_run(counts);
  const std::uint64_t frequent_outside = total - inside(counts, frequent);
  const std::uint64_t run_outside = total - inside(counts, run);

  PaletteChoice choice;
  choice.is_run = run_outside - frequent_outside <= total >> kRunAllowanceLog2;
  choice.exponents = choice.is_run ? run : frequent;
  choice.num_outside = choice.is_run ? run_outside : frequent_outside;
  choice.padding_code = choose_padding_code(counts, choice.exponents);
  return choice;
}

PaletteChoice choose_radix_run(const ExponentCounts& counts) noexcept {
  const auto inside_of = [&](std::size_t start) {
    const auto first = counts.begin() + static_cast<std::ptrdiff_t>(start);
    return std::accumulate(first, first + kRadixRun, std::uint64_t{0});
  };
  std::size_t best = 0;
  for (std::size_t start = 1; start + kPaletteEntries <= counts.size(); ++start) {
    if (inside_of(start) > inside_of(best)) best = start;
  }
  const auto first = counts.begin() + static_cast<std::ptrdiff_t>(best);
  PaletteChoice choice;
  choice.exponents = run_from(best);
  choice.is_run = true;
  choice.num_outside = total_of(counts) - inside_of(best);
  choice.padding_code =
      static_cast<std::uint8_t>(std::max_element(first, first + kRadixRun) - first);
  return choice;
}

}  // namespace unweight::analysis
