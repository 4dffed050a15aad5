#include "server/api/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/utf8.h"
#include "server/api/json_text.h"

namespace quandex::server {
namespace {

constexpr double kLeastLogprob = -9999;  // what OpenAI writes for "very unlikely"

// The shortest decimal that is this float: 0.7, not 0.699999988079071.
double shortest(float value) {
  const std::string text = fmt::format("{}", value);
  double result = value;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

Json logprob_json(float logprob) {
  const bool is_told = std::isfinite(logprob) && logprob > kLeastLogprob;
  return is_told ? shortest(logprob) : kLeastLogprob;
}

Json bytes_json(std::string_view bytes) {
  Json array = Json::array();
  for (const char c : bytes) array.push_back(static_cast<unsigned char>(c));
  return array;
}

Json token_json(const TokenText& token) {
  return {{"token", to_valid_utf8(token.bytes)},
          {"logprob", logprob_json(token.logprob)},
          {"bytes", bytes_json(token.bytes)}};
}

Json chat_logprobs(std::span<const TokenChoice> tokens) {
  Json content = Json::array();
  for (const TokenChoice& token : tokens) {
    Json item = token_json(token.chosen);
    item["top_logprobs"] = Json::array();
    for (const TokenText& other : token.top) item["top_logprobs"].push_back(token_json(other));
    content.push_back(std::move(item));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

Json tool_call_json(const ToolCall& call) {
  Json function = {{"name", to_valid_utf8(call.name)}, {"arguments", to_valid_utf8(call.arguments)}};
  return {{"id", to_valid_utf8(call.id)}, {"type", "function"}, {"function", std::move(function)}};
}

Json head_json(const AnswerHead& head, std::string_view object) {
  return {{"id", head.id},
          {"object", object},
          {"created", head.created},
          {"model", head.model},
          {"system_fingerprint", head.fingerprint}};
}

Json message_json(const ChatResult& result) {
  Json message = {{"role", "assistant"}, {"content", to_valid_utf8(result.content)}, {"refusal", nullptr}};
  if (!result.reasoning.empty()) message["reasoning_content"] = to_valid_utf8(result.reasoning);
  if (result.tool_calls.empty()) return message;
  if (result.content.empty()) message["content"] = nullptr;
  for (const ToolCall& call : result.tool_calls) message["tool_calls"].push_back(tool_call_json(call));
  return message;
}

// The alternatives and the chosen token, which OpenAI counts beside them; of equal texts the likelier stays.
Json likeliest_by_text(const TokenChoice& token) {
  Json by_text = Json::object();
  const auto add = [&](const TokenText& candidate) {
    const std::string text = to_valid_utf8(candidate.bytes);
    if (!by_text.contains(text)) by_text[text] = logprob_json(candidate.logprob);
  };
  for (const TokenText& other : token.top) add(other);
  add(token.chosen);
  return by_text;
}

// Parallel arrays.
Json completion_logprobs(const CompletionLogprobs& logprobs) {
  Json tokens = Json::array(), chosen = Json::array(), top = Json::array(), offsets = Json::array();
  for (size_t i = 0; i < logprobs.tokens.size(); ++i) {
    const TokenChoice& token = logprobs.tokens[i];
    const bool is_known = i >= logprobs.is_known.size() || logprobs.is_known[i];
    tokens.push_back(to_valid_utf8(token.chosen.bytes));
    chosen.push_back(is_known ? logprob_json(token.chosen.logprob) : Json());
    offsets.push_back(token.offset);
    top.push_back(is_known ? likeliest_by_text(token) : Json());
  }
  return {{"tokens", std::move(tokens)},
          {"token_logprobs", std::move(chosen)},
          {"top_logprobs", std::move(top)},
          {"text_offset", std::move(offsets)}};
}

// The chunk's frame with its one choice.
Json chunk_json(const AnswerHead& head, std::string_view object, Json choice, bool with_usage) {
  Json chunk = head_json(head, object);
  chunk["choices"] = Json::array({std::move(choice)});
  if (with_usage) chunk["usage"] = nullptr;
  return chunk;
}

Json reason_json(const std::optional<EndReason>& end) { return end ? Json(finish_reason_name(*end)) : Json(); }

Json text_choice(int index, std::string_view text, const std::optional<CompletionLogprobs>& logprobs, Json reason) {
  return {{"text", to_valid_utf8(text)},
          {"index", index},
          {"logprobs", logprobs ? completion_logprobs(*logprobs) : Json()},
          {"finish_reason", std::move(reason)}};
}

}  // namespace

std::string_view finish_reason_name(EndReason reason) {
  switch (reason) {
    case EndReason::stop:
      return "stop";
    case EndReason::length:
      return "length";
    case EndReason::tool_calls:
      return "tool_calls";
  }
  return "stop";
}

Json usage_json(const Usage& usage) {
  return {{"prompt_tokens", usage.n_prompt},
          {"completion_tokens", usage.n_completion},
          {"total_tokens", int64_t{usage.n_prompt} + usage.n_completion},
          {"prompt_tokens_details", {{"cached_tokens", usage.n_cached}}},
          {"completion_tokens_details", {{"reasoning_tokens", usage.n_reasoning}}}};
}

Json effective_json(const Effective& effective) {
  const SamplingParams& sampling = effective.sampling;
  Json shown = {{"temperature", shortest(sampling.temperature)},
                {"top_p", shortest(sampling.top_p)},
                {"top_k", sampling.top_k},
                {"min_p", shortest(sampling.min_p)},
                {"frequency_penalty", shortest(sampling.frequency_penalty)},
                {"presence_penalty", shortest(sampling.presence_penalty)},
                {"repetition_penalty", shortest(sampling.repeat_penalty)},
                {"seed", static_cast<int64_t>(sampling.seed)},
                {"max_tokens", effective.max_tokens}};
  Json json = {{"sampling", std::move(shown)}};
  if (!effective.cache.is_null()) json["cache"] = effective.cache;
  if (!effective.timings.is_null()) json["timings"] = effective.timings;
  return json;
}

Json chat_completion(const AnswerHead& head, const std::vector<ChatChoice>& choices, const Usage& usage,
                     const Effective& effective) {
  Json answer = head_json(head, "chat.completion");
  answer["choices"] = Json::array();
  for (const ChatChoice& choice : choices)
    answer["choices"].push_back({{"index", choice.index},
                                 {"message", message_json(choice.result)},
                                 {"logprobs", choice.logprobs ? chat_logprobs(*choice.logprobs) : Json()},
                                 {"finish_reason", finish_reason_name(choice.end)}});
  answer["usage"] = usage_json(usage);
  answer["quandex"] = effective_json(effective);
  return answer;
}

Json text_completion(const AnswerHead& head, const std::vector<CompletionChoice>& choices, const Usage& usage,
                     const Effective& effective) {
  Json answer = head_json(head, "text_completion");
  answer["choices"] = Json::array();
  for (const CompletionChoice& choice : choices)
    answer["choices"].push_back(
        text_choice(choice.index, choice.text, choice.logprobs, finish_reason_name(choice.end)));
  answer["usage"] = usage_json(usage);
  answer["quandex"] = effective_json(effective);
  return answer;
}

Json chat_chunk(const AnswerHead& head, const ChatChunk& chunk, bool with_usage) {
  const bool has_more = !chunk.delta.reasoning.empty() || !chunk.delta.tool_calls.empty();
  Json delta = Json::object();
  if (chunk.is_first) delta["role"] = "assistant";
  if (!chunk.delta.content.empty())
    delta["content"] = to_valid_utf8(chunk.delta.content);
  else if (chunk.is_first)
    delta["content"] = has_more ? Json() : Json("");
  if (chunk.is_first) delta["refusal"] = nullptr;
  if (!chunk.delta.reasoning.empty()) delta["reasoning_content"] = to_valid_utf8(chunk.delta.reasoning);
  for (size_t i = 0; i < chunk.delta.tool_calls.size(); ++i) {
    Json call = {{"index", chunk.first_tool_call + static_cast<int>(i)}};
    call.update(tool_call_json(chunk.delta.tool_calls[i]));
    delta["tool_calls"].push_back(std::move(call));
  }
  Json choice = {{"index", chunk.index},
                 {"delta", std::move(delta)},
                 {"logprobs", chunk.has_logprobs ? chat_logprobs(chunk.logprobs) : Json()},
                 {"finish_reason", reason_json(chunk.end)}};
  return chunk_json(head, "chat.completion.chunk", std::move(choice), with_usage);
}

Json completion_chunk(const AnswerHead& head, const CompletionChunk& chunk, bool with_usage) {
  return chunk_json(head, "text_completion",
                    text_choice(chunk.index, chunk.text, chunk.logprobs, reason_json(chunk.end)), with_usage);
}

Json usage_chunk(const AnswerHead& head, std::string_view object, const Usage& usage, const Effective& effective) {
  Json chunk = head_json(head, object);
  chunk["choices"] = Json::array();
  chunk["usage"] = usage_json(usage);
  chunk["quandex"] = effective_json(effective);
  return chunk;
}

std::string sse_event(const Json& json) { return "data: " + json_text(json) + "\n\n"; }

}  // namespace quandex::server
