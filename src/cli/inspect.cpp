#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "cli/escape.h"
#include "cli/inspection.h"
#include "cli/model_file.h"
#include "cli/terminal.h"
#include "cli/verb.h"
#include "format/gguf.h"

namespace quandex::cli {
namespace {

using Json = nlohmann::ordered_json;

struct InspectOptions {
  std::string path;
  bool tensors = false, json = false;
};

constexpr size_t kShownElements = 6, kShownCharacters = 96;

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

std::string describe_ropes(const ModelConfig& c) {
  const RopeSpec& rope = c.ropes.front();
  constexpr std::array<std::string_view, 5> kScalings{"", " linear", " dynamic", " yarn", " longrope"};
  std::string text = fmt::format("rope base {:g}{}", rope.base, kScalings[static_cast<size_t>(rope.scaling)]);
  if (rope.scaling == RopeScaling::none && !rope.factors.empty()) text += " scaled by frequency";
  if (rope.dims != c.heads().head_dim) text += fmt::format(" over {} of {} dimensions", rope.dims, c.heads().head_dim);
  const auto n_without = std::count_if(c.layers.begin(), c.layers.end(), [&](const LayerConfig& layer) {
    return c.ropes[static_cast<size_t>(layer.rope)].dims == 0;
  });
  return n_without == 0 ? text : text + fmt::format(", {} layers without", n_without);
}

std::string describe_windows(const ModelConfig& c) {
  std::string text;
  for (const int window : c.kv_group_windows) {
    if (window == 0) continue;
    const auto n = std::count_if(c.layers.begin(), c.layers.end(),
                                 [&](const LayerConfig& layer) { return layer.attention.window == window; });
    text += fmt::format(", window {} in {} of {} layers", window, n, c.layers.size());
  }
  return text;
}

std::string describe_experts(const ModelConfig& c) {
  const auto n = std::count_if(c.layers.begin(), c.layers.end(),
                               [](const LayerConfig& layer) { return layer.routing.n_experts > 0; });
  if (n == 0) return "";
  const auto layer =
      std::find_if(c.layers.begin(), c.layers.end(), [](const LayerConfig& l) { return l.routing.n_experts > 0; });
  return fmt::format(", {} of {} experts of ffn {} in {} layers", layer->routing.n_active, layer->routing.n_experts,
                     c.expert_ffn_dim, n);
}

std::string describe(const ModelConfig& c) {
  const HeadShape& heads = c.heads();
  return fmt::format("{}: {} layers, dim {}, {} heads ({} kv) of {}, ffn {}, vocab {}, context {}, {}{}{}, {} head{}",
                     c.architecture, c.layers.size(), c.dim, heads.n_heads, heads.n_kv_heads, heads.head_dim, c.ffn_dim,
                     c.vocab, c.n_ctx_train, describe_ropes(c), describe_windows(c), describe_experts(c),
                     c.tied_head ? "tied" : "own", c.has_qk_norm ? ", q/k norms" : "");
}

Json config_json(const ModelConfig& c) {
  const HeadShape& heads = c.heads();
  Json out{{"architecture", c.architecture},
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
  for (const LayerConfig& layer : c.layers) {
    out["windows"].push_back(layer.attention.window);
    out["experts"].push_back(layer.routing.n_experts);
  }
  out["active_experts"] = c.n_active_experts();
  return out;
}

void print_tensors(const Inspection& all) {
  fmt::print("\n{}\n", bold(stdout, "tensors"));
  size_t width = 4;
  for (const InspectedTensor& tensor : all.tensors) width = std::max(width, tensor.name.size());
  fmt::print("  {:{}}  {:14} {:>18} {:>14} {:>14}\n", "name", width, "type", "shape", "bytes", "offset");
  for (const InspectedTensor& tensor : all.tensors)
    fmt::print("  {:{}}  {:14} {:>18} {:>14} {:>14}\n", escaped(tensor.name), width, tensor.type,
               fmt::format("{}", fmt::join(tensor.shape, " x ")),
               tensor.size_bytes ? std::to_string(tensor.size_bytes) : "unknown",
               tensor.offset ? std::to_string(*tensor.offset) : "");
}

// Every key with what became of it; a GGUF's values at length.
void print_keys(const Checkpoint& checkpoint, const Inspection& all) {
  fmt::print("\n{}\n", bold(stdout, checkpoint.gguf() ? "metadata" : "configuration"));
  if (!checkpoint.gguf())
    for (const ConfigKey& key : all.keys)
      fmt::print("  {:15}  {} = {}\n", key_use_name(key.use), escaped(key.name), escaped(key.value));
  if (!checkpoint.gguf()) return;
  size_t i = 0;  // the keys are in the order of the metadata
  for (const auto& [key, value] : checkpoint.metadata().entries()) {
    const std::string_view use = i < all.keys.size() ? key_use_name(all.keys[i].use) : "";
    fmt::print("  {:15}  {} ({}) = {}\n", use, escaped(key), meta_type_name(value.type), shown_value(value));
    ++i;
  }
}

std::string header_line(const Checkpoint& checkpoint, const InspectOptions& options, const Inspection& all) {
  const std::string size = format_bytes(static_cast<double>(checkpoint.size_bytes()));
  if (const GgufFile* file = checkpoint.gguf())
    return fmt::format("{}: GGUF version {}, {}{}, {} metadata keys, {} tensors, alignment {}", options.path,
                       file->header().version, size,
                       file->files().size() > 1 ? fmt::format(" in {} files", file->files().size()) : "",
                       file->header().metadata.entries().size(), all.tensors.size(), file->header().alignment);
  return fmt::format("{}: {}, {}, {} tensors", options.path, file_family_name(checkpoint.family()), size,
                     all.tensors.size());
}

void print_names(std::string_view label, const std::vector<std::string>& names) {
  if (!names.empty())
    fmt::print("  {:10}  {} tensors: {}\n", label, names.size(), escaped(fmt::format("{}", fmt::join(names, ", "))));
}

void print_text(const Checkpoint& checkpoint, const InspectOptions& options) {
  const Inspection all = inspect_checkpoint(checkpoint);
  fmt::print("{}\n", header_line(checkpoint, options, all));
  print_keys(checkpoint, all);
  if (options.tensors) print_tensors(all);
  fmt::print("\n{}\n", bold(stdout, "model"));
  std::string types;
  for (const auto& [name, count] : all.types) types += fmt::format("{}{} {}", types.empty() ? "" : ", ", count, name);
  fmt::print("  tensors     {}\n", types.empty() ? "none" : types);
  const auto count = static_cast<double>(all.parameters.total), active = static_cast<double>(all.parameters.active);
  if (all.n_values > 0)
    fmt::print("  parameters  {}{}{}\n", format_count(all.config ? count : all.n_values),
               active < count ? fmt::format(", {} of them active for a token", format_count(active)) : "",
               all.all_sizes_known ? fmt::format(", {:.2f} bits per weight", all.bits_per_weight())
                                   : "; bits per weight unknown (types without a known size)");
  fmt::print("  {} {}\n", all.config ? "runs as    " : "cannot run ",
             all.config ? describe(*all.config) : escaped(all.reason));
  print_names("not used", all.unused.unexplained);
  print_names("not needed", all.unused.harmless);
}

void print_json(const Checkpoint& checkpoint, const InspectOptions& options) {
  const Inspection all = inspect_checkpoint(checkpoint);
  Json out{{"file", options.path},
           {"family", file_family_name(checkpoint.family())},
           {"size_bytes", checkpoint.size_bytes()}};
  if (const GgufFile* file = checkpoint.gguf()) {
    out["version"] = file->header().version;
    out["alignment"] = file->header().alignment;
    out["data_offset"] = file->header().data_offset;
  }
  out["n_tensors"] = all.tensors.size();
  out["parameters"] = all.config ? all.parameters.total : static_cast<int64_t>(all.n_values);
  out["active_parameters"] = all.config ? Json(all.parameters.active) : Json();
  out["bits_per_weight"] = all.all_sizes_known && all.n_values > 0 ? Json(all.bits_per_weight()) : Json();
  out["metadata"] = Json::object();
  for (const auto& [key, value] : checkpoint.metadata().entries())
    out["metadata"][to_valid_utf8(key)] = value_json(value);
  out["configuration"] = Json::array();
  for (const ConfigKey& key : all.keys)
    out["configuration"].push_back(
        {{"key", to_valid_utf8(key.name)}, {"value", to_valid_utf8(key.value)}, {"use", key_use_name(key.use)}});
  if (options.tensors) {
    out["tensors"] = Json::array();
    for (const InspectedTensor& tensor : all.tensors)
      out["tensors"].push_back({{"name", to_valid_utf8(tensor.name)},
                                {"type", tensor.type},
                                {"shape", tensor.shape},
                                {"size_bytes", tensor.size_bytes ? Json(tensor.size_bytes) : Json()},
                                {"offset", tensor.offset ? Json(*tensor.offset) : Json()}});
  }
  out["supported"] = all.config.has_value();
  if (all.config)
    out["model"] = config_json(*all.config);
  else
    out["reason"] = all.reason;
  out["unused_tensors"] = all.unused.unexplained;
  out["unneeded_tensors"] = all.unused.harmless;
  fmt::print("{}\n", out.dump(2, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

constexpr const char* kFooter =
    "Reads headers only. Shapes are outermost first: rows x columns. Long arrays show their first values. Every key "
    "of\n"
    "the configuration is listed with what became of it: used, settled at load, no effect, or unknown.\n\n"
    "Examples:\n"
    "  quandex inspect model.gguf\n"
    "  quandex inspect Qwen3-0.6B/ --tensors | less\n"
    "  quandex inspect model.gguf --json | jq .bits_per_weight\n";

Verb add_inspect(CLI::App& program) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App& app = add_verb(program, "inspect", "Show what is in a model file", kFooter);
  add_positional(app, "FILE", options->path, true, kModelHelp);
  add_flag(app, "--tensors", options->tensors, "List every tensor: type, shape, bytes, offset");
  add_flag(app, "--json", options->json, "Write JSON");
  return {&app, [options] {
            const Checkpoint checkpoint(options->path);
            if (options->json)
              print_json(checkpoint, *options);
            else
              print_text(checkpoint, *options);
            return 0;
          }};
}

}  // namespace quandex::cli
