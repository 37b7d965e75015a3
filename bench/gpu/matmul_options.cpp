// SPDX-License-Identifier: BSD-3-Clause
#include "matmul_options.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "matmul_config_text.h"

namespace unweight::bench {
namespace {

using gpu::WeightForm;

const std::vector<WeightShape> kShapes{{14336, 4096}, {28672, 4096}, {4096, 14336}, {4096, 4096},
                                       {6144, 4096},  {28672, 8192}, {57344, 8192}, {8192, 28672},
                                       {8192, 8192},  {10240, 8192}, {128256, 4096}};
const std::vector<WeightShape> kQuickShapes{{14336, 4096}, {4096, 14336}, {4096, 4096}};
const std::vector<std::uint64_t> kTokens{1,   2,   4,   8,    16,   32,   64,
                                         128, 256, 512, 1024, 2048, 4096, 8192};
const std::vector<std::uint64_t> kQuickTokens{1, 8, 32, 128, 1024};

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t end = 0; end != std::string_view::npos;) {
    end = text.find(',');
    parts.push_back(text.substr(0, end));
    if (end != std::string_view::npos) text.remove_prefix(end + 1);
  }
  return parts;
}

bool read(std::string_view text, std::uint64_t* value) {
  const auto [end, error] = std::from_chars(text.begin(), text.end(), *value);
  return error == std::errc{} && end == text.end() && *value != 0;
}

bool read(std::string_view text, WeightShape* shape) {
  const std::size_t x = text.find('x');
  return x != std::string_view::npos && read(text.substr(0, x), &shape->n) &&
         read(text.substr(x + 1), &shape->k);
}

bool read(std::string_view text, std::optional<Weights>* weights) {
  for (const Weights known : kAllWeights)
    if (text == weights_name(known)) *weights = known;
  return weights->has_value();
}

bool read(std::string_view text, WeightForm* form) {
  if (text == "palette")
    *form = WeightForm::kPalette;
  else if (text == "exponents")
    *form = WeightForm::kExponents;
  else if (text == "tiles")
    *form = WeightForm::kTiles;
  else if (text == "radix")
    *form = WeightForm::kRadix;
  else
    return false;
  return true;
}

template <typename T>
bool read(std::string_view text, std::vector<T>* values) {
  values->clear();
  for (const std::string_view part : split(text))
    if (!read(part, &values->emplace_back())) return false;
  return true;
}

bool read_kernel(std::string_view text, MatmulArguments* arguments) {
  using Kernel = gpu::MatmulConfig::Kernel;
  if (text != "mma" && text != "wgmma") return false;
  arguments->kernel = text == "mma" ? Kernel::kMma : Kernel::kWgmma;
  return true;
}

bool read_flag(std::string_view name, MatmulArguments* arguments) {
  if (name == "--quick")
    arguments->quick = true;
  else if (name == "--no-check")
    arguments->check = false;
  else if (name == "--no-baseline")
    arguments->baseline = false;
  else if (name == "--plain-only")
    arguments->dependent = false;
  else if (name == "--dependent-only")
    arguments->plain = false;
  else if (name == "--sweep")
    arguments->sweep = true;
  else if (name == "--verbose")
    arguments->verbose = true;
  else
    return false;
  return true;
}

bool read_option(std::string_view name, std::string_view text, MatmulArguments* arguments) {
  if (name == "--shapes") return read(text, &arguments->shapes);
  if (name == "--m") return read(text, &arguments->tokens);
  if (name == "--forms") return read(text, &arguments->forms);
  if (name == "--kernel") return read_kernel(text, arguments);
  if (name == "--weights") return read(text, &arguments->weights);
  if (name == "--config") {
    const auto config = parse_config(std::string(text));
    if (config) arguments->configs.push_back(*config);
    return config.has_value();
  }
  if (name != "--results") return false;
  arguments->results = text;
  return true;
}

}  // namespace

const char* const kMatmulUsage =
    "usage: matmul_gpu_bench [--shapes NxK,...] [--m M,...]\n"
    "         [--weights normal|student_t|row_scaled|outlier_columns|one_percent_zero]\n"
    "         [--forms palette,radix,exponents,tiles]\n"
    "         [--plain-only | --dependent-only] [--no-baseline] [--no-check] [--quick]\n"
    "         [--config \"mma t8 s7 w1 p1 k2 d6\"]... [--results FOLDER]\n"
    "         [--sweep [--kernel mma|wgmma] [--verbose]]\n";

bool MatmulArguments::has(WeightForm form) const {
  return std::find(forms.begin(), forms.end(), form) != forms.end();
}

std::uint64_t MatmulArguments::most_tokens() const {
  return *std::max_element(tokens.begin(), tokens.end());
}

std::optional<MatmulArguments> parse_matmul_arguments(int argc, char** argv) {
  MatmulArguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (read_flag(name, &arguments)) continue;
    if (++i == argc || !read_option(name, argv[i], &arguments)) return std::nullopt;
  }
  if (!arguments.plain && !arguments.dependent) return std::nullopt;
  const bool is_whole_run =
      arguments.shapes.empty() && !arguments.weights && !arguments.quick && !arguments.sweep;
  if (arguments.shapes.empty()) arguments.shapes = arguments.quick ? kQuickShapes : kShapes;
  for (WeightShape& shape : arguments.shapes)
    shape.weights = arguments.weights.value_or(Weights::kNormal);
  if (is_whole_run) {  // one matrix of weights of every other kind
    for (const Weights weights : kAllWeights)
      if (weights != Weights::kNormal) arguments.shapes.push_back({14336, 4096, weights});
  }
  if (arguments.tokens.empty()) arguments.tokens = arguments.quick ? kQuickTokens : kTokens;
  if (arguments.forms.empty()) {
    arguments.forms = {WeightForm::kPalette};
    if (!arguments.sweep)
      arguments.forms.insert(arguments.forms.end(), {WeightForm::kRadix, WeightForm::kTiles});
  }
  return arguments;
}

}  // namespace unweight::bench
