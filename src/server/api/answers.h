// The objects of answers, in OpenAI's shapes. Pure functions from results to JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engine/sampler.h"
#include "server/api/requests.h"
#include "text/chat/chat_message.h"

namespace quandex::server {

struct AnswerHead {
  std::string id;       // "chatcmpl-…", "cmpl-…"
  int64_t created = 0;  // seconds since 1970
  std::string model;
  std::string fingerprint;  // system_fingerprint: the program's version
};

struct Usage {
  int n_prompt = 0, n_cached = 0, n_completion = 0, n_reasoning = 0;  // tokens
};

enum class EndReason : uint8_t { stop, length, tool_calls };
std::string_view finish_reason_name(EndReason reason);

// One token's log probability with its alternatives. `bytes` are the token's own, which need not be whole characters;
// answers also give them as text, with U+FFFD for what is none. JSON has no infinity: what is impossible, or less
// likely than that, is -9999, as OpenAI has it.
struct TokenText {
  std::string bytes;
  float logprob = 0;
};
struct TokenChoice {
  TokenText chosen;
  std::vector<TokenText> top;  // most likely first
  int offset = 0;              // characters (code points) of the text before it; only completions tell it
};

// What sampling was in effect, the reuse of K/V and times, under the key "quandex".
struct Effective {
  SamplingParams sampling;
  int max_tokens = 0;
  Json cache;    // null, or what --explain-cache tells
  Json timings;  // null while the answer is not complete
};

struct ChatChoice {
  int index = 0;
  ChatResult result;
  EndReason end = EndReason::stop;
  std::optional<std::vector<TokenChoice>> logprobs;
};

// That endpoint's own shape: parallel arrays. The alternatives of a token have the chosen one among them always, and of
// equal texts the likelier token, for texts are the keys of an object.
struct CompletionLogprobs {
  std::vector<TokenChoice> tokens;
  std::vector<bool> is_known;  // false: no log probability (the first token of an echoed prompt) → null
};
struct CompletionChoice {
  int index = 0;
  std::string text;
  EndReason end = EndReason::stop;
  std::optional<CompletionLogprobs> logprobs;
};

Json chat_completion(const AnswerHead& head, const std::vector<ChatChoice>& choices, const Usage& usage,
                     const Effective& effective);
Json text_completion(const AnswerHead& head, const std::vector<CompletionChoice>& choices, const Usage& usage,
                     const Effective& effective);

// Chunks of a stream. `with_usage`: stream_options.include_usage, so that chunks before the last have "usage": null.
struct ChatChunk {
  int index = 0;
  bool is_first = false;  // carries the role
  ChatDelta delta;
  int first_tool_call = 0;  // index of delta.tool_calls[0] among the answer's
  std::vector<TokenChoice> logprobs;
  bool has_logprobs = false;
  std::optional<EndReason> end;
};
Json chat_chunk(const AnswerHead& head, const ChatChunk& chunk, bool with_usage);
struct CompletionChunk {
  int index = 0;
  std::string text;
  std::optional<CompletionLogprobs> logprobs;
  std::optional<EndReason> end;
};
Json completion_chunk(const AnswerHead& head, const CompletionChunk& chunk, bool with_usage);
Json usage_chunk(const AnswerHead& head, std::string_view object, const Usage& usage, const Effective& effective);

Json usage_json(const Usage& usage);

// The value of the key "quandex". Whole answers and usage_chunk have it already; a stream that tells no usage can have
// it in its first chunk. The seed is shown as the signed number that a client would send; one that is drawn for a
// request should stay below 2^53, which every reader of JSON keeps exact.
Json effective_json(const Effective& effective);

// "data: …\n\n", always on one line and valid UTF-8.
std::string sse_event(const Json& json);
inline constexpr std::string_view kSseDone = "data: [DONE]\n\n";

}  // namespace quandex::server
