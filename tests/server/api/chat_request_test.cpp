// What chat requests become, and which are refused.
#include <gtest/gtest.h>

#include <limits>
#include <tuple>

#include "engine/sampler.h"
#include "server/api/expect_refusal.h"
#include "server/api/request_cases.h"
#include "server/api/requests.h"

namespace quandex::server {
namespace {

using testing::capable_model;
using testing::chat_body;
using testing::chat_refusal;
using testing::expect_chat_refusal;
using testing::refusal_of;

ChatRequest chat(const Json& more) { return parse_chat_request(chat_body(more), capable_model(), {}); }

// --- the model

TEST(CheckModel, an_absent_model_null_default_the_id_and_aliases_are_served) {
  for (const Json& name : {Json(), Json("default"), Json("tiny"), Json("small")}) {
    EXPECT_FALSE(chat_refusal(chat_body({{"model", name}}))) << name;
  }
  EXPECT_FALSE(chat_refusal(chat_body()));
}

TEST(CheckModel, another_name_is_not_found_before_anything_else_is_looked_at) {
  for (const char* name : {"gpt-4o", "", "Tiny", "tiny ", "default2"}) {
    const auto refusal = chat_refusal({{"model", name}, {"messages", 7}});
    ASSERT_TRUE(refusal) << name;
    EXPECT_EQ(refusal->status, 404);
    EXPECT_EQ(refusal->code, "model_not_found");
    EXPECT_EQ(refusal->param, "model");
  }
  EXPECT_EQ(refusal_of([] { check_model_name("x", capable_model()); })->status, 404);
  EXPECT_FALSE(refusal_of([] { check_model_name("small", capable_model()); }));
}

TEST(CheckModel, a_long_name_is_cut_in_the_message) {
  const auto refusal = chat_refusal({{"model", std::string(1 << 20, 'm')}});
  ASSERT_TRUE(refusal);
  EXPECT_LT(refusal->message.size(), 300u);
}

// --- what a chat request becomes

TEST(ChatRequest, defaults_are_the_models) {
  ModelFacts model = capable_model();
  model.sampling.temperature = 0.6f;
  model.sampling.top_k = 20;
  const ChatRequest request = parse_chat_request(chat_body(), model, {});
  EXPECT_EQ(request.sampling.temperature, 0.6f);
  EXPECT_EQ(request.sampling.top_k, 20);
  EXPECT_FALSE(request.has_seed);
  EXPECT_EQ(request.n, 1);
  EXPECT_FALSE(request.max_tokens);
  EXPECT_FALSE(request.n_top_logprobs);
  EXPECT_FALSE(request.is_stream);
  EXPECT_TRUE(request.parallel_tool_calls);
  EXPECT_FALSE(request.enable_thinking);
  EXPECT_TRUE(request.tools.is_null());
  EXPECT_TRUE(request.template_extra.is_null());
  EXPECT_EQ(request.messages, Json::parse(R"([{"role": "user", "content": "Hi"}])"));
}

TEST(ChatRequest, every_honoured_field_arrives) {
  const testing::BodyCase full = testing::body_cases()[0];
  const ChatRequest request = parse_chat_request(full.full, capable_model(), {});
  EXPECT_FLOAT_EQ(request.sampling.temperature, 0.7f);
  EXPECT_FLOAT_EQ(request.sampling.top_p, 0.9f);
  EXPECT_EQ(request.sampling.top_k, 40);
  EXPECT_FLOAT_EQ(request.sampling.min_p, 0.05f);
  EXPECT_FLOAT_EQ(request.sampling.frequency_penalty, 0.5f);
  EXPECT_FLOAT_EQ(request.sampling.presence_penalty, -0.5f);
  EXPECT_FLOAT_EQ(request.sampling.repeat_penalty, 1.1f);
  EXPECT_TRUE(request.has_seed);
  EXPECT_EQ(static_cast<int64_t>(request.sampling.seed), -5);
  EXPECT_EQ(request.n, 2);
  EXPECT_EQ(request.max_tokens, 64);
  EXPECT_EQ(request.stop, (std::vector<std::string>{"end", "stop"}));
  ASSERT_EQ(request.logit_bias.size(), 2u);
  EXPECT_EQ(request.logit_bias[0].token, 7);
  EXPECT_EQ(request.logit_bias[0].bias, -100);
  EXPECT_EQ(request.logit_bias[1].token, 0);
  EXPECT_EQ(request.n_top_logprobs, 5);
  EXPECT_TRUE(request.is_stream);
  EXPECT_TRUE(request.stream_options.include_usage);
  EXPECT_EQ(request.priority, -3);
  EXPECT_EQ(request.enable_thinking, false);
  EXPECT_EQ(request.template_extra, Json({{"date", "today"}}));
  EXPECT_TRUE(request.warnings.empty());
  ASSERT_EQ(request.messages.size(), 7u);
  EXPECT_EQ(request.messages[1]["role"], "system");
  EXPECT_EQ(request.messages[2]["content"], Json::parse(R"([{"type": "text", "text": "Rain in Oslo?"}])"));
  EXPECT_EQ(request.messages[3], Json::parse(R"({"role": "assistant", "content": null, "reasoning_content": "Ask.",
    "tool_calls": [{"id": "call00001", "type": "function",
                    "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]})"));
  EXPECT_EQ(request.messages[4]["tool_call_id"], "call00001");
  EXPECT_EQ(request.tools, Json::parse(R"([{"type": "function", "function": {"name": "weather",
    "description": "Of today.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}])"));
}

TEST(ChatRequest, a_stop_text_may_stand_alone) {
  EXPECT_EQ(chat({{"stop", "end"}}).stop, std::vector<std::string>{"end"});
  EXPECT_TRUE(chat({{"stop", Json::array()}}).stop.empty());
  EXPECT_EQ(chat({{"stop", std::vector<std::string>(16, "x")}}).stop.size(), 16u);
}

TEST(ChatRequest, both_bounds_of_every_range_are_taken) {
  for (const char* text :
       {R"({"temperature": 0})", R"({"temperature": 2})", R"({"top_p": 1})", R"({"top_k": -1})", R"({"min_p": 0})",
        R"({"min_p": 1})", R"({"frequency_penalty": -2})", R"({"frequency_penalty": 2.0})", R"({"n": 128})",
        R"({"presence_penalty": -2})", R"({"repetition_penalty": 100})", R"({"seed": -9223372036854775808})",
        R"({"seed": 9223372036854775807})", R"({"priority": 100})", R"({"priority": -100})", R"({"max_tokens": 1})",
        R"({"top_k": 2147483647})", R"({"logprobs": true, "top_logprobs": 20})", R"({"logit_bias": {"999": 100}})"}) {
    const auto refusal = chat_refusal(chat_body(Json::parse(text)));
    EXPECT_FALSE(refusal) << text << ": " << refusal->message;
  }
}

TEST(ChatRequest, a_top_p_of_zero_is_the_likeliest_token) {
  for (const double top_p : {0.0, 1e-60}) {
    const SamplingParams sampling = chat({{"top_p", top_p}, {"top_k", 40}}).sampling;
    EXPECT_EQ(sampling.top_k, 1);
    EXPECT_EQ(sampling.top_p, 1);
    check_sampling_params(sampling);
  }
}

TEST(ChatRequest, a_penalty_leaves_logits_that_are_numbers) {
  for (const double penalty : {0.0, 1e-60, 1e-38, 0.009})
    expect_chat_refusal({{"repetition_penalty", penalty}}, "repetition_penalty", "decimal_below_min_value");
  check_sampling_params(chat({{"repetition_penalty", 0.01}}).sampling);
}

TEST(ChatRequest, minus_one_is_no_top_k) { EXPECT_EQ(chat({{"top_k", -1}}).sampling.top_k, 0); }

TEST(ChatRequest, two_names_of_one_setting_must_agree) {
  EXPECT_EQ(chat({{"max_tokens", 9}, {"max_completion_tokens", 9}}).max_tokens, 9);
  EXPECT_EQ(chat({{"max_tokens", 9}, {"max_completion_tokens", nullptr}}).max_tokens, 9);
  expect_chat_refusal({{"max_tokens", 9}, {"max_completion_tokens", 10}}, "max_tokens", "invalid_value");
  EXPECT_FLOAT_EQ(chat({{"repeat_penalty", 1.5}}).sampling.repeat_penalty, 1.5f);
  expect_chat_refusal({{"repeat_penalty", 1.1}, {"repetition_penalty", 1.2}}, "repeat_penalty", "invalid_value");
}

TEST(ChatRequest, more_tokens_than_an_int_holds_are_as_many_as_it_does) {
  EXPECT_EQ(chat({{"max_tokens", int64_t{1} << 62}}).max_tokens, std::numeric_limits<int>::max());
  expect_chat_refusal({{"max_tokens", 0}}, "max_tokens", "integer_below_min_value");
  expect_chat_refusal({{"max_tokens", 1e300}}, "max_tokens", "invalid_type");
}

TEST(ChatRequest, fields_that_need_another_are_refused_without_it) {
  expect_chat_refusal({{"top_logprobs", 2}}, "top_logprobs", "invalid_value");
  expect_chat_refusal({{"top_logprobs", 2}, {"logprobs", false}}, "top_logprobs", "invalid_value");
  expect_chat_refusal({{"stream_options", {{"include_usage", true}}}}, "stream_options", "invalid_value");
  expect_chat_refusal({{"stream", false}, {"stream_options", Json::object()}}, "stream_options", "invalid_value");
  EXPECT_EQ(chat({{"logprobs", true}}).n_top_logprobs, 0);
  EXPECT_FALSE(chat({{"logprobs", false}}).n_top_logprobs);
}

TEST(ChatRequest, biases_are_of_tokens_that_the_model_has) {
  for (const char* key : {"1000", "-1", "01", "+1", "1 ", " 1", "1.0", "", "x", "99999999999999999999", "0x1"}) {
    const auto refusal = chat_refusal(chat_body({{"logit_bias", {{key, 1}}}}));
    ASSERT_TRUE(refusal) << key;
    EXPECT_EQ(refusal->param, std::string("logit_bias.") + key);
    EXPECT_EQ(refusal->code, "invalid_value");
  }
  Json bans = Json::object();
  for (int id = 0; id < 999; ++id) bans[std::to_string(id)] = -100;
  EXPECT_EQ(chat({{"logit_bias", bans}}).logit_bias.size(), 999u);
  bans["999"] = -100;
  expect_chat_refusal({{"logit_bias", bans}}, "logit_bias", "invalid_value");
}

// --- what is refused by name

TEST(ChatRequest, what_is_not_supported_is_refused_by_name) {
  const std::vector<std::tuple<const char*, const char*, const char*>> cases = {
      {R"({"response_format": {"type": "json_object"}})", "response_format.type", "unsupported_value"},
      {R"({"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}})", "response_format.type",
       "unsupported_value"},
      {R"({"tool_choice": "required"})", "tool_choice", "unsupported_value"},
      {R"({"tool_choice": {"type": "function", "function": {"name": "f"}}})", "tool_choice", "unsupported_value"},
      {R"({"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}})", "tool_choice", "unsupported_value"},
      {R"({"tool_choice": "sometimes"})", "tool_choice", "invalid_value"},
      {R"({"functions": []})", "functions", "unsupported_parameter"},
      {R"({"function_call": "auto"})", "function_call", "unsupported_parameter"},
      {R"({"modalities": ["text", "audio"]})", "modalities[1]", "unsupported_value"},
      {R"({"audio": {"voice": "alloy"}})", "audio", "unsupported_parameter"},
      {R"({"prediction": {"type": "content"}})", "prediction", "unsupported_parameter"},
      {R"({"web_search_options": {}})", "web_search_options", "unsupported_parameter"},
      {R"({"moderation": {"model": "m"}})", "moderation", "unsupported_parameter"},
      {R"({"service_tier": "flex"})", "service_tier", "unsupported_value"},
      {R"({"verbosity": "low"})", "verbosity", "unsupported_value"},
      {R"({"reasoning_effort": "high"})", "reasoning_effort", "unsupported_value"},
      {R"({"grammar": "root ::= x"})", "grammar", "unsupported_parameter"},
      {R"({"best_of": 1})", "best_of", "unsupported_parameter"},
  };
  for (const auto& [text, param, code] : cases) expect_chat_refusal(Json::parse(text), param, code);
}

TEST(ChatRequest, lenience_warns_of_unknown_fields_and_of_nothing_else) {
  const RequestOptions lenient{.is_lenient = true};
  Json body = chat_body({{"temprature", 1}, {"caf\u00e9\n", 1}});
  body["messages"][0]["extra"] = 1;
  const ChatRequest request = parse_chat_request(body, capable_model(), lenient);
  EXPECT_EQ(request.warnings,
            (std::vector<std::string>{"messages[0].extra is unknown and was ignored",
                                      "temprature is unknown and was ignored", "caf??? is unknown and was ignored"}));
  EXPECT_EQ(request.messages, chat_body()["messages"]);
  body["grammar"] = "x";
  EXPECT_EQ(refusal_of([&] { parse_chat_request(body, capable_model(), lenient); })->param, "grammar");
}

TEST(ChatRequest, warnings_are_bounded) {
  Json body = chat_body();
  for (int i = 0; i < 1000; ++i) body["unknown" + std::to_string(i) + std::string(500, 'x')] = i;
  const ChatRequest request = parse_chat_request(body, capable_model(), {.is_lenient = true});
  ASSERT_EQ(request.warnings.size(), 21u);
  EXPECT_EQ(request.warnings.back(), "and more");
  for (const std::string& warning : request.warnings) EXPECT_LT(warning.size(), 200u);
}

TEST(ChatRequest, typing_errors_get_a_suggestion) {
  EXPECT_NE(chat_refusal(chat_body({{"temprature", 1}}))->message.find("'temperature'"), std::string::npos);
  EXPECT_NE(chat_refusal({{"message", Json::array()}})->message.find("'messages'"), std::string::npos);
  const auto refusal = chat_refusal(chat_body({{std::string(1 << 20, 'x') + "\xF0\x9F\x98\x80", 1}}));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "unknown_parameter");
  EXPECT_LT(refusal->message.size(), 300u);
  EXPECT_LT(refusal->param.size(), 200u);
}

}  // namespace
}  // namespace quandex::server
