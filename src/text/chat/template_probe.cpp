#include "text/chat/template_probe.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace quandex {
namespace {

constexpr std::string_view kText = "probe_text";
constexpr char kProbeName[] = "quandex_probe", kProbeKey[] = "probe_key", kProbeValue[] = "probe_value";
constexpr char kId[] = "probe0001";  // nine letters and digits, as Mistral's templates want

Json message(const char* role, Json content) { return {{"role", role}, {"content", std::move(content)}}; }

Json call_message(Json content) {
  Json made = message("assistant", std::move(content));
  const Json function = {{"name", kProbeName}, {"arguments", {{kProbeKey, kProbeValue}}}};
  made["tool_calls"] = Json::array({{{"id", kId}, {"type", "function"}, {"function", function}}});
  return made;
}

Json offered_tools() {
  const Json text = {{"type", "string"}, {"description", "a text"}};
  const Json parameters = {{"type", "object"}, {"properties", {{"tool_key", text}}}, {"required", {"tool_key"}}};
  const Json function = {{"name", "offered_tool"}, {"description", "a tool"}, {"parameters", parameters}};
  return Json::array({{{"type", "function"}, {"function", function}}});
}

bool has(const std::optional<std::string>& text, std::string_view part) {
  return text && text->find(part) != std::string::npos;
}

// What `longer` has behind the beginning and before the end that both share.
std::string between(std::string_view longer, std::string_view beginning, std::string_view end) {
  const auto differ = std::ranges::mismatch(longer, beginning);
  longer.remove_prefix(static_cast<size_t>(differ.in1 - longer.begin()));
  if (longer.ends_with(end)) longer.remove_suffix(end.size());
  return std::string(longer);
}

class Prober {
 public:
  explicit Prober(const RenderFunction& render) : render_(render) {}

  TemplateProbe run() {
    const Json user = message("user", kText);
    TemplateAbilities& can = probe_.abilities;
    auto plain = render({user});
    if (!plain) {  // templates that were written for tools alone fail without any
      always_tools_ = true;
      plain = render({user});
    }
    const Json part = {{"type", "text"}, {"text", kText}};
    can.content_parts = true;  // so that the renderer leaves them alone
    can.content_parts = has(plain, kText) && plain == render({message("user", Json::array({part}))});
    can.system = has(render({message("system", "probe_system"), user}), "probe_system");
    can.tools = has(render({user}, {.tools = true}), "offered_tool");
    can.generation_prompt = plain != render({user}, {.prompts = false});
    find_thinking_switch({user});
    find_calls({user});
    find_past_reasoning({user});
    return std::move(probe_);
  }

 private:
  struct Given {
    bool tools = false, prompts = true;
    std::optional<bool> thinking = std::nullopt;
  };

  std::optional<std::string> render(Json::array_t messages, const Given& given, const Json& extra = {}) const {
    ChatInput input;
    input.messages = std::move(messages);
    if (given.tools || always_tools_) input.tools = offered_tools();
    input.add_generation_prompt = given.prompts;
    input.enable_thinking = given.thinking;
    input.extra = extra;
    try {
      return render_(input, probe_.abilities);
    } catch (const Error&) {
      return std::nullopt;  // the template refuses such a conversation
    }
  }
  std::optional<std::string> render(Json::array_t messages) const { return render(std::move(messages), Given()); }

  void find_thinking_switch(const Json::array_t& messages) {
    for (const char* name : {"enable_thinking", "thinking", "reasoning"}) {
      const auto on = render(messages, {}, {{name, true}}), off = render(messages, {}, {{name, false}});
      if (!on || !off || on == off) continue;
      probe_.abilities.thinking_switch = name;
      probe_.abilities.thinks_by_default = render(messages) == on;
      return;
    }
  }

  // Arguments as an object or as text, content "" or null: the first way that gives a call which our parser can read,
  // else the first that gives one at all. Some templates fail where tools are offered, but write calls of the past.
  void find_calls(const Json::array_t& question) {
    if (probe_.abilities.tools) probe_.tools = ToolSyntax::unsupported;
    find_calls(question, true);
    if (!probe_.abilities.tool_calls) find_calls(question, false);
  }

  void find_calls(const Json::array_t& question, bool with_tools) {
    TemplateAbilities first = probe_.abilities;
    Json::array_t messages = question;
    messages.push_back(call_message(""));
    for (const auto& [as_text, without_content] :
         {std::pair{false, false}, {false, true}, {true, false}, {true, true}}) {
      probe_.abilities.arguments_as_text = as_text;
      probe_.abilities.calls_without_content = without_content;
      const auto called = render(messages, {.tools = with_tools, .prompts = false});
      if (!has(called, kProbeName) || !has(called, kProbeKey) || !has(called, kProbeValue)) continue;
      probe_.abilities.tool_calls = true;
      const std::string text = call_text(*called, question, with_tools);
      const ToolSyntax syntax = find_tool_syntax(text, kProbeName, {{kProbeKey, kProbeValue}});
      if (syntax != ToolSyntax::unsupported) {
        probe_.tools = syntax;
        probe_.unsupported_tools.clear();
        return;
      }
      if (!first.tool_calls) {
        first = probe_.abilities;
        probe_.unsupported_tools = text;
        probe_.tools = syntax;
      }
    }
    probe_.abilities = first;
  }

  // Without what stands around the answer in the same conversation.
  std::string call_text(const std::string& called, const Json::array_t& question, bool with_tools) const {
    Json::array_t answered = question;
    answered.push_back(message("assistant", "probe_answer"));
    const auto answer = render(answered, {.tools = with_tools, .prompts = false});
    if (!answer) return called;
    const size_t at = answer->rfind("probe_answer");
    if (at == std::string::npos) return called;
    return between(called, std::string_view(*answer).substr(0, at), std::string_view(*answer).substr(at + 12));
  }

  void find_past_reasoning(const Json::array_t& question) {
    Json answer = message("assistant", "probe_answer"), call = call_message("");
    answer["reasoning_content"] = call["reasoning_content"] = "probe_reasoning";
    Json result = message("tool", "probe_result");
    result["tool_call_id"] = kId;
    for (const bool with_call : {false, true}) {
      Json::array_t messages = question;
      messages.push_back(with_call ? call : answer);
      if (with_call) messages.push_back(result);
      for (const std::optional<bool> thinking : {std::optional<bool>(), std::optional<bool>(true)})
        if (has(render(messages, {.tools = with_call, .prompts = with_call, .thinking = thinking}), "probe_reasoning"))
          probe_.abilities.past_reasoning = true;
    }
  }

  const RenderFunction& render_;
  bool always_tools_ = false;
  TemplateProbe probe_;
};

}  // namespace

TemplateProbe probe_template(const RenderFunction& render) { return Prober(render).run(); }

}  // namespace quandex
