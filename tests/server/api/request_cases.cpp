#include "server/api/request_cases.h"

#include "server/api/api_error.h"

namespace quandex::server::testing {
namespace {

Json parsed(const char* text) { return Json::parse(text); }

Json full_chat() {
  return parsed(R"({
    "model": "tiny", "temperature": 0.7, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "frequency_penalty": 0.5,
    "presence_penalty": -0.5, "repetition_penalty": 1.1, "repeat_penalty": 1.1, "logit_bias": {"7": -100, "0": 1.5},
    "seed": -5, "n": 2, "stop": ["end", "stop"], "stream": true,
    "stream_options": {"include_usage": true, "include_obfuscation": false}, "priority": -3, "ignore_eos": false,
    "user": "someone", "cache_prompt": true, "max_completion_tokens": 64, "max_tokens": 64, "logprobs": true,
    "top_logprobs": 5, "tool_choice": "auto", "parallel_tool_calls": true, "response_format": {"type": "text"},
    "modalities": ["text"], "enable_thinking": false, "reasoning_effort": "none",
    "chat_template_kwargs": {"date": "today"}, "verbosity": "medium", "service_tier": "auto", "store": true,
    "metadata": {"key": "value"}, "safety_identifier": "someone", "prompt_cache_key": "key",
    "prompt_cache_retention": "24h", "prompt_cache_options": {"ttl": "30m"},
    "messages": [
      {"role": "system", "content": "Be brief."},
      {"role": "developer", "content": [{"type": "text", "text": "Be kind."}], "name": "us"},
      {"role": "user", "content": [{"type": "text", "text": "Rain in Oslo?", "prompt_cache_breakpoint": {}}]},
      {"role": "assistant", "content": null, "reasoning_content": "Ask.", "annotations": [], "refusal": null,
       "tool_calls": [{"id": "call00001", "type": "function", "index": 0,
                       "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]},
      {"role": "tool", "tool_call_id": "call00001", "content": "yes", "name": "weather"},
      {"role": "assistant", "content": "It rains."},
      {"role": "user", "content": "Thanks.", "name": "someone"}],
    "tools": [{"type": "function", "function": {"name": "weather", "description": "Of today.", "strict": false,
               "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
  })");
}

Json full_completion() {
  Json body = full_chat();
  Json kept = Json::object();
  for (const auto& [name, value] : body.items())
    if (kCompletionRequestTable.find(name) && kCompletionRequestTable.find(name)->use != Use::refused)
      kept[name] = value;
  kept["prompt"] = Json::array({Json::array({1, 2, 3}), Json::array({4})});
  kept["logprobs"] = 5;
  kept["best_of"] = 2;
  kept["echo"] = true;
  return kept;
}

Json full_template(const std::string& extra) {
  Json body = parsed(R"({"model": "default", "add_generation_prompt": false, "enable_thinking": true,
                         "chat_template_kwargs": {"date": "today"}})");
  body["messages"] = full_chat()["messages"];
  body["tools"] = full_chat()["tools"];
  if (!extra.empty()) body[extra] = true;
  return body;
}

}  // namespace

ModelFacts capable_model() {
  ModelFacts model;
  model.id = "tiny";
  model.aliases = {"small"};
  model.n_vocab = 1000;
  model.n_ctx = 512;
  model.sampling.temperature = 1;
  model.has_template = true;
  model.abilities = {.system = true,
                     .tools = true,
                     .tool_calls = true,
                     .past_reasoning = true,
                     .content_parts = true,
                     .generation_prompt = true,
                     .thinking_switch = "enable_thinking",
                     .thinks_by_default = true};
  return model;
}

std::vector<BodyCase> body_cases() {
  return {
      {"chat", &kChatRequestTable, full_chat(), parse_chat_request},
      {"completion", &kCompletionRequestTable, full_completion(), parse_completion_request},
      {"tokenize", &kTokenizeRequestTable, full_template("with_pieces"), parse_tokenize_request},
      {"tokenize a text", &kTokenizeRequestTable,
       parsed(R"({"content": "a", "add_special": false, "parse_special": false, "with_pieces": true})"),
       parse_tokenize_request},
      {"detokenize", &kDetokenizeRequestTable, parsed(R"({"tokens": [1, 2, 999], "special": true, "model": null})"),
       parse_detokenize_request},
      {"apply-template", &kApplyTemplateRequestTable, full_template(""), parse_apply_template_request},
  };
}

std::optional<Refusal> refusal_of(const std::function<void()>& parse) {
  try {
    parse();
    return std::nullopt;
  } catch (const ApiError& error) {
    return Refusal{error.status, error.param.value_or(""), error.code.value_or(""), error.what()};
  }
}

Json chat_body(const Json& more) {
  Json body = parsed(R"({"messages": [{"role": "user", "content": "Hi"}]})");
  body.update(more);
  return body;
}

Json tool(const Json& function) { return {{"type", "function"}, {"function", function}}; }

}  // namespace quandex::server::testing
