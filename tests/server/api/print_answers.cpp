// Prints the OpenAPI document and what the builders of answers make, one JSON object a line: {"schema": the name in our
// document, "openai": that in OpenAI's or null, "value": …}. For openapi_test.py.
#include <iostream>
#include <limits>

#include "server/api/answers.h"
#include "server/api/api_error.h"
#include "server/api/json_text.h"
#include "server/api/openapi.h"
#include "server/api/request_cases.h"

namespace quandex::server {
namespace {

void print(const char* schema, const char* openai, const Json& value) {
  std::cout << json_text({{"schema", schema}, {"openai", openai ? Json(openai) : Json()}, {"value", value}}) << '\n';
}

AnswerHead head() { return {"chatcmpl-1", 1700000000, "tiny", "quandex 0.1"}; }
Usage usage() { return {.n_prompt = 5, .n_cached = 4, .n_completion = 3, .n_reasoning = 1}; }
Effective effective() {
  Effective shown;
  shown.max_tokens = 64;
  shown.timings = {{"total", 0.5}};
  return shown;
}
std::vector<TokenChoice> tokens() {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  return {{{"\xC3", -0.25f}, {{"\xC3", -0.25f}, {"\xFF", -2}}}, {{"\xA9", -kInfinity}, {}}};
}
ChatResult everything() {
  return {.reasoning = "Hm.", .content = "Hello", .tool_calls = {{"abcdefghi", "weather", "{\"city\": \"Oslo\"}"}}};
}

void print_chat() {
  ChatChoice plain, calls, full;
  plain.result.content = "Hello";
  calls.result.tool_calls = everything().tool_calls;
  calls.end = EndReason::tool_calls;
  full.result = everything();
  full.end = EndReason::length;
  full.logprobs = tokens();
  const Json answer = chat_completion(head(), {plain, calls, full}, usage(), effective());
  print("ChatCompletion", "CreateChatCompletionResponse", answer);
}

void print_chunks() {
  ChatChunk chunk;
  const auto show = [&](bool with_usage) {
    print("ChatCompletionChunk", "CreateChatCompletionStreamResponse", chat_chunk(head(), chunk, with_usage));
  };
  chunk.is_first = true;
  show(true);
  chunk.delta.reasoning = "Hm.";
  show(false);
  chunk.is_first = false;
  chunk.delta.tool_calls = everything().tool_calls;
  show(false);
  chunk.delta = {};
  chunk.delta.content = "Hello";
  chunk.has_logprobs = true;
  chunk.logprobs = tokens();
  show(true);
  chunk = {};
  chunk.end = EndReason::tool_calls;
  show(true);
  print("ChatCompletionChunk", "CreateChatCompletionStreamResponse",
        usage_chunk(head(), "chat.completion.chunk", usage(), effective()));
}

void print_completions() {
  CompletionChoice plain, full;
  plain.text = "a";
  full.index = 1;
  full.text = "\xC3\xA9";
  full.end = EndReason::length;
  full.logprobs = CompletionLogprobs{.tokens = tokens(), .is_known = {true, true}};
  const char* const openai = "CreateCompletionResponse";
  print("TextCompletion", openai, text_completion(head(), {plain, full}, usage(), effective()));
  CompletionChunk chunk;
  chunk.text = "a";
  print("TextCompletion", nullptr, completion_chunk(head(), chunk, true));  // OpenAI's document has no null usage here
  chunk.logprobs = full.logprobs;
  chunk.end = EndReason::stop;
  print("TextCompletion", openai, completion_chunk(head(), chunk, false));
  print("TextCompletion", openai, usage_chunk(head(), "text_completion", usage(), effective()));
  full.logprobs->is_known = {false, true};  // an echoed prompt, whose first token OpenAI's document forgets
  print("TextCompletion", nullptr, text_completion(head(), {full}, usage(), effective()));
}

void print_others() {
  print("ErrorResponse", "ErrorResponse", error_body(ApiError(400, "no").with_param("n").with_code("invalid_value")));
  print("ErrorResponse", "ErrorResponse", error_body(ApiError(500, "\xFF")));
  for (const testing::BodyCase& item : testing::body_cases()) print(item.table->name.data(), nullptr, item.full);
}

}  // namespace
}  // namespace quandex::server

int main() {
  using namespace quandex::server;
  std::cout << json_text(openapi_document(testing::capable_model(), "0.1")) << '\n';
  print_chat();
  print_chunks();
  print_completions();
  print_others();
  return 0;
}
