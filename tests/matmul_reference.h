// SPDX-License-Identifier: BSD-3-Clause
//
// What a matmul in BF16 with fp32 sums may give: every output between bounds that follow from
// float64 sums of the same products. For tests of CPU and GPU.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "hostile_tensors.h"

namespace unweight::testing {

inline double from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}
inline bool is_nan_bf16(std::uint16_t bits) {
  return (bits & 0x7fff) > 0x7f80;
}
/// To nearest even, from a sum in double or float; overflow gives an infinity.
inline std::uint16_t round_bf16(double value) {
  if (std::isnan(value)) return 0x7fff;
  return to_bf16(static_cast<float>(value));
}

/// The products themselves are exact. An infinity or NaN among them decides the sum in any order;
/// only overflow of finite sums in fp32 depends on the order, and `magnitude` says if that can be.
struct Sum {
  double sum = 0;
  double magnitude = 0;         ///< sum of |products|
  double finite_magnitude = 0;  ///< of those that are finite
};

inline Sum dot_float64(const std::uint16_t* w, const std::uint16_t* x, std::uint64_t k) {
  constexpr std::uint64_t kLanes = 8;  // sums that the compiler can keep side by side
  double sums[kLanes] = {}, magnitudes[kLanes] = {};
  const auto add = [&](std::uint64_t lane, std::uint64_t i) {
    const double product = from_bf16(w[i]) * from_bf16(x[i]);
    sums[lane] += product;
    magnitudes[lane] += std::abs(product);
  };
  std::uint64_t i = 0;
  for (; i + kLanes <= k; i += kLanes) {
    for (std::uint64_t lane = 0; lane < kLanes; ++lane) add(lane, i + lane);
  }
  for (; i < k; ++i) add(0, i);
  Sum s;
  for (std::uint64_t lane = 0; lane < kLanes; ++lane) {
    s.sum += sums[lane];
    s.magnitude += magnitudes[lane];
  }
  s.finite_magnitude = s.magnitude;
  if (std::isfinite(s.magnitude)) return s;
  s.finite_magnitude = 0;
  for (i = 0; i < k; ++i) {
    const double product = std::abs(from_bf16(w[i]) * from_bf16(x[i]));
    if (std::isfinite(product)) s.finite_magnitude += product;
  }
  return s;
}

/// Whether `got` is a rounding of something within `error` of `sum`: rounding to BF16 is monotonic,
/// so both ends are rounded. Empty, or what is wrong.
inline std::string check_bounds(std::uint16_t got, double sum, double error) {
  const std::uint16_t low = round_bf16(sum - error), high = round_bf16(sum + error);
  const double value = from_bf16(got);
  if (!is_nan_bf16(got) && from_bf16(low) <= value && value <= from_bf16(high)) return {};
  return "got " + std::to_string(value) + ", expected " + std::to_string(sum) + " +- " +
         std::to_string(error);
}

/// How far an fp32 sum of `terms` products can be from the exact one, in any order: each of at most
/// `terms` additions is off by at most 2^-24 of a partial sum, which `magnitude` bounds, or by
/// 2^-150 among subnormals (a product that is rounded on its own too). slack 2: additions that
/// truncate, as tensor cores' do. The last term is float64's own error.
inline double fp32_error(double magnitude, std::uint64_t terms, double slack) {
  const auto n = static_cast<double>(terms);
  return slack * (n * magnitude * 0x1p-24 + n * 0x1p-149) + n * magnitude * 0x1p-52;
}

/// Largest |partial sum| that is sure not to overflow.
inline constexpr double kSafeMagnitude = 3.0e38;

/// One output against the reference; `added` is what the epilogue adds (bias, residual).
inline std::string check_output(std::uint16_t got, const Sum& dot, std::uint64_t k,
                                double added = 0, double added_magnitude = 0, double slack = 2) {
  const double sum = dot.sum + added;
  const double magnitude = dot.magnitude + added_magnitude;
  if (std::isnan(sum)) {
    return is_nan_bf16(got) ? "" : "expected NaN, got " + std::to_string(from_bf16(got));
  }
  if (std::isinf(sum)) {
    if (from_bf16(got) == sum) return {};
    // Finite products may have overflowed to the other infinity before: then NaN is right too.
    if (is_nan_bf16(got) && dot.finite_magnitude > kSafeMagnitude) return {};
    return "expected " + std::to_string(sum) + ", got " + std::to_string(from_bf16(got));
  }
  if (magnitude > kSafeMagnitude) return {};  // depends on the order, which is the kernel's
  return check_bounds(got, sum, fp32_error(magnitude, k + 3, slack));
}

inline double silu_float64(double g) {
  return g / (1 + std::exp(-g));
}

/// The same for silu(gate) * up. silu's slope is within [-0.1, 1.1], so it passes gate's error on
/// by 1.1; `function_error` * (1 + |gate|) is the relative error of exp (whose argument is
/// rounded), division and product in fp32.
inline std::string check_swiglu(std::uint16_t got, const Sum& gate, const Sum& up, std::uint64_t k,
                                double slack = 2, double function_error = 0x1p-21) {
  if (gate.magnitude > kSafeMagnitude || up.magnitude > kSafeMagnitude ||
      std::isnan(gate.magnitude) || std::isnan(up.magnitude)) {
    return std::isnan(gate.sum) || std::isnan(up.sum)
               ? (is_nan_bf16(got) ? "" : "expected NaN, got " + std::to_string(from_bf16(got)))
               : "";
  }
  const double gate_error = fp32_error(gate.magnitude, k + 3, slack);
  const double up_error = fp32_error(up.magnitude, k + 3, slack);
  const double s = silu_float64(gate.sum);
  const double silu_error =
      1.1 * gate_error + function_error * (1 + std::abs(gate.sum)) * std::abs(s) + 0x1p-120;
  const double product = s * up.sum;
  const double error = silu_error * (std::abs(up.sum) + up_error) + std::abs(s) * up_error +
                       function_error * std::abs(product) + 0x1p-126;
  if (std::abs(product) + error > kSafeMagnitude) return {};
  return check_bounds(got, product, error);
}

// ---- Inputs -------------------------------------------------------------------------------------

enum class Input { kNormal, kHeavyTails, kLarge, kCancelling, kOnes };
inline constexpr Input kInputs[] = {Input::kNormal, Input::kHeavyTails, Input::kLarge,
                                    Input::kCancelling, Input::kOnes};

inline const char* input_name(Input input) {
  constexpr const char* kNames[] = {"normal", "heavy_tails", "large", "cancelling", "ones"};
  return kNames[static_cast<int>(input)];
}

/// m x k activations, row-major without gaps. kCancelling: neighbours nearly cancel where weights
/// are similar; kLarge: 1e30.
inline std::vector<std::uint16_t> make_inputs(Input input, std::uint64_t m, std::uint64_t k,
                                              std::uint64_t seed = 21) {
  std::mt19937_64 rng(seed);
  std::normal_distribution<float> normal(0.0f, 1.0f);
  std::student_t_distribution<float> student(2.0f);
  std::vector<std::uint16_t> x(m * k);
  for (std::uint64_t i = 0; i < x.size(); ++i) {
    switch (input) {
      case Input::kNormal:
        x[i] = to_bf16(normal(rng));
        break;
      case Input::kHeavyTails:
        x[i] = to_bf16(student(rng));
        break;
      case Input::kLarge:
        x[i] = to_bf16(1e30f * normal(rng));
        break;
      case Input::kCancelling:
        x[i] = i % k % 2 != 0 ? static_cast<std::uint16_t>(x[i - 1] ^ 0x8000)
                              : to_bf16(1000.0f * normal(rng));
        break;
      case Input::kOnes:
        x[i] = 0x3f80;
        break;
    }
  }
  return x;
}

/// f(i) for i in [0, count) on all cores.
template <typename F>
void for_each_parallel(std::uint64_t count, F f) {
  const std::uint64_t threads =
      std::clamp<std::uint64_t>(std::thread::hardware_concurrency(), 1, 32);
  std::vector<std::thread> workers;
  for (std::uint64_t t = 1; t < std::min(threads, count); ++t) {
    workers.emplace_back([=, &f] {
      for (std::uint64_t i = t; i < count; i += threads) f(i);
    });
  }
  for (std::uint64_t i = 0; i < count; i += threads) f(i);
  for (std::thread& worker : workers) worker.join();
}

/// Which outputs to compare, (token, row): all if there are at most `budget` / k of them, else
/// corners, edges of tiles and random ones.
struct Place {
  std::uint64_t token, row;
};
inline std::vector<Place> sample_outputs(std::uint64_t m, std::uint64_t n, std::uint64_t k,
                                         std::uint64_t budget) {
  std::vector<Place> places;
  const std::uint64_t most = std::max<std::uint64_t>(256, budget / std::max<std::uint64_t>(k, 1));
  if (m * n <= most) {
    for (std::uint64_t t = 0; t < m; ++t) {
      for (std::uint64_t r = 0; r < n; ++r) places.push_back({t, r});
    }
    return places;
  }
  for (const std::uint64_t t : {std::uint64_t{0}, m / 2, m - 1}) {
    for (const std::uint64_t r : {std::uint64_t{0}, n / 2, n - 1}) places.push_back({t, r});
  }
  std::mt19937_64 rng(31);
  while (places.size() < most) {
    // A random token with each row modulo 1031, and the other way round: no residue is left out.
    places.push_back({places.size() % m, rng() % n});
    places.push_back({rng() % m, places.size() / 2 % n});
  }
  return places;
}

}  // namespace unweight::testing
