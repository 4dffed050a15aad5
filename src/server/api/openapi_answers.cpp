#include <nlohmann/json.hpp>

#include "server/api/openapi_schemas.h"

namespace quandex::server {
namespace {

// What answers.cpp, api_error.cpp and the routes build; tests hold them equal.
constexpr const char* kSharedSchemas = R"({
"ErrorResponse": {"type": "object", "description": "Every answer whose status is 400 or more.", "required": ["error"],
  "properties": {"error": {"type": "object", "required": ["message", "type", "param", "code"], "properties": {
    "message": {"type": "string", "description": "What was found where, and what was expected."},
    "type": {"type": "string", "description": "invalid_request_error, or server_error from status 500 on."},
    "param": {"type": ["string", "null"], "description": "The field: messages[0].role."},
    "code": {"type": ["string", "null"], "description": "For programs: unknown_parameter."}}}}},
"Usage": {"type": "object", "description": "Numbers of tokens.",
  "required": ["prompt_tokens", "completion_tokens", "total_tokens"], "properties": {
    "prompt_tokens": {"type": "integer", "minimum": 0},
    "completion_tokens": {"type": "integer", "minimum": 0},
    "total_tokens": {"type": "integer", "minimum": 0},
    "prompt_tokens_details": {"type": "object", "required": ["cached_tokens"], "properties": {
      "cached_tokens": {"type": "integer", "minimum": 0, "description": "Of the prompt, not computed again."}}},
    "completion_tokens_details": {"type": "object", "required": ["reasoning_tokens"], "properties": {
      "reasoning_tokens": {"type": "integer", "minimum": 0, "description": "Of the answer, thoughts."}}}}},
"Effective": {"type": "object", "description": "Extension: what was in effect.", "required": ["sampling"],
  "properties": {
    "sampling": {"type": "object", "required": ["temperature", "top_p", "top_k", "min_p", "frequency_penalty",
        "presence_penalty", "repetition_penalty", "seed", "max_tokens"], "properties": {
      "temperature": {"type": "number"}, "top_p": {"type": "number"}, "top_k": {"type": "integer"},
      "min_p": {"type": "number"}, "frequency_penalty": {"type": "number"}, "presence_penalty": {"type": "number"},
      "repetition_penalty": {"type": "number"},
      "seed": {"type": "integer", "format": "int64", "description": "Sent again, it gives the same answer."},
      "max_tokens": {"type": "integer"}}},
    "cache": {"description": "Where the reuse of earlier prompts broke, if asked for."},
    "timings": {"description": "Seconds, of complete answers."}}},
"TokenLogprob": {"type": "object", "required": ["token", "logprob", "bytes"], "properties": {
  "token": {"type": "string", "description": "Bytes that are no text are U+FFFD."},
  "logprob": {"type": "number", "description": "Natural logarithm; -9999 for what is impossible."},
  "bytes": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}}}},
"ChatLogprobs": {"type": "object", "required": ["content", "refusal"], "properties": {
  "content": {"type": "array", "items": {"type": "object", "required": ["token", "logprob", "bytes", "top_logprobs"],
    "properties": {
      "token": {"type": "string"}, "logprob": {"type": "number"},
      "bytes": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}},
      "top_logprobs": {"type": "array", "items": {"$ref": "#/components/schemas/TokenLogprob"}}}}},
  "refusal": {"type": "null"}}},
"AnswerToolCall": {"type": "object", "required": ["id", "type", "function"], "properties": {
  "id": {"type": "string"}, "type": {"const": "function"},
  "function": {"type": "object", "required": ["name", "arguments"], "properties": {
    "name": {"type": "string"},
    "arguments": {"type": "string", "description": "A JSON object as the model wrote it."}}}}}
})";

constexpr const char* kChatSchemas = R"({
"ChatCompletion": {"type": "object",
  "required": ["id", "object", "created", "model", "system_fingerprint", "choices", "usage", "quandex"],
  "properties": {
    "id": {"type": "string"}, "object": {"const": "chat.completion"}, "created": {"type": "integer"},
    "model": {"type": "string"}, "system_fingerprint": {"type": "string"},
    "choices": {"type": "array", "items": {"type": "object",
      "required": ["index", "message", "logprobs", "finish_reason"], "properties": {
        "index": {"type": "integer", "minimum": 0},
        "message": {"type": "object", "required": ["role", "content", "refusal"], "properties": {
          "role": {"const": "assistant"},
          "content": {"type": ["string", "null"], "description": "Null where there are only calls."},
          "refusal": {"type": "null"},
          "reasoning_content": {"type": "string", "description": "Extension: what the model thought."},
          "tool_calls": {"type": "array", "items": {"$ref": "#/components/schemas/AnswerToolCall"}}}},
        "logprobs": {"anyOf": [{"$ref": "#/components/schemas/ChatLogprobs"}, {"type": "null"}]},
        "finish_reason": {"enum": ["stop", "length", "tool_calls"]}}}},
    "usage": {"$ref": "#/components/schemas/Usage"},
    "quandex": {"$ref": "#/components/schemas/Effective"}}},
"ChatCompletionChunk": {"type": "object",
  "required": ["id", "object", "created", "model", "system_fingerprint", "choices"], "properties": {
    "id": {"type": "string"}, "object": {"const": "chat.completion.chunk"}, "created": {"type": "integer"},
    "model": {"type": "string"}, "system_fingerprint": {"type": "string"},
    "choices": {"type": "array", "description": "One, or none where the usage is.", "items": {"type": "object",
      "required": ["index", "delta", "logprobs", "finish_reason"], "properties": {
        "index": {"type": "integer", "minimum": 0},
        "delta": {"type": "object", "properties": {
          "role": {"const": "assistant"}, "content": {"type": ["string", "null"]}, "refusal": {"type": "null"},
          "reasoning_content": {"type": "string"},
          "tool_calls": {"type": "array", "items": {"type": "object",
            "required": ["index", "id", "type", "function"], "properties": {
              "index": {"type": "integer", "minimum": 0}, "id": {"type": "string"}, "type": {"const": "function"},
              "function": {"type": "object", "required": ["name", "arguments"], "properties": {
                "name": {"type": "string"}, "arguments": {"type": "string"}}}}}}}},
        "logprobs": {"anyOf": [{"$ref": "#/components/schemas/ChatLogprobs"}, {"type": "null"}]},
        "finish_reason": {"enum": ["stop", "length", "tool_calls", null]}}}},
    "usage": {"anyOf": [{"$ref": "#/components/schemas/Usage"}, {"type": "null"}]},
    "quandex": {"$ref": "#/components/schemas/Effective"}}}
})";

constexpr const char* kTextSchemas = R"({
"TextCompletion": {"type": "object", "description": "An answer, or a chunk of a stream.",
  "required": ["id", "object", "created", "model", "system_fingerprint", "choices"], "properties": {
    "id": {"type": "string"}, "object": {"const": "text_completion"}, "created": {"type": "integer"},
    "model": {"type": "string"}, "system_fingerprint": {"type": "string"},
    "choices": {"type": "array", "items": {"type": "object", "required": ["text", "index", "logprobs", "finish_reason"],
      "properties": {
        "text": {"type": "string"}, "index": {"type": "integer", "minimum": 0},
        "logprobs": {"anyOf": [{"type": "null"}, {"type": "object",
          "required": ["tokens", "token_logprobs", "top_logprobs", "text_offset"], "properties": {
            "tokens": {"type": "array", "items": {"type": "string"}},
            "token_logprobs": {"type": "array", "items": {"type": ["number", "null"]}},
            "top_logprobs": {"type": "array", "description": "Of equal texts the likelier token.",
              "items": {"type": ["object", "null"], "additionalProperties": {"type": "number"}}},
            "text_offset": {"type": "array", "items": {"type": "integer", "minimum": 0},
              "description": "Where the token begins in the text, in characters."}}}]},
        "finish_reason": {"enum": ["stop", "length", null]}}}},
    "usage": {"anyOf": [{"$ref": "#/components/schemas/Usage"}, {"type": "null"}]},
    "quandex": {"$ref": "#/components/schemas/Effective"}}},
"Model": {"type": "object", "required": ["id", "object", "created", "owned_by"], "properties": {
  "id": {"type": "string"}, "object": {"const": "model"}, "created": {"type": "integer"},
  "owned_by": {"type": "string"}, "context_length": {"type": "integer"},
  "architecture": {"type": "string"}, "quantization": {"type": "string"}, "status": {"type": "string"},
  "aliases": {"type": "array", "items": {"type": "string"}}}},
"ModelList": {"type": "object", "required": ["object", "data"], "properties": {
  "object": {"const": "list"}, "data": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}}}},
"Tokens": {"type": "object", "required": ["tokens", "count"], "properties": {
  "tokens": {"type": "array", "items": {"anyOf": [{"type": "integer", "minimum": 0},
    {"type": "object", "description": "With with_pieces.", "required": ["id", "piece", "bytes"], "properties": {
      "id": {"type": "integer", "minimum": 0},
      "piece": {"type": "string", "description": "Bytes that are no text are U+FFFD."},
      "bytes": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}}}}]}},
  "count": {"type": "integer", "minimum": 0},
  "max_model_len": {"type": "integer", "description": "The context, in tokens."}}},
"Text": {"type": "object", "required": ["content"], "properties": {"content": {"type": "string"}}},
"Prompt": {"type": "object", "required": ["prompt"], "properties": {"prompt": {"type": "string"}}},
"Health": {"type": "object", "description": "Whether and what is served; more members tell of memory and work.",
  "required": ["status"], "properties": {
    "status": {"type": "string", "description": "ok; with status 503 loading or draining; degraded: a step failed."},
    "model": {"type": "string"}, "backend": {"type": "string"}, "device": {"type": "string"},
    "vocab_size": {"type": "integer"}, "model_dim": {"type": "integer"}, "seq_len": {"type": "integer"}},
  "additionalProperties": true}
})";

}  // namespace

void add_answer_schemas(Json& schemas) {
  for (const char* text : {kSharedSchemas, kChatSchemas, kTextSchemas}) schemas.update(Json::parse(text));
}

}  // namespace quandex::server
