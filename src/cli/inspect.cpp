#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "cli/escape.h"
#include "cli/terminal.h"
#include "cli/verb.h"
#include "format/gguf.h"
#include "model/load.h"

namespace quandex::cli {
namespace {

using Json = nlohmann::ordered_json;

struct InspectOptions {
  std::string path;
  bool tensors = false, json = false;
};

constexpr size_t kShownElements = 6, kShownCharacters = 96;

double n_values(const GgufTensor& tensor) {
  return std::accumulate(tensor.shape.begin(), tensor.shape.end(), 1.0,
                         [](double n, int64_t extent) { return n * static_cast<double>(extent); });
}

std::string type_name_of(const GgufTensor& tensor) {
  const auto name = gguf_type_name(tensor.gguf_type);
  return name ? std::string(*name) : fmt::format("type {}", tensor.gguf_type);
}

std::string shown_string(const std::string& text) {
  const std::string shown = escaped(text, kShownCharacters);
  return shown.ends_with("…") ? fmt::format("\"{}\" ({} bytes)", shown, text.size()) : '"' + shown + '"';
}

Json element_json(const MetaArray& array, size_t i) {
  if (array.element == MetaType::string) return to_valid_utf8(array.strings[i]);
  if (array.element == MetaType::boolean) return array.integer(i) != 0;
  if (array.element == MetaType::f32 || array.element == MetaType::f64) return array.real(i);
  return array.integer(i);
}

std::string shown_value(const MetaValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.value)) return shown_string(*text);
  if (const auto* flag = std::get_if<bool>(&value.value)) return *flag ? "true" : "false";
  if (const auto* real = std::get_if<double>(&value.value)) return fmt::format("{:.7g}", *real);
  if (const auto* number = std::get_if<uint64_t>(&value.value)) return std::to_string(*number);
  if (const auto* number = std::get_if<int64_t>(&value.value)) return std::to_string(*number);
  const auto& array = std::get<MetaArray>(value.value);
  std::string shown;
  for (size_t i = 0; i < std::min<size_t>(array.count, kShownElements); ++i) {
    const Json element = element_json(array, i);
    shown += (i ? ", " : "") + (element.is_string() ? shown_string(array.strings[i]) : element.dump());
  }
  return fmt::format("[{}{}] ({} of {})", shown, array.count > kShownElements ? ", …" : "", array.count,
                     meta_type_name(array.element));
}

Json value_json(const MetaValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.value)) return to_valid_utf8(*text);
  if (const auto* flag = std::get_if<bool>(&value.value)) return *flag;
  if (const auto* real = std::get_if<double>(&value.value)) return *real;
  if (const auto* number = std::get_if<uint64_t>(&value.value)) return *number;
  if (const auto* number = std::get_if<int64_t>(&value.value)) return *number;
  const auto& array = std::get<MetaArray>(value.value);
  Json first = Json::array();
  for (size_t i = 0; i < std::min<size_t>(array.count, kShownElements); ++i) first.push_back(element_json(array, i));
  return {{"element_type", meta_type_name(array.element)}, {"count", array.count}, {"first", std::move(first)}};
}

struct Totals {
  double n_parameters = 0;
  uint64_t tensor_bytes = 0;
  bool all_sizes_known = true;
  std::vector<std::pair<std::string, int>> types;  // by first appearance: name, tensors

  double bits_per_weight() const { return static_cast<double>(tensor_bytes) * 8 / n_parameters; }
};

Totals add_up(const GgufHeader& header) {
  Totals totals;
  for (const GgufTensor& tensor : header.tensors) {
    totals.n_parameters += n_values(tensor);
    totals.tensor_bytes += tensor.size_bytes;
    totals.all_sizes_known = totals.all_sizes_known && tensor.size_bytes > 0;
    const std::string type = type_name_of(tensor);
    const auto found = std::find_if(totals.types.begin(), totals.types.end(), [&](auto& t) { return t.first == type; });
    if (found == totals.types.end())
      totals.types.emplace_back(type, 1);
    else
      ++found->second;
  }
  return totals;
}

// What the loader makes of the file, or why it cannot run it.
struct Verdict {
  std::optional<ModelConfig> config;
  std::vector<std::string> unused;
  std::string reason;
};

Verdict judge(const GgufFile& file) {
  Verdict verdict;
  try {
    verdict.config = read_config(file.metadata(), file);
    verdict.unused = unused_tensors(*verdict.config, file);
  } catch (const Error& error) {
    verdict.config.reset();
    verdict.reason = error.what();
  }
  return verdict;
}

std::string describe(const ModelConfig& c) {
  const HeadShape& heads = c.heads();
  return fmt::format(
      "{}: {} layers, dim {}, {} heads ({} kv) of {}, ffn {}, vocab {}, context {}, rope base {:g}{}, {} head{}",
      c.architecture, c.layers.size(), c.dim, heads.n_heads, heads.n_kv_heads, heads.head_dim, c.ffn_dim, c.vocab,
      c.n_ctx_train, c.ropes.empty() ? 0 : c.ropes.front().base,
      !c.ropes.empty() && !c.ropes.front().factors.empty() ? " scaled" : "", c.tied_head ? "tied" : "own",
      c.has_qk_norm ? ", q/k norms" : "");
}

Json config_json(const ModelConfig& c) {
  const HeadShape& heads = c.heads();
  return {{"architecture", c.architecture},
          {"layers", c.layers.size()},
          {"dim", c.dim},
          {"heads", heads.n_heads},
          {"kv_heads", heads.n_kv_heads},
          {"head_dim", heads.head_dim},
          {"ffn_dim", c.ffn_dim},
          {"vocab", c.vocab},
          {"context", c.n_ctx_train},
          {"tied_head", c.tied_head},
          {"qk_norm", c.has_qk_norm},
          {"norm_eps", c.norm_eps},
          {"rope_base", c.ropes.empty() ? 0 : c.ropes.front().base}};
}

void print_tensors(const GgufHeader& header) {
  fmt::print("\n{}\n", bold(stdout, "tensors"));
  size_t width = 4;
  for (const GgufTensor& tensor : header.tensors) width = std::max(width, tensor.name.size());
  fmt::print("  {:{}}  {:8} {:>18} {:>14} {:>14}\n", "name", width, "type", "shape", "bytes", "offset");
  for (const GgufTensor& tensor : header.tensors)
    fmt::print("  {:{}}  {:8} {:>18} {:>14} {:>14}\n", escaped(tensor.name), width, type_name_of(tensor),
               fmt::format("{}", fmt::join(tensor.shape, " x ")),
               tensor.size_bytes ? std::to_string(tensor.size_bytes) : "unknown", tensor.offset);
}

void print_text(const GgufFile& file, const InspectOptions& options) {
  const GgufHeader& header = file.header();
  const Totals totals = add_up(header);
  fmt::print("{}: GGUF version {}, {}, {} metadata keys, {} tensors, alignment {}\n", options.path, header.version,
             format_bytes(static_cast<double>(file.size_bytes())), header.metadata.entries().size(),
             header.tensors.size(), header.alignment);
  fmt::print("\n{}\n", bold(stdout, "metadata"));
  for (const auto& [key, value] : header.metadata.entries())
    fmt::print("  {} ({}) = {}\n", escaped(key), meta_type_name(value.type), shown_value(value));
  if (options.tensors) print_tensors(header);
  fmt::print("\n{}\n", bold(stdout, "model"));
  std::string types;
  for (const auto& [name, count] : totals.types)
    types += fmt::format("{}{} {}", types.empty() ? "" : ", ", count, name);
  fmt::print("  tensors     {}\n", types.empty() ? "none" : types);
  if (totals.n_parameters > 0)
    fmt::print("  parameters  {}{}\n", format_count(totals.n_parameters),
               totals.all_sizes_known ? fmt::format(", {:.2f} bits per weight", totals.bits_per_weight())
                                      : "; bits per weight unknown (types without a known size)");
  const Verdict verdict = judge(file);
  fmt::print("  {} {}\n", verdict.config ? "runs as    " : "cannot run ",
             verdict.config ? describe(*verdict.config) : escaped(verdict.reason));
  if (!verdict.unused.empty())
    fmt::print("  not used    {} tensors: {}\n", verdict.unused.size(),
               escaped(fmt::format("{}", fmt::join(verdict.unused, ", "))));
}

void print_json(const GgufFile& file, const InspectOptions& options) {
  const GgufHeader& header = file.header();
  const Totals totals = add_up(header);
  Json out{{"file", options.path},
           {"size_bytes", file.size_bytes()},
           {"version", header.version},
           {"alignment", header.alignment},
           {"data_offset", header.data_offset},
           {"n_tensors", header.tensors.size()},
           {"parameters", static_cast<int64_t>(totals.n_parameters)}};
  out["bits_per_weight"] = totals.all_sizes_known && totals.n_parameters > 0 ? Json(totals.bits_per_weight()) : Json();
  out["metadata"] = Json::object();
  for (const auto& [key, value] : header.metadata.entries()) out["metadata"][to_valid_utf8(key)] = value_json(value);
  if (options.tensors) {
    out["tensors"] = Json::array();
    for (const GgufTensor& tensor : header.tensors)
      out["tensors"].push_back({{"name", to_valid_utf8(tensor.name)},
                                {"type", type_name_of(tensor)},
                                {"shape", tensor.shape},
                                {"size_bytes", tensor.size_bytes ? Json(tensor.size_bytes) : Json()},
                                {"offset", tensor.offset}});
  }
  const Verdict verdict = judge(file);
  out["supported"] = verdict.config.has_value();
  if (verdict.config)
    out["model"] = config_json(*verdict.config);
  else
    out["reason"] = verdict.reason;
  out["unused_tensors"] = verdict.unused;
  fmt::print("{}\n", out.dump(2, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

constexpr const char* kFooter =
    "Reads the header only. Shapes are outermost first: rows x columns. Long arrays show their first values.\n\n"
    "Examples:\n"
    "  quandex inspect model.gguf\n"
    "  quandex inspect model.gguf --tensors | less\n"
    "  quandex inspect model.gguf --json | jq .bits_per_weight\n";

Verb add_inspect(CLI::App& program) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App& app = add_verb(program, "inspect", "Show what is in a GGUF file", kFooter);
  add_positional(app, "FILE", options->path, true, "A GGUF file");
  add_flag(app, "--tensors", options->tensors, "List every tensor: type, shape, bytes, offset");
  add_flag(app, "--json", options->json, "Write JSON");
  return {&app, [options] {
            const GgufFile file(options->path);
            if (options->json)
              print_json(file, *options);
            else
              print_text(file, *options);
            return 0;
          }};
}

}  // namespace quandex::cli
