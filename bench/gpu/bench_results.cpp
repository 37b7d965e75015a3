// SPDX-License-Identifier: BSD-3-Clause
#include "bench_results.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace unweight::bench {
namespace {

using Json = nlohmann::ordered_json;

double rounded(double value) {
  return std::round(value * 1000) / 1000;
}

struct ToJson {
  Json operator()(std::nullptr_t) const { return nullptr; }
  Json operator()(std::uint64_t value) const { return value; }
  Json operator()(double value) const { return rounded(value); }
  Json operator()(const std::string& value) const { return value; }
};

struct ToText {
  std::string operator()(std::nullptr_t) const { return "-"; }
  std::string operator()(std::uint64_t value) const { return fmt::format("{}", value); }
  std::string operator()(double value) const {
    return fmt::format("{:.{}f}", value, value < 20 ? 3 : 1);
  }
  std::string operator()(const std::string& value) const { return value; }
};

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm calendar{};
  localtime_r(&now, &calendar);
  std::array<char, 16> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d", &calendar);
  return text.data();
}

Json commit() {
  const char* commit = std::getenv("UNWEIGHT_COMMIT");
  if (commit == nullptr || *commit == 0) return nullptr;
  return commit;
}

Json machine_json(const Machine& machine, const Ceilings& ceilings) {
  return {{"gpu", machine.gpu},
          {"driver", machine.driver},
          {"cuda", machine.cuda},
          {"num_sms", machine.num_sms},
          {"l2_bytes", machine.l2_bytes},
          {"memory_bytes", machine.memory_bytes},
          {"read_ceiling_tb_s", rounded(ceilings.read_tb_s)},
          {"read_ceiling_kernel", ceilings.read_kernel},
          {"copy_ceiling_tb_s", rounded(ceilings.copy_tb_s)},
          {"copy_ceiling_kernel", ceilings.copy_kernel}};
}

}  // namespace

std::string write_results(const std::string& folder, const std::string& name,
                          const std::string& what, const Machine& machine, const Ceilings& ceilings,
                          const std::vector<Row>& rows) {
  const std::string path =
      fmt::format("{}/{}-{}-{}.json", folder, today(), machine.short_name, name);
  write_results_file(path, what, machine, ceilings, rows);
  return path;
}

void write_results_file(const std::string& path, const std::string& what, const Machine& machine,
                        const Ceilings& ceilings, const std::vector<Row>& rows) {
  Json file{{"what", what},
            {"date", today()},
            {"commit", commit()},
            {"machine", machine_json(machine, ceilings)},
            {"rows", Json::array()}};
  for (const Row& row : rows) {
    Json object = Json::object();
    for (const auto& [key, value] : row) object[key] = std::visit(ToJson{}, value);
    file["rows"].push_back(std::move(object));
  }
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  std::ofstream out(path);
  out << file.dump(2) << '\n';
  if (!out.flush()) give_up(fmt::format("cannot write {}", path));
}

std::string format_table(const std::vector<Row>& rows, const std::vector<std::string>& columns) {
  std::vector<std::vector<std::string>> cells{columns};
  for (const Row& row : rows) {
    std::vector<std::string>& line = cells.emplace_back();
    for (const std::string& column : columns) {
      const auto found = std::find_if(row.begin(), row.end(),
                                      [&](const auto& field) { return field.first == column; });
      line.push_back(found == row.end() ? "-" : std::visit(ToText{}, found->second));
    }
  }
  std::string table;
  for (const auto& line : cells) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      std::size_t width = 0;
      for (const auto& other : cells) width = std::max(width, other[c].size());
      table +=
          c == 0 ? fmt::format("{:<{}}", line[c], width) : fmt::format("  {:>{}}", line[c], width);
    }
    table += '\n';
  }
  return table;
}

}  // namespace unweight::bench
