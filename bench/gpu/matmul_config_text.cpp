// SPDX-License-Identifier: BSD-3-Clause
#include "matmul_config_text.h"

#include <fmt/format.h>

#include <sstream>

namespace unweight::bench {
namespace {

using gpu::MatmulConfig;
using Kernel = MatmulConfig::Kernel;

std::uint32_t* field_of(char letter, MatmulConfig* config) {
  switch (letter) {
    case 't':
      return &config->tokens_per_tile;
    case 's':
      return &config->strips_per_tile;
    case 'w':
      return &config->k_warps;
    case 'p':
      return &config->k_parts;
    case 'c':
      return &config->multicast;
    case 'k':
      return &config->tiles_per_stage;
    case 'd':
      return &config->num_stages;
    case 'm':
      return &config->max_sms;
    case 'x':
      return &config->stream_ctas;
    default:
      return nullptr;
  }
}

}  // namespace

std::string config_text(const MatmulConfig& c) {
  std::string text = fmt::format("{} t{} s{} w{} p{}", c.kernel == Kernel::kMma ? "mma" : "wgmma",
                                 c.tokens_per_tile, c.strips_per_tile, c.k_warps, c.k_parts);
  if (c.multicast != 1) text += fmt::format(" c{}", c.multicast);
  text += fmt::format(" k{} d{}", c.tiles_per_stage, c.num_stages);
  if (c.max_sms != 0) text += fmt::format(" m{}", c.max_sms);
  if (c.stream_ctas != 0) text += fmt::format(" x{}", c.stream_ctas);
  return text;
}

std::optional<MatmulConfig> parse_config(const std::string& text) {
  std::istringstream in(text);
  std::string kernel;
  in >> kernel;
  if (kernel != "mma" && kernel != "wgmma") return std::nullopt;
  MatmulConfig config;
  config.kernel = kernel == "mma" ? Kernel::kMma : Kernel::kWgmma;
  for (char letter = 0; in >> letter;) {
    std::uint32_t* field = field_of(letter, &config);
    if (field == nullptr || !(in >> *field)) return std::nullopt;
  }
  return config;
}

std::string config_initializer(const MatmulConfig& c) {
  std::string text = fmt::format(
      "tuned({}, {}, {}, {}, {}, {}, {}", c.kernel == Kernel::kMma ? "kMma" : "kWgmma",
      c.tokens_per_tile, c.strips_per_tile, c.k_warps, c.k_parts, c.tiles_per_stage, c.num_stages);
  if (c.multicast != 1) text += fmt::format(", {}", c.multicast);
  text += ")";
  return c.stream_ctas == 0 ? text : fmt::format("streamed({}, {})", c.stream_ctas, text);
}

}  // namespace unweight::bench
