// SPDX-License-Identifier: BSD-3-Clause
//
// Numbers for people. Bytes are decimal (1 GB = 10^9 bytes) everywhere in this tool.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace unweight::cli {

[[nodiscard]] std::string human_bytes(double bytes);            ///< "512 B" "9.38 kB" "16.1 GB"
[[nodiscard]] std::string human_rate(double bytes_per_second);  ///< "3.21 GB/s"
[[nodiscard]] std::string human_duration(double seconds);       ///< "0.42 s" "12.3 s" "3:07"
[[nodiscard]] std::string clock_duration(double seconds);       ///< "0:07" "3:07" "1:02:45"
[[nodiscard]] std::string human_count(std::uint64_t count);     ///< "8.03 B" weights, "512"
[[nodiscard]] std::string grouped_digits(std::uint64_t count);  ///< "8 030 261 248" (narrow spaces)
[[nodiscard]] std::string human_percent(double fraction);  ///< "99.97 %", never "100 %" below 1

/// original / stored; empty when nothing is stored.
[[nodiscard]] std::optional<double> compression_ratio(std::uint64_t original_bytes,
                                                      std::uint64_t stored_bytes) noexcept;
/// stored bits for each of num_weights; empty when there are none.
[[nodiscard]] std::optional<double> bits_per_weight(std::uint64_t stored_bytes,
                                                    std::uint64_t num_weights) noexcept;
/// "1.503x", or "-" for an empty value; the same for plain numbers with `digits` decimals.
[[nodiscard]] std::string human_ratio(std::optional<double> ratio);
[[nodiscard]] std::string human_number(std::optional<double> value, int digits);

}  // namespace unweight::cli
