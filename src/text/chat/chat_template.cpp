#include "text/chat/chat_template.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/file_map.h"
#include "base/shown.h"
#include "base/utf8.h"
#include "text/chat/chat_input.h"
#include "text/chat/literal_template.h"
#include "text/chat/named_templates.h"
#include "text/chat/template_context.h"
#include "text/chat/template_probe.h"
#include "text/jinja/template.h"

namespace quandex {
namespace {

constexpr std::string_view kKey = "tokenizer.chat_template", kNamesKey = "tokenizer.chat_templates";
constexpr std::string_view kDefault = "default", kToolUse = "tool_use";
constexpr size_t kMaxTemplateBytes = size_t{1} << 20;

// The model's own templates by name; the one without a name is "default". An empty text is no template.
std::map<std::string, std::string, std::less<>> own_templates(const Metadata& metadata) {
  std::map<std::string, std::string, std::less<>> templates;
  if (metadata.has(kKey)) templates.emplace(kDefault, metadata.string(kKey));
  if (const auto* names = metadata.strings(kNamesKey))
    for (const std::string& name : *names) templates[name] = metadata.string(fmt::format("{}.{}", kKey, name));
  std::erase_if(templates, [](const auto& item) { return item.second.empty(); });
  return templates;
}

std::string read_template_file(const std::filesystem::path& path) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  if (bytes.size() > kMaxTemplateBytes)
    throw Error(ErrorCode::invalid_file, "{}: found a chat template of {} bytes, expected at most {}", path.string(),
                bytes.size(), kMaxTemplateBytes);
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!is_valid_utf8(text))
    throw Error(ErrorCode::invalid_file, "{}: found bytes that are no UTF-8, expected a chat template", path.string());
  return text;
}

struct Source {
  std::string name;  // of the variant
  std::string text;
  std::string shown_name;  // for messages
};

}  // namespace

class ChatTemplate::Impl {
 public:
  Impl(std::string name, std::vector<Source> sources, Json special_tokens)
      : name_(std::move(name)), special_tokens_(std::move(special_tokens)) {
    for (Source& source : sources) {
      variants_.emplace(source.name, jinja::Template(source.text, source.shown_name));
      sources_.push_back(std::move(source.text));
    }
    probe();
  }
  Impl(std::string name, LiteralTemplate literal) : name_(std::move(name)), literal_(std::move(literal)) {
    sources_ = literal_->sources();
    probe();
  }

  std::string render(const ChatInput& input, const TemplateAbilities& abilities,
                     const jinja::RenderOptions& options) const {
    const Json context = template_context(input, special_tokens_, abilities);
    if (!literal_) return variant(!input.tools.is_null()).render(context, options);
    ChatInput fitted = input;
    fitted.messages = context["messages"];
    for (const auto& [key, value] : input.extra.items()) {
      if (key != "enable_thinking" || !value.is_boolean())
        throw Error(ErrorCode::invalid_argument, "{}: have no place for '{}'", name_, shown(key));
      fitted.enable_thinking = value.get<bool>();
    }
    return literal_->render(fitted);
  }

  const std::string& name() const { return name_; }
  const std::vector<std::string>& sources() const { return sources_; }
  const TemplateAbilities& abilities() const { return abilities_; }
  const ChatFormat& format() const { return format_; }

 private:
  // One clock for all probes, and a small budget: a hostile template must not make loading slow.
  void probe() {
    jinja::RenderOptions options;
    options.max_steps = 500'000;
    options.max_output_bytes = size_t{1} << 20;
    options.max_memory_bytes = size_t{16} << 20;
    TemplateProbe probe = probe_template(
        [&](const ChatInput& input, const TemplateAbilities& abilities) { return render(input, abilities, options); });
    format_ = {find_reasoning_tags(sources_), probe.tools, std::move(probe.unsupported_tools)};
    abilities_ = std::move(probe.abilities);
  }

  const jinja::Template& variant(bool has_tools) const {
    auto found = variants_.find(kToolUse);
    if (!has_tools || found == variants_.end()) found = variants_.find(kDefault);
    if (found != variants_.end()) return found->second;
    std::vector<std::string> names;
    for (const auto& [name, unused] : variants_) names.push_back(name);
    throw Error(ErrorCode::invalid_argument, "{}: has no default chat template{}; name one of {}", name_,
                has_tools ? " and none for tools" : "", fmt::join(names, ", "));
  }

  std::string name_;
  std::map<std::string, jinja::Template, std::less<>> variants_;
  std::optional<LiteralTemplate> literal_;  // instead of variants
  std::vector<std::string> sources_;
  Json special_tokens_ = Json::object();
  TemplateAbilities abilities_;
  ChatFormat format_;
};

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

std::optional<ChatTemplate> ChatTemplate::find(const Metadata& metadata, const Tokenizer& tokenizer) {
  const std::string source(metadata.source());
  std::vector<Source> sources;
  for (auto& [name, text] : own_templates(metadata)) {
    const std::string key = name == kDefault ? std::string(kKey) : fmt::format("{}.{}", kKey, name);
    sources.push_back({name, text, fmt::format("{}: {}", source, key)});
  }
  if (!sources.empty()) {
    std::ranges::stable_partition(sources, [](const Source& item) { return item.name == kDefault; });
    return ChatTemplate(std::make_unique<Impl>(fmt::format("{} of {}", kKey, source), std::move(sources),
                                               special_tokens(metadata, tokenizer)));
  }
  if (auto literal = LiteralTemplate::find(metadata))
    return ChatTemplate(std::make_unique<Impl>(fmt::format("the prompt texts of {}", source), std::move(*literal)));
  return std::nullopt;
}

ChatTemplate ChatTemplate::named(std::string_view name_or_file, const Metadata& metadata, const Tokenizer& tokenizer) {
  const std::string name(name_or_file);
  Json tokens = special_tokens(metadata, tokenizer);
  auto own = own_templates(metadata);
  if (const auto found = own.find(name); found != own.end())
    return from_source(std::move(found->second), fmt::format("{}: chat template {}", metadata.source(), name), tokens);
  if (const NamedTemplate* known = find_named_template(name))
    return from_source(std::string(known->source), name, tokens);
  std::error_code ignored;
  if (std::filesystem::is_regular_file(name, ignored)) return from_source(read_template_file(name), name, tokens);
  throw Error(ErrorCode::not_found, "{}: found no such chat template, expected a file or one of {}", shown(name),
              named_template_list());
}

ChatTemplate ChatTemplate::from_source(std::string source, std::string name, const Json& special_tokens) {
  std::vector<Source> sources;
  sources.push_back({std::string(kDefault), std::move(source), name});
  return ChatTemplate(std::make_unique<Impl>(std::move(name), std::move(sources), special_tokens));
}

std::string ChatTemplate::render(const ChatInput& input) const { return impl_->render(input, impl_->abilities(), {}); }
const std::string& ChatTemplate::name() const { return impl_->name(); }
const std::vector<std::string>& ChatTemplate::sources() const { return impl_->sources(); }
const TemplateAbilities& ChatTemplate::abilities() const { return impl_->abilities(); }
const ChatFormat& ChatTemplate::format() const { return impl_->format(); }

std::vector<int32_t> encode_chat(const Tokenizer& tokenizer, std::string_view prompt) {
  std::vector<int32_t> ids = tokenizer.encode(prompt, true);
  const SpecialTokens& special = tokenizer.special();
  if (special.add_bos && special.bos >= 0 && (ids.empty() || ids.front() != special.bos))
    ids.insert(ids.begin(), special.bos);
  return ids;
}

}  // namespace quandex
