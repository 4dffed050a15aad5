#include "server/api/answers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <random>

#include "server/api/json_text.h"
#include "server/api/request_cases.h"

namespace quandex::server {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

AnswerHead head() { return {"chatcmpl-1", 1700000000, "tiny", "quandex 0.1"}; }
Usage usage() { return {.n_prompt = 5, .n_cached = 4, .n_completion = 3, .n_reasoning = 1}; }
Effective effective() {
  Effective shown;
  shown.sampling.temperature = 0.7f;
  shown.sampling.seed = static_cast<uint64_t>(int64_t{-5});
  shown.max_tokens = 64;
  return shown;
}
TokenChoice choice(std::string bytes, float logprob, std::vector<TokenText> top = {}) {
  return {{std::move(bytes), logprob}, std::move(top)};
}

TEST(Answers, a_chat_completion_is_openais) {
  ChatChoice only;
  only.result.content = "Hello";
  const Json answer = chat_completion(head(), {only}, usage(), effective());
  EXPECT_EQ(answer, Json::parse(R"({
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "tiny",
    "system_fingerprint": "quandex 0.1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello", "refusal": null},
                 "logprobs": null, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8,
              "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 1}},
    "quandex": {"sampling": {"temperature": 0.7, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "frequency_penalty": 0.0,
                             "presence_penalty": 0.0, "repetition_penalty": 1.0, "seed": -5, "max_tokens": 64}}})"));
}

TEST(Answers, real_numbers_are_as_short_as_the_client_wrote_them) {
  EXPECT_NE(json_text(effective_json(effective())).find("\"temperature\":0.7,"), std::string::npos);
}

TEST(Answers, effective_sampling_can_be_sent_again) {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> unit(0, 1);
  for (int round = 0; round < 200; ++round) {
    Effective shown;
    shown.sampling = {.temperature = 2 * unit(random),
                      .top_k = static_cast<int>(random() % 100),
                      .top_p = std::max(unit(random), 1e-6f),
                      .min_p = unit(random),
                      .repeat_penalty = 1 + unit(random),
                      .frequency_penalty = unit(random) - 0.5f,
                      .presence_penalty = -unit(random),
                      .seed = (uint64_t{random()} << 32) | random()};
    shown.max_tokens = 7;
    const Json body = parse_body(json_text(testing::chat_body(effective_json(shown)["sampling"])));
    const ChatRequest request = parse_chat_request(body, testing::capable_model(), {});
    EXPECT_EQ(effective_json(shown), effective_json({request.sampling, *request.max_tokens, {}, {}}));
    EXPECT_EQ(request.sampling.temperature, shown.sampling.temperature);
    EXPECT_EQ(request.sampling.seed, shown.sampling.seed);
  }
}

TEST(Answers, content_is_null_where_there_are_only_calls) {
  ChatChoice calls;
  calls.result.tool_calls = {{"abcdefghi", "weather", "{\"city\": \"Oslo\"}"}};
  calls.end = EndReason::tool_calls;
  ChatChoice both = calls;
  both.index = 1;
  both.result.content = "Let me see.";
  both.result.reasoning = "Hm.";
  const Json answer = chat_completion(head(), {calls, both}, usage(), effective());
  EXPECT_EQ(answer["choices"][0]["message"], Json::parse(R"({"role": "assistant", "content": null, "refusal": null,
    "tool_calls": [{"id": "abcdefghi", "type": "function",
                    "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]})"));
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "tool_calls");
  EXPECT_EQ(answer["choices"][1]["message"]["content"], "Let me see.");
  EXPECT_EQ(answer["choices"][1]["message"]["reasoning_content"], "Hm.");
}

TEST(Answers, an_answer_can_be_handed_back_as_a_message) {
  ChatChoice both;
  both.result = {.reasoning = "Hm.", .content = "", .tool_calls = {{"abcdefghi", "not a name!", "no json"}}};
  const Json answer = chat_completion(head(), {both}, usage(), effective());
  Json body = testing::chat_body();
  body["messages"].push_back(answer["choices"][0]["message"]);
  const ChatRequest request = parse_chat_request(body, testing::capable_model(), {});
  EXPECT_EQ(request.messages[1]["tool_calls"], answer["choices"][0]["message"]["tool_calls"]);
  both.result.tool_calls.clear();  // only thoughts
  body["messages"][1] = chat_completion(head(), {both}, usage(), effective())["choices"][0]["message"];
  EXPECT_EQ(parse_chat_request(body, testing::capable_model(), {}).messages[1]["content"], "");
}

TEST(Answers, log_probabilities_have_bytes_and_no_infinities) {
  ChatChoice only;
  only.logprobs = {choice("\xC3", -0.1f, {{"\xC3", -0.1f}, {"a", -kInfinity}}),
                   choice("b", std::numeric_limits<float>::quiet_NaN()), choice("c", -123456.0f)};
  const Json logprobs = chat_completion(head(), {only}, usage(), effective())["choices"][0]["logprobs"];
  EXPECT_EQ(logprobs, Json::parse(R"({"content": [
    {"token": "\ufffd", "logprob": -0.1, "bytes": [195], "top_logprobs": [
      {"token": "\ufffd", "logprob": -0.1, "bytes": [195]}, {"token": "a", "logprob": -9999.0, "bytes": [97]}]},
    {"token": "b", "logprob": -9999.0, "bytes": [98], "top_logprobs": []},
    {"token": "c", "logprob": -9999.0, "bytes": [99], "top_logprobs": []}], "refusal": null})"));
}

TEST(Answers, text_completions_have_their_own_shape_of_log_probabilities) {
  CompletionChoice only;
  only.text = "a\xC3\xA9!";
  only.end = EndReason::length;
  only.logprobs =
      CompletionLogprobs{.tokens = {choice("a", 0), choice("\xC3", -1, {{"\xC3", -1}, {"\xFF", -2}, {"x", -3}}),
                                    choice("\xA9", -0.5f), choice("!", -kInfinity)},
                         .is_known = {false, true, true, true}};
  for (size_t i = 0; i < 4; ++i) only.logprobs->tokens[i].offset = std::array{10, 11, 11, 12}[i];
  const Json answer = text_completion(head(), {only}, usage(), effective());
  EXPECT_EQ(answer["object"], "text_completion");
  EXPECT_EQ(answer["choices"][0], Json::parse("{\"text\": \"a\xC3\xA9!\","
                                              R"(
    "index": 0, "logprobs": {
      "tokens": ["a", "\ufffd", "\ufffd", "!"], "token_logprobs": [null, -1.0, -0.5, -9999.0],
      "top_logprobs": [null, {"\ufffd": -1.0, "x": -3.0}, {"\ufffd": -0.5}, {"!": -9999.0}], "text_offset": [10, 11, 11, 12]},
    "finish_reason": "length"})"));
}

TEST(Answers, chunks_are_openais) {
  ChatChunk first;
  first.is_first = true;
  const Json chunk = chat_chunk(head(), first, true);
  EXPECT_EQ(chunk, Json::parse(R"({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000,
    "model": "tiny", "system_fingerprint": "quandex 0.1",
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": "", "refusal": null}, "logprobs": null,
                 "finish_reason": null}], "usage": null})"));
  EXPECT_FALSE(chat_chunk(head(), first, false).contains("usage"));

  ChatChunk text;
  text.index = 1;
  text.delta.content = "Hi";
  text.has_logprobs = true;
  text.logprobs = {choice("Hi", -1)};
  const Json second = chat_chunk(head(), text, false)["choices"][0];
  EXPECT_EQ(second["delta"], Json({{"content", "Hi"}}));
  EXPECT_EQ(second["logprobs"]["content"].size(), 1u);

  ChatChunk last;
  last.end = EndReason::length;
  const Json third = chat_chunk(head(), last, false)["choices"][0];
  EXPECT_EQ(third["delta"], Json::object());
  EXPECT_EQ(third["finish_reason"], "length");
}

TEST(Answers, chunks_of_thoughts_and_calls_leave_the_content_null_or_out) {
  ChatChunk thought;
  thought.is_first = true;
  thought.delta.reasoning = "Hm";
  EXPECT_EQ(chat_chunk(head(), thought, false)["choices"][0]["delta"],
            Json::parse(R"({"role": "assistant", "content": null, "refusal": null, "reasoning_content": "Hm"})"));
  ChatChunk calls;
  calls.first_tool_call = 2;
  calls.delta.tool_calls = {{"a", "f", "{}"}, {"b", "g", "{}"}};
  EXPECT_EQ(chat_chunk(head(), calls, false)["choices"][0]["delta"], Json::parse(R"({"tool_calls": [
    {"index": 2, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
    {"index": 3, "id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}}]})"));
}

TEST(Answers, the_last_chunk_has_the_usage_and_no_choices) {
  const Json chunk = usage_chunk(head(), "text_completion", usage(), effective());
  EXPECT_EQ(chunk["choices"], Json::array());
  EXPECT_EQ(chunk["usage"]["total_tokens"], 8);
  EXPECT_EQ(chunk["quandex"]["sampling"]["seed"], -5);
  EXPECT_EQ(chunk["object"], "text_completion");
}

TEST(Answers, every_answer_is_valid_utf8_on_one_line) {
  ChatChunk chunk;
  chunk.delta.content = "\xFF\n\xC3";
  chunk.delta.reasoning = "\xED\xA0\x80";
  chunk.delta.tool_calls = {{"\xFF", "\xFF", "\xFF"}};
  const std::string event = sse_event(chat_chunk(head(), chunk, false));
  EXPECT_TRUE(event.starts_with("data: {"));
  EXPECT_TRUE(event.ends_with("}\n\n"));
  EXPECT_EQ(std::ranges::count(event, '\n'), 2);
  EXPECT_NO_THROW(parse_json(std::string_view(event).substr(6), "event"));
  EXPECT_EQ(json_text("\xFF"), "\"\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace quandex::server
