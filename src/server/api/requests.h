// The bodies of requests, validated. Whatever these functions return can be honoured as far as the body alone shows;
// what depends on the prompt's length or the template's rendering is checked later. All throw ApiError{400} that names
// the field. Nothing is ever dropped in silence: a field that is unknown is an error, or under `lenient` a warning; one
// that is known and not supported is an error always, for without it the answer would be another.
//
// The fields, their types, ranges and descriptions stand in one table each (request_fields.h), which the OpenAPI
// document is written from too.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "engine/engine.h"
#include "engine/sampler.h"
#include "text/chat/chat_template.h"

namespace quandex::server {

// What bodies are validated against.
struct ModelFacts {
  std::string id;                    // what answers name
  std::vector<std::string> aliases;  // other names for it; "default" and an absent one always are
  int n_vocab = 0;                   // ids that the model has
  int n_ctx = 0;
  SamplingParams sampling;  // where the request names nothing
  bool has_template = false;
  TemplateAbilities abilities;  // of the template
};

struct RequestOptions {
  bool is_lenient = false;  // unknown fields are warned of
};

// A body as JSON: UTF-8, one value, an object, no duplicate keys, bounded depth. Throws ApiError{400} with the
// position, code "invalid_json".
Json parse_body(std::string_view body);

// Whether the body names the served model: by its id or an alias, as "default" or null, or not at all. Throws
// ApiError{404} with code "model_not_found" otherwise, ApiError{400} where the name is no string. The functions below
// do this first.
void check_model(const Json& body, const ModelFacts& model);
void check_model_name(std::string_view name, const ModelFacts& model);

struct StreamOptions {
  bool include_usage = false;
};

// What chat and text completions share.
struct GenerationRequest {
  SamplingParams sampling;
  bool has_seed = false;          // without one a random seed is drawn for each request
  int n = 1;                      // choices; of each prompt
  std::optional<int> max_tokens;  // absent: up to the context's end; text completions have OpenAI's 16 then
  std::vector<std::string> stop;
  std::vector<LogitBias> logit_bias;
  std::optional<int> n_top_logprobs;  // present: log probabilities are wanted; 0: of the chosen token only
  bool is_stream = false;
  StreamOptions stream_options;
  int priority = 0;
  bool ignore_eos = false;            // extension, for benchmarks: the model's stop ids are tokens like any other
  std::vector<std::string> warnings;  // fields that were ignored (lenient)
};

enum class ToolChoice : uint8_t { none, automatic };

struct ChatRequest : GenerationRequest {
  Json messages;  // as given to the template: content parts of text are kept or joined as the template wants it
  Json tools;     // null: none offered
  ToolChoice tool_choice = ToolChoice::automatic;
  bool parallel_tool_calls = true;  // false: the answer ends after its first call
  std::optional<bool> enable_thinking;
  Json template_extra;  // chat_template_kwargs, or null
};

using PromptInput = std::variant<std::string, std::vector<int32_t>>;

struct CompletionRequest : GenerationRequest {
  std::vector<PromptInput> prompts;  // one or more; the choices of prompt i have the indices [i * n, (i + 1) * n)
  bool echo = false;                 // then max_tokens may be 0
};

struct TokenizeRequest {  // of a text or of messages
  std::optional<std::string> text;
  std::optional<Json> messages;
  Json tools;
  bool add_special = true;    // what the tokenizer puts around a prompt
  bool parse_special = true;  // text of control tokens becomes their ids
  bool add_generation_prompt = true;
  std::optional<bool> enable_thinking;
  Json template_extra;
  bool with_pieces = false;  // the text of each token beside its id
  std::vector<std::string> warnings;
};
struct DetokenizeRequest {
  std::vector<int32_t> tokens;
  bool special = true;  // control tokens as their text
  std::vector<std::string> warnings;
};
struct ApplyTemplateRequest {
  Json messages, tools;
  bool add_generation_prompt = true;
  std::optional<bool> enable_thinking;
  Json template_extra;
  std::vector<std::string> warnings;
};

ChatRequest parse_chat_request(const Json& body, const ModelFacts& model, const RequestOptions& options);
CompletionRequest parse_completion_request(const Json& body, const ModelFacts& model, const RequestOptions& options);
TokenizeRequest parse_tokenize_request(const Json& body, const ModelFacts& model, const RequestOptions& options);
DetokenizeRequest parse_detokenize_request(const Json& body, const ModelFacts& model, const RequestOptions& options);
ApplyTemplateRequest parse_apply_template_request(const Json& body, const ModelFacts& model,
                                                  const RequestOptions& options);

}  // namespace quandex::server
