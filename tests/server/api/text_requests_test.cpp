// The bodies of text completions, /tokenize, /detokenize and /apply-template.
#include <gtest/gtest.h>

#include <tuple>

#include "server/api/request_cases.h"
#include "server/api/requests.h"

namespace quandex::server {
namespace {

using testing::capable_model;
using testing::chat_body;
using testing::completion_refusal;
using testing::refusal_of;
using testing::tool;

Json completion_body(const Json& more) {
  Json body = {{"prompt", "Once"}};
  body.update(more);
  return body;
}
CompletionRequest completion(const Json& more) {
  return parse_completion_request(completion_body(more), capable_model(), {});
}

void expect_completion_refusal(const Json& more, const std::string& param, const std::string& code) {
  const auto refusal = completion_refusal(completion_body(more));
  ASSERT_TRUE(refusal) << more.dump();
  EXPECT_EQ(refusal->param, param) << refusal->message;
  EXPECT_EQ(refusal->code, code) << refusal->message;
}

// --- text completions

TEST(CompletionRequest, every_form_of_a_prompt_is_read) {
  using Prompts = std::vector<PromptInput>;
  using Ids = std::vector<int32_t>;
  const auto prompts = [](const char* prompt) { return completion({{"prompt", Json::parse(prompt)}}).prompts; };
  EXPECT_EQ(prompts(R"("a")"), Prompts{std::string("a")});
  EXPECT_EQ(prompts(R"("")"), Prompts{std::string()});
  EXPECT_EQ(prompts(R"(["a", "b"])"), (Prompts{std::string("a"), std::string("b")}));
  EXPECT_EQ(prompts("[1, 0, 999]"), (Prompts{Ids{1, 0, 999}}));
  EXPECT_EQ(prompts("[[1], [2, 3]]"), (Prompts{Ids{1}, Ids{2, 3}}));
}

TEST(CompletionRequest, wrong_prompts_are_refused_with_their_place) {
  const std::vector<std::tuple<const char*, const char*, const char*>> cases = {
      {"null", "prompt", "invalid_type"},
      {"[]", "prompt", "empty_array"},
      {"[[]]", "prompt[0]", "empty_array"},
      {"[[1], []]", "prompt[1]", "empty_array"},
      {"[1, \"a\"]", "prompt[1]", "invalid_type"},
      {"[\"a\", 1]", "prompt[1]", "invalid_type"},
      {"[\"a\", [1]]", "prompt[1]", "invalid_type"},
      {"[[1], \"a\"]", "prompt[1]", "invalid_type"},
      {"[[1, [2]]]", "prompt[0][1]", "invalid_type"},
      {"[1, 1.5]", "prompt[1]", "invalid_type"},
      {"[1, 1000]", "prompt[1]", "invalid_value"},
      {"[-1]", "prompt[0]", "integer_below_min_value"},
      {"[[1, 9223372036854775808]]", "prompt[0][1]", "integer_above_max_value"},
      {"[4294967297]", "prompt[0]", "invalid_value"},
  };
  for (const auto& [prompt, param, code] : cases)
    expect_completion_refusal({{"prompt", Json::parse(prompt)}}, param, code);
  EXPECT_EQ(completion_refusal(Json::object())->param, "prompt");
}

TEST(CompletionRequest, its_own_fields_and_defaults) {
  const CompletionRequest request = completion(Json::object());
  EXPECT_EQ(request.max_tokens, 16);
  EXPECT_FALSE(request.echo);
  EXPECT_FALSE(request.n_top_logprobs);
  EXPECT_EQ(completion({{"logprobs", 0}}).n_top_logprobs, 0);
  EXPECT_EQ(completion({{"max_tokens", 0}, {"echo", true}}).max_tokens, 0);
  EXPECT_EQ(completion({{"n", 3}, {"best_of", 3}}).n, 3);
  expect_completion_refusal({{"max_tokens", 0}}, "max_tokens", "integer_below_min_value");
  expect_completion_refusal({{"best_of", 2}}, "best_of", "unsupported_value");
  expect_completion_refusal({{"suffix", "b"}}, "suffix", "unsupported_parameter");
  expect_completion_refusal({{"logprobs", true}}, "logprobs", "invalid_type");
  expect_completion_refusal({{"max_completion_tokens", 4}}, "max_completion_tokens", "unsupported_parameter");
}

TEST(CompletionRequest, the_choices_of_all_prompts_together_are_bounded) {
  EXPECT_EQ(completion({{"prompt", std::vector<std::string>(8, "a")}, {"n", 128}}).prompts.size(), 8u);
  expect_completion_refusal({{"prompt", std::vector<std::string>(9, "a")}, {"n", 128}}, "prompt",
                            "array_above_max_length");
}

// --- texts

TEST(TokenizeRequest, takes_a_text_or_messages_and_not_both) {
  const auto parse = [](const Json& body) { return parse_tokenize_request(body, capable_model(), {}); };
  for (const char* name : {"text", "content", "prompt"}) EXPECT_EQ(parse({{name, "a"}}).text, "a");
  EXPECT_TRUE(parse({{"text", ""}}).add_special);
  const auto refused = [&](const Json& body) { return refusal_of([&] { parse(body); }).value().param; };
  const Json messages = chat_body()["messages"];
  EXPECT_EQ(parse({{"messages", messages}}).messages, messages);
  EXPECT_EQ(refused(Json::object()), "text");
  EXPECT_EQ(refused({{"text", "a"}, {"prompt", "b"}}), "prompt");
  EXPECT_EQ(refused({{"text", "a"}, {"messages", messages}}), "messages");
  EXPECT_EQ(refused({{"text", "a"}, {"enable_thinking", true}}), "enable_thinking");
  EXPECT_EQ(refused({{"messages", messages}, {"add_special", true}}), "add_special");
}

TEST(DetokenizeRequest, takes_ids_of_the_model) {
  const auto parse = [](const Json& body) { return parse_detokenize_request(body, capable_model(), {}); };
  EXPECT_EQ(parse({{"tokens", {0, 999}}}).tokens, (std::vector<int32_t>{0, 999}));
  EXPECT_TRUE(parse({{"tokens", Json::array()}}).tokens.empty());
  const auto refusal = refusal_of([&] { parse({{"tokens", {0, 1000}}}); });
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->param, "tokens[1]");
}

TEST(ApplyTemplateRequest, takes_what_a_template_takes) {
  const ApplyTemplateRequest request = parse_apply_template_request(
      chat_body({{"add_generation_prompt", false}, {"tools", Json::array({tool({{"name", "a"}})})}}), capable_model(),
      {});
  EXPECT_FALSE(request.add_generation_prompt);
  EXPECT_EQ(request.tools.size(), 1u);
}

}  // namespace
}  // namespace quandex::server
