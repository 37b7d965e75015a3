// SPDX-License-Identifier: BSD-3-Clause
#include "matmul_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "synthetic_weights.h"

namespace unweight::bench {
namespace {

constexpr const char *kMainFormat = "palette", *kRadixFormat = "radix";

Value value_of(const std::optional<double>& number) {
  return number ? Value(*number) : Value(nullptr);
}

std::string format_of(std::optional<double> value, const char* unit, int digits) {
  return value ? fmt::format("{:.{}f}{}", *value, digits, unit) : "-";
}

/// Of one shape and M.
struct Line {
  const MatmulResult* plain = nullptr;
  const MatmulResult* dependent = nullptr;
  const MatmulResult* decoded = nullptr;
  const MatmulResult* radix = nullptr;  // the faster launch
  const MatmulResult* tiles = nullptr;  // the same
  const MatmulResult* any = nullptr;
};

const MatmulResult*& field_of(const MatmulResult& result, Line* line) {
  if (result.format == kRadixFormat) return line->radix;
  if (result.format != kMainFormat) return line->tiles;
  if (result.path == kFusedPlain) return line->plain;
  return result.path == kFusedDependent ? line->dependent : line->decoded;
}

Value us_of(const MatmulResult* result) {
  return result == nullptr ? Value(nullptr) : Value(format_of(result->timing.us, "", 1));
}

std::optional<double> speedup_of(const MatmulResult* result) {
  return result == nullptr ? std::nullopt : result->speedup();
}

Value speedup_text(const MatmulResult* result) {
  return Value(format_of(speedup_of(result), "", 2));
}

Row row_of(const Line& line) {
  const MatmulResult& any = *line.any;
  const MatmulResult* shown = line.dependent != nullptr ? line.dependent : line.plain;
  return {
      {"N x K", fmt::format("{} x {}", any.n, any.k)},
      {"weights", any.weights},
      {"M", any.m},
      {"baseline us", any.baseline ? Value(format_of(any.baseline->us, "", 1)) : Value(nullptr)},
      {"plain us", us_of(line.plain)},
      {"plain x", speedup_text(line.plain)},
      {"dependent us", us_of(line.dependent)},
      {"dependent x", speedup_text(line.dependent)},
      {"radix x", speedup_text(line.radix)},
      {"tiles x", speedup_text(line.tiles)},
      {"decode+cublas x", speedup_text(line.decoded)},
      {"config", shown == nullptr ? Value(nullptr) : Value(shown->config)}};
}

/// Geometric mean and least of some speed-ups, and of which matrix the least is.
class Spread {
 public:
  void add(const std::optional<double>& speedup, const std::string& matrix) {
    if (!speedup) return;
    sum_of_logs_ += std::log(*speedup);
    if (count_++ != 0 && *speedup >= least_) return;
    least_ = *speedup;
    where_ = matrix;
  }
  [[nodiscard]] std::string text() const {
    if (count_ == 0) return "-";
    return fmt::format("{:.3f} ({:.2f} {})", std::exp(sum_of_logs_ / count_), least_, where_);
  }

 private:
  double sum_of_logs_ = 0, least_ = 0;
  int count_ = 0;
  std::string where_;
};

struct Spreads {
  Spread plain, dependent, best, radix, tiles;
};

void add(const Line& line, Spreads* spreads) {
  const std::string matrix = fmt::format("{}x{}", line.any->n, line.any->k);
  const auto of = speedup_of;
  spreads->plain.add(of(line.plain), matrix);
  spreads->dependent.add(of(line.dependent), matrix);
  spreads->radix.add(of(line.radix), matrix);
  spreads->tiles.add(of(line.tiles), matrix);
  // nullopt is less than any number.
  spreads->best.add(std::max({of(line.plain), of(line.dependent), of(line.decoded)}), matrix);
}

}  // namespace

std::optional<double> MatmulResult::speedup() const {
  if (!baseline) return std::nullopt;
  return baseline->us / timing.us;
}

std::vector<Row> result_rows(const std::vector<MatmulResult>& results, const Ceilings& ceilings) {
  std::vector<Row> rows;
  for (const MatmulResult& r : results) {
    const double stored_tb_s = static_cast<double>(r.stored_bytes) / r.timing.us / 1e6;
    rows.push_back({{"N", r.n},
                    {"K", r.k},
                    {"M", r.m},
                    {"weights", r.weights},
                    {"format", r.format},
                    {"bits_per_weight", r.bits_per_weight},
                    {"path", r.path},
                    {"config", r.config},
                    {"us", r.timing.us},
                    {"us_min", r.timing.us_min},
                    {"us_max", r.timing.us_max},
                    {"baseline", r.baseline ? Value(r.baseline->name) : Value(nullptr)},
                    {"baseline_us", r.baseline ? Value(r.baseline->us) : Value(nullptr)},
                    {"speedup", value_of(r.speedup())},
                    {"stored_tb_s", stored_tb_s},
                    {"pct_of_read_ceiling", 100 * stored_tb_s / ceilings.read_tb_s}});
  }
  return rows;
}

std::string matmul_summary(const std::vector<MatmulResult>& results) {
  std::vector<Line> lines;  // in the order in which they ran
  std::map<std::tuple<std::uint64_t, std::uint64_t, std::string, std::uint64_t>, std::size_t>
      places;
  for (const MatmulResult& result : results) {
    if (result.format == "exponents") continue;
    const auto [place, is_new] =
        places.try_emplace({result.n, result.k, result.weights, result.m}, lines.size());
    if (is_new) lines.emplace_back().any = &result;
    const MatmulResult*& field = field_of(result, &lines[place->second]);
    if (field == nullptr || result.timing.us < field->timing.us) field = &result;
  }
  std::vector<Row> rows;
  std::map<std::uint64_t, Spreads> by_m;
  for (const Line& line : lines) {
    rows.push_back(row_of(line));
    if (line.any->weights == weights_name(Weights::kNormal)) add(line, &by_m[line.any->m]);
  }
  std::vector<Row> means;
  for (const auto& [m, spreads] : by_m) {
    means.push_back({{"M", m},
                     {"plain", spreads.plain.text()},
                     {"dependent", spreads.dependent.text()},
                     {"best path", spreads.best.text()},
                     {"radix", spreads.radix.text()},
                     {"BF16 tiles", spreads.tiles.text()}});
  }
  return format_table(
             rows, {"N x K", "weights", "M", "baseline us", "plain us", "plain x", "dependent us",
                    "dependent x", "radix x", "tiles x", "decode+cublas x", "config"}) +
         "\nspeed-up over the best of cuBLAS, normal weights: geometric mean over shapes (least, "
         "where)\n" +
         format_table(means, {"M", "plain", "dependent", "best path", "radix", "BF16 tiles"});
}

}  // namespace unweight::bench
