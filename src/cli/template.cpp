#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file_map.h"
#include "base/json.h"
#include "base/shown.h"
#include "base/utf8.h"
#include "cli/model_file.h"
#include "cli/terminal.h"
#include "cli/token_view.h"
#include "cli/usage.h"
#include "cli/verb.h"
#include "text/chat/chat_input.h"
#include "text/chat/chat_template.h"
#include "text/chat/template_context.h"
#include "text/jinja/template.h"
#include "text/tokenizer.h"

namespace quandex::cli {
namespace {

constexpr std::string_view kKey = "tokenizer.chat_template", kNamesKey = "tokenizer.chat_templates";
constexpr const char* kDefault = "default";

struct TemplateOptions {
  std::string path, context;
  std::optional<std::string> variant;
  bool tokens = false;
};

bool is_template_file(const std::string& path) {
  return path.ends_with(".jinja") || path.ends_with(".jinja2") || path.ends_with(".j2");
}

Json read_context(const std::string& path) {
  const bool is_input = path == "-";
  Json context = is_input ? parse_json(read_standard_input(), "standard input") : read_json_file(path);
  if (!context.is_object())
    throw Error(ErrorCode::invalid_file,
                "{}: found {}, expected the object that templates see, as in {{\"messages\": []}}",
                is_input ? "standard input" : path, context.type_name());
  return context;
}

std::string read_text_file(const std::string& path) {
  const MappedFile file(path);
  std::string text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  if (!is_valid_utf8(text))
    throw Error(ErrorCode::invalid_file, "{}: found bytes that are no UTF-8, expected a template", path);
  return text;
}

std::vector<std::string> variant_names(const Metadata& metadata) {
  std::vector<std::string> names;
  if (metadata.has(kKey)) names.emplace_back(kDefault);
  if (const auto* others = metadata.strings(kNamesKey)) names.insert(names.end(), others->begin(), others->end());
  return names;
}

// The variant named, else the one that transformers would take.
std::string chosen_variant(const Metadata& metadata, const TemplateOptions& options, const Json& context) {
  const std::vector<std::string> names = variant_names(metadata);
  const auto has = [&](std::string_view name) { return std::ranges::find(names, name) != names.end(); };
  const bool has_tools = context.contains("tools") && !context["tools"].is_null();
  const std::string name = options.variant ? *options.variant : has_tools && has("tool_use") ? "tool_use" : kDefault;
  if (!has(name))
    throw Error(
        ErrorCode::not_found, "{}: found no chat template {}, expected {}", metadata.source(), shown(name),
        names.empty() ? "none: the model has no chat template" : fmt::format("one of {}", fmt::join(names, ", ")));
  return name;
}

// The four texts of a qwen3.c checkpoint take messages and no other names.
std::string render_literal(const ChatTemplate& literal, Json context) {
  ChatInput input;
  for (auto& [name, value] : context.items()) {
    if (name == "messages") {
      input.messages = value;
    } else if (name == "enable_thinking" && value.is_boolean()) {
      input.enable_thinking = value.get<bool>();
    } else if (name == "add_generation_prompt" && value.is_boolean()) {
      input.add_generation_prompt = value.get<bool>();
    } else if (name == "tools" && value.is_null()) {
      continue;  // none are offered
    } else {
      throw Error(ErrorCode::invalid_argument, "{}: has no place for {}", literal.name(), shown(name));
    }
  }
  return literal.render(input);
}

std::string render(const Metadata& metadata, const Tokenizer& tokenizer, const TemplateOptions& options) {
  Json context = read_context(options.context);
  if (variant_names(metadata).empty() && !options.variant)
    if (const auto literal = ChatTemplate::find(metadata, tokenizer))
      return render_literal(*literal, std::move(context));
  const std::string variant = chosen_variant(metadata, options, context);
  const std::string key = variant == kDefault ? std::string(kKey) : fmt::format("{}.{}", kKey, variant);
  const Json tokens = special_tokens(metadata, tokenizer);
  for (const auto& [name, text] : tokens.items())
    if (!context.contains(name)) context[name] = text;
  return jinja::Template(metadata.string(key), fmt::format("{}: {}", metadata.source(), key)).render(context);
}

int run_template(const TemplateOptions& options) {
  if (is_template_file(options.path)) {
    if (options.tokens) throw UsageError("--tokens needs a MODEL, found a template alone");
    if (options.variant) throw UsageError("--variant needs a MODEL, found a template alone");
    const jinja::Template parsed(read_text_file(options.path), options.path);
    write_text(stdout, parsed.render(read_context(options.context)));
    return 0;
  }
  const Metadata metadata = open_tokenizer(options.path);
  const std::unique_ptr<Tokenizer> tokenizer = make_tokenizer(metadata);
  const std::string text = render(metadata, *tokenizer, options);
  if (!options.tokens) {
    write_text(stdout, text);
    return 0;
  }
  const std::vector<int32_t> tokens = encode_chat(*tokenizer, text);
  if (wants_color(stdout)) {
    print_token_colours(stdout, *tokenizer, tokens);
    fmt::print(stderr, "{}\n", dim(stderr, fmt::format("{} tokens", tokens.size())));
  } else {
    print_token_lines(stdout, *tokenizer, tokens);
  }
  return 0;
}

}  // namespace

constexpr const char* kFooter =
    "CONTEXT is the object that templates see: messages, tools, add_generation_prompt, enable_thinking, bos_token and\n"
    "any other name. Nothing is added to it, but with a MODEL the special tokens that it does not name. The rendered\n"
    "bytes go to standard output, and nothing else does. A template file ends in .jinja, .jinja2 or .j2.\n\n"
    "Examples:\n"
    "  echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], \"add_generation_prompt\": true}' |\n"
    "    quandex template model.gguf -\n"
    "  quandex template model.gguf context.json --tokens\n"
    "  quandex template my.jinja context.json > prompt.txt\n";

Verb add_template(CLI::App& program) {
  auto options = std::make_shared<TemplateOptions>();
  CLI::App& app = add_verb(program, "template", "Render a chat template", kFooter);
  add_positional(app, "MODEL|FILE.jinja", options->path, true, "A model with a chat template, or a template alone");
  add_positional(app, "CONTEXT.json", options->context, true, "The object that the template sees; - is standard input");
  add_flag(app, "--tokens", options->tokens, "The tokens instead: in colours on a terminal, else a line each");
  add_text(app, "--variant", options->variant, "NAME", "Of a model's several templates the one with this name");
  return {&app, [options] { return run_template(*options); }};
}

}  // namespace quandex::cli
