#include "text/chat/chat_template.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/chat/chat_input.h"
#include "text/chat/chat_parser.h"
#include "text/detokenizer.h"
#include "text/qwen3c_vocabulary.h"
#include "text/test_vocabularies.h"

namespace quandex {
namespace {

Json said(const char* role, Json content) { return {{"role", role}, {"content", std::move(content)}}; }

// A byte vocabulary with <s> (256), </s> (257) and <|im_start|> (258) as control tokens.
Metadata model(bool with_bos = true) {
  Metadata metadata = testing::bpe_metadata("qwen2", {}, {{"<s>", 3}, {"</s>", 3}, {"<|im_start|>", 3}, {"[CALL]", 4}});
  if (with_bos) metadata.set_u32("tokenizer.ggml.bos_token_id", 256);
  metadata.set_u32("tokenizer.ggml.eos_token_id", 257);
  return metadata;
}

ChatTemplate from(std::string source) {
  return ChatTemplate::from_source(std::move(source), "test", Json{{"bos_token", "<s>"}, {"eos_token", "</s>"}});
}

ChatInput asking(Json content = "Hi") {
  ChatInput input;
  input.messages.push_back(said("user", std::move(content)));
  return input;
}

const Json kTools = Json::array({{{"type", "function"}, {"function", {{"name", "f"}}}}});

template <typename Function>
std::string error_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// What transformers passes: tools and documents are none and not undefined; enable_thinking is undefined unless given;
// so is a special token that the model has not.
TEST(ChatTemplate, the_context_is_that_of_transformers) {
  const std::string source =
      "{{ messages | length }} {{ tools is none }} {{ documents is none }} {{ add_generation_prompt }} "
      "{{ enable_thinking is defined }} {{ bos_token }} {{ eos_token }} {{ pad_token is defined }} {{ other is defined "
      "}}";
  ChatInput input = asking();
  EXPECT_EQ(from(source).render(input), "1 True True True False <s> </s> False False");
  input.tools = Json::array();
  input.add_generation_prompt = false;
  input.enable_thinking = false;
  input.extra = {{"other", 1}, {"documents", {1}}, {"bos_token", "B"}};
  EXPECT_EQ(from(source).render(input), "1 False False False True B </s> False True");
}

// A walk over all of them for each would take minutes.
TEST(ChatTemplate, names_of_the_caller_may_be_very_many) {
  ChatInput input = asking();
  Json::object_t names;
  for (int i = 0; i < 200'000; ++i) names.emplace_back(std::to_string(i), i);
  input.extra = std::move(names);
  EXPECT_EQ(from("{{ messages | length }}").render(input), "1");
}

TEST(ChatTemplate, names_that_are_set_otherwise_are_refused) {
  const ChatTemplate chat = from("{{ messages[0].content }}");
  for (const char* name : {"messages", "tools", "add_generation_prompt"}) {
    ChatInput input = asking();
    input.extra = {{name, 1}};
    EXPECT_EQ(error_of([&] { (void)chat.render(input); }),
              "names for the chat template: '" + std::string(name) + "' is set by other means");
  }
  ChatInput input = asking();
  input.extra = {{"enable_thinking", true}};
  EXPECT_EQ(chat.render(input), "Hi");
  input.enable_thinking = true;
  EXPECT_THROW((void)chat.render(input), Error);
  input.extra = Json::array();
  EXPECT_THROW((void)chat.render(input), Error);
  input.extra = nullptr;
  input.tools = Json::object();
  EXPECT_THROW((void)chat.render(input), Error);
  input.tools = nullptr;
  input.messages = Json::array({1});
  EXPECT_THROW((void)chat.render(input), Error);
}

TEST(ChatTemplate, what_the_template_refuses_is_the_callers_error) {
  const ChatTemplate chat = from("{{ raise_exception('only one question') if messages | length > 1 }}");
  ChatInput input = asking();
  EXPECT_EQ(chat.render(input), "");
  input.messages.push_back(said("user", "again"));
  try {
    (void)chat.render(input);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    EXPECT_NE(std::string(error.what()).find("only one question"), std::string::npos);
  }
}

TEST(ChatTemplate, special_tokens_come_from_the_vocabulary) {
  Metadata metadata = model();
  metadata.set_string("tokenizer.chat_template",
                      "{{ bos_token }}|{{ eos_token }}|{{ pad_token }}|{{ unk_token is defined }}");
  metadata.set_u32("tokenizer.ggml.padding_token_id", 258);
  const auto tokenizer = make_tokenizer(metadata);
  EXPECT_EQ(ChatTemplate::find(metadata, *tokenizer)->render(asking()), "<s>|</s>|<|im_start|>|False");
}

TEST(ChatTemplate, of_several_the_one_for_tools_is_chosen_where_tools_are_offered) {
  Metadata metadata = model();
  metadata.set_string("tokenizer.chat_template", "default");
  metadata.set_strings("tokenizer.chat_templates", {"tool_use", "rag"});
  metadata.set_string("tokenizer.chat_template.tool_use", "tools {{ tools | length }}");
  metadata.set_string("tokenizer.chat_template.rag", "rag");
  const auto tokenizer = make_tokenizer(metadata);
  const auto chat = ChatTemplate::find(metadata, *tokenizer);
  ASSERT_TRUE(chat);
  ChatInput input = asking();
  EXPECT_EQ(chat->render(input), "default");
  input.tools = kTools;
  EXPECT_EQ(chat->render(input), "tools 1");
  EXPECT_EQ(ChatTemplate::named("rag", metadata, *tokenizer).render(input), "rag");
  EXPECT_EQ(ChatTemplate::named("default", metadata, *tokenizer).render(input), "default");
}

TEST(ChatTemplate, without_a_default_one_must_be_named) {
  Metadata metadata = model();
  metadata.set_strings("tokenizer.chat_templates", {"tool_use", "rag"});
  metadata.set_string("tokenizer.chat_template.tool_use", "tools");
  metadata.set_string("tokenizer.chat_template.rag", "rag");
  const auto tokenizer = make_tokenizer(metadata);
  const auto chat = ChatTemplate::find(metadata, *tokenizer);
  ASSERT_TRUE(chat);
  EXPECT_EQ(error_of([&] { (void)chat->render(asking()); }),
            "tokenizer.chat_template of test.gguf: has no default chat template; name one of rag, tool_use");
}

TEST(ChatTemplate, a_model_without_one_is_never_guessed_for) {
  const Metadata metadata = model();
  const auto tokenizer = make_tokenizer(metadata);
  EXPECT_FALSE(ChatTemplate::find(metadata, *tokenizer));
  Metadata empty = model();
  empty.set_string("tokenizer.chat_template", "");
  EXPECT_FALSE(ChatTemplate::find(empty, *tokenizer));
}

TEST(ChatTemplate, a_name_that_is_none_is_refused_with_those_that_are) {
  const Metadata metadata = model();
  const auto tokenizer = make_tokenizer(metadata);
  const std::string message = error_of([&] { (void)ChatTemplate::named("chatlm", metadata, *tokenizer); });
  EXPECT_TRUE(message.starts_with("chatlm: found no such chat template, expected a file or one of alpaca, chatml, "));
}

TEST(ChatTemplate, a_file_is_read_and_its_errors_name_it) {
  const Metadata metadata = model();
  const auto tokenizer = make_tokenizer(metadata);
  const std::filesystem::path path = std::filesystem::path(::testing::TempDir()) / "chat_template_test.jinja";
  std::ofstream(path) << "{{ bos_token }}[{{ messages[0].content }}]";
  EXPECT_EQ(ChatTemplate::named(path.string(), metadata, *tokenizer).render(asking()), "<s>[Hi]");
  std::ofstream(path) << "{% for %}";
  EXPECT_TRUE(error_of([&] {
                (void)ChatTemplate::named(path.string(), metadata, *tokenizer);
              }).starts_with(path.string() + ": line 1 column "));
  std::ofstream(path) << "\xFF";
  EXPECT_TRUE(error_of([&] {
                (void)ChatTemplate::named(path.string(), metadata, *tokenizer);
              }).starts_with(path.string() + ": found bytes that are no UTF-8"));
  std::filesystem::remove(path);
}

TEST(ChatTemplate, qwen3c_texts_are_a_template_too) {
  Metadata metadata = model();
  for (const Qwen3cTemplate& entry : qwen3c_templates())
    metadata.set_string(std::string(entry.key), std::string(entry.qwen));
  const auto tokenizer = make_tokenizer(metadata);
  const auto chat = ChatTemplate::find(metadata, *tokenizer);
  ASSERT_TRUE(chat);
  EXPECT_EQ(chat->name(), "the prompt texts of test.gguf");
  EXPECT_EQ(chat->render(asking("%s")), "<|im_start|>user\n%s<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(chat->render(asking(Json::array({{{"type", "text"}, {"text", "a"}}, {{"type", "text"}, {"text", "b"}}}))),
            "<|im_start|>user\na\nb<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(chat->abilities().thinking_switch, "enable_thinking");
  EXPECT_TRUE(chat->abilities().thinks_by_default && chat->abilities().system);
  EXPECT_FALSE(chat->abilities().tools || chat->abilities().content_parts);
  ASSERT_TRUE(chat->format().reasoning);
  EXPECT_EQ(chat->format().reasoning->open, "<think>");
  ChatInput input = asking();
  input.extra = {{"colour", 1}};
  EXPECT_EQ(error_of([&] { (void)chat->render(input); }), "the prompt texts of test.gguf: have no place for 'colour'");
  metadata.set_string("tokenizer.chat_template", "jinja wins");
  EXPECT_EQ(ChatTemplate::find(metadata, *tokenizer)->render(asking()), "jinja wins");
}

TEST(ChatTemplate, abilities_are_what_reaches_the_prompt) {
  const TemplateAbilities none = from("{{ messages[-1].content | upper }}").abilities();
  EXPECT_FALSE(none.system || none.tools || none.tool_calls || none.past_reasoning || none.content_parts ||
               none.generation_prompt || none.thinks_by_default);
  EXPECT_EQ(none.thinking_switch, "");
  const TemplateAbilities all =
      from(
          "{{ tools | tojson }}{% for m in messages %}{{ m.role }}: {% if m.content is string %}{{ m.content }}"
          "{% else %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}{{ m.reasoning_content }}"
          "{{ m.tool_calls | tojson if m.tool_calls }}\n{% endfor %}{{ 'assistant: ' if add_generation_prompt }}"
          "{{ '<think>' if enable_thinking | default(true) }}")
          .abilities();
  EXPECT_TRUE(all.system && all.tools && all.tool_calls && all.past_reasoning && all.content_parts &&
              all.generation_prompt && all.thinks_by_default);
  EXPECT_EQ(all.thinking_switch, "enable_thinking");
}

TEST(ChatTemplate, a_hostile_template_does_not_make_loading_slow) {
  const auto begin = std::chrono::steady_clock::now();
  for (const char* source :
       {"{% for i in range(1000000000) %}{{ i }}{% endfor %}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% set n = namespace(x='a') %}{% for i in range(1000) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{{ 'x' * 100000000 }}"}) {
    const ChatTemplate chat = from(source);
    EXPECT_FALSE(chat.abilities().system) << source;
    EXPECT_THROW((void)chat.render(asking()), Error) << source;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));  // hours without a budget
}

TEST(ChatTemplate, a_switch_of_another_name_is_found_and_turned) {
  const ChatTemplate chat = from("{{ messages[0].content }}{{ '<think>' if thinking else '</think>' }}");
  EXPECT_EQ(chat.abilities().thinking_switch, "thinking");
  EXPECT_FALSE(chat.abilities().thinks_by_default);
  ChatInput input = asking();
  EXPECT_EQ(chat.render(input), "Hi</think>");
  input.enable_thinking = true;
  EXPECT_EQ(chat.render(input), "Hi<think>");
}

TEST(ChatTemplate, parts_of_text_are_joined_where_the_template_takes_none) {
  const Json parts = Json::array({{{"type", "text"}, {"text", "a"}}, {{"type", "text"}, {"text", "b"}}});
  EXPECT_EQ(from("[{{ messages[0].content + '' }}]").render(asking(parts)), "[a\nb]");
  EXPECT_EQ(from("{% if messages[0].content is string %}{{ messages[0].content }}{% else %}{% for p in "
                 "messages[0].content %}{{ p.text }}{% endfor %}{% endif %}")
                .render(asking(parts)),
            "ab");
  const Json image = Json::array({{{"type", "image"}}});
  EXPECT_EQ(error_of([&] { (void)from("[{{ messages[0].content + '' }}]").render(asking(image)); }),
            "messages: found a part of type image, expected text, as this chat template takes nothing else");
  const Json empty = Json::array({{{"type", "text"}}}), number = Json::array({{{"type", "text"}, {"text", 1}}});
  EXPECT_EQ(error_of([&] { (void)from("[{{ messages[0].content + '' }}]").render(asking(empty)); }),
            "messages: found a part of type text whose \"text\" is missing, expected a string");
  EXPECT_EQ(error_of([&] { (void)from("[{{ messages[0].content + '' }}]").render(asking(number)); }),
            "messages: found a part of type text whose \"text\" is number, expected a string");
}

ChatInput with_call(Json arguments, Json content = "") {
  ChatInput input = asking();
  Json answer = said("assistant", std::move(content));
  answer["tool_calls"] = Json::array(
      {{{"id", "abcdefghi"}, {"type", "function"}, {"function", {{"name", "f"}, {"arguments", arguments}}}}});
  input.messages.push_back(answer);
  return input;
}

TEST(ChatTemplate, arguments_are_given_as_the_template_wants_them) {
  const std::string loop = "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}";
  const ChatTemplate walks = from(loop +
                                  "<tool_call>{\"name\": {{ c.function.name | tojson }}, \"arguments\": {{ "
                                  "c.function.arguments | tojson }}}</tool_call>{% endfor %}{% endfor %}");
  EXPECT_EQ(walks.format().tools, ToolSyntax::tagged_json);
  EXPECT_FALSE(walks.abilities().arguments_as_text);
  const std::string walked = "Hi<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}}</tool_call>";
  EXPECT_EQ(walks.render(with_call({{"a", 1}})), walked);
  EXPECT_EQ(walks.render(with_call("{\"a\":1}")), walked);

  const ChatTemplate glues = from(loop +
                                  "{{ '<tool_call>{\"name\": \"' + c.function.name + '\", \"arguments\": ' + "
                                  "c.function.arguments + '}</tool_call>' }}{% endfor %}{% endfor %}");
  EXPECT_EQ(glues.format().tools, ToolSyntax::tagged_json);
  EXPECT_TRUE(glues.abilities().arguments_as_text);
  EXPECT_EQ(glues.render(with_call("{\"a\": 1 }")),
            "Hi<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1 }}</tool_call>");
  EXPECT_EQ(glues.render(with_call({{"a", 1}})),
            "Hi<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}}</tool_call>");
}

TEST(ChatTemplate, calls_go_without_content_where_the_template_looks_for_that) {
  const ChatTemplate chat = from(
      "{% for m in messages %}{% if m.content is none %}[TOOL_CALLS][{% for c in m.tool_calls %}{\"name\": \"{{ "
      "c.function.name }}\", \"arguments\": {{ c.function.arguments | tojson }}}{% endfor %}]{% else %}{{ m.content "
      "}}{% "
      "endif %}{% endfor %}");
  EXPECT_EQ(chat.format().tools, ToolSyntax::mistral_array);
  EXPECT_TRUE(chat.abilities().calls_without_content);
  EXPECT_EQ(chat.render(with_call({{"a", 1}})), "Hi[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"a\": 1}}]");
  EXPECT_EQ(chat.render(with_call({{"a", 1}}, "text")), "Hitext");
  const ChatTemplate concatenates = from("{% for m in messages %}{{ m.content + '|' }}{% endfor %}");
  for (const Json& content : {Json(""), Json()}) EXPECT_EQ(concatenates.render(with_call({{"a", 1}}, content)), "Hi||");
  ChatInput without = with_call({{"a", 1}});
  without.messages[1].erase("content");
  EXPECT_EQ(concatenates.render(without), "Hi||");
}

// What a chat does with a model whose markers are control tokens: template, tokens, detokenizer, parser, history.
TEST(ChatTemplate, a_turn_goes_from_messages_to_messages) {
  Metadata metadata = testing::bpe_metadata(
      "qwen2", {},
      {{"<s>", 3}, {"[INST]", 3}, {"[/INST]", 3}, {"[TOOL_CALLS]", 3}, {"[ARGS]", 3}, {"[THINK]", 3}, {"[/THINK]", 3}});
  metadata.set_u32("tokenizer.ggml.bos_token_id", 256);
  metadata.set_string(
      "tokenizer.chat_template",
      "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST]{{ m.content }}[/INST]{% else %}"
      "{{ '[THINK]' + m.reasoning_content + '[/THINK]' if m.reasoning_content and loop.last }}"
      "{{ m.content }}{% for c in m.tool_calls or [] %}[TOOL_CALLS]{{ c.function.name }}[ARGS]"
      "{{ c.function.arguments | tojson }}{% endfor %}{% endif %}{% endfor %}");
  const auto tokenizer = make_tokenizer(metadata);
  const auto found = ChatTemplate::find(metadata, *tokenizer);
  ASSERT_TRUE(found);
  const ChatTemplate& chat = *found;
  ChatInput input = asking();
  input.tools = kTools;
  const std::string prompt = chat.render(input);
  EXPECT_EQ(encode_chat(*tokenizer, prompt), (testing::Ids{256, 257, 'H', 'i', 258}));

  const std::string written = "[THINK]Hm.[/THINK]So.[TOOL_CALLS]f[ARGS]{\"a\": 1}";
  Detokenizer detokenizer(*tokenizer, {}, false);
  detokenizer.show(marker_tokens(chat.format(), *tokenizer));
  ChatParser parser(chat.format(), {.prompt_end = prompt_end(chat.format(), prompt), .has_tools = true});
  ChatResult result;
  for (const int32_t token : tokenizer->encode(written, true)) result.add(parser.push(detokenizer.push(token)));
  result.add(parser.push(detokenizer.finish()));
  result.add(parser.finish());
  EXPECT_EQ(result.reasoning, "Hm.");
  EXPECT_EQ(result.content, "So.");
  ASSERT_EQ(result.tool_calls.size(), 1U);
  EXPECT_EQ(result.tool_calls[0].arguments, "{\"a\": 1}");

  input.messages.push_back(assistant_message(result));
  EXPECT_EQ(chat.render(input), prompt + written);  // the same tokens again, so that the KV cache can be kept
}

// The marked-safe text of some of Mistral's templates makes Jinja escape the quotes around it.
TEST(ChatTemplate, a_way_to_give_arguments_that_can_be_read_is_preferred) {
  const ChatTemplate chat = from(
      "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}{% set a = c.function.arguments %}"
      "{% if a is not string %}{% set a = a | tojson | safe %}{% endif %}"
      "{{ '[TOOL_CALLS][{\"name\": \"' + c.function.name + '\", \"arguments\": ' + a + '}]' }}{% endfor %}{% endfor "
      "%}");
  EXPECT_EQ(chat.format().tools, ToolSyntax::mistral_array);
  EXPECT_TRUE(chat.abilities().arguments_as_text);
}

TEST(ChatFormat, syntax_of_calls_is_found_by_reading_one) {
  const auto syntax = [](const std::string& call) {
    return from(
               "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls or [] %}{% "
               "set n "
               "= c.function.name %}{% set a = c.function.arguments | tojson %}" +
               call + "{% endfor %}<|im_end|>{% endfor %}")
        .format();
  };
  EXPECT_EQ(syntax("<tool_call>\n{\"name\": \"{{ n }}\", \"arguments\": {{ a }}}\n</tool_call>").tools,
            ToolSyntax::tagged_json);
  EXPECT_EQ(syntax("{\"name\": \"{{ n }}\", \"parameters\": {{ a }}}").tools, ToolSyntax::llama3_json);
  EXPECT_EQ(syntax("<|python_tag|>{\"name\": \"{{ n }}\", \"parameters\": {{ a }}}").tools, ToolSyntax::llama3_json);
  EXPECT_EQ(syntax("[TOOL_CALLS] [{\"name\": \"{{ n }}\", \"arguments\": {{ a }}}]").tools, ToolSyntax::mistral_array);
  EXPECT_EQ(syntax("[TOOL_CALLS]{{ n }}[ARGS]{{ a }}").tools, ToolSyntax::mistral_named);
  EXPECT_EQ(syntax("[TOOL_CALLS]{{ n }}[CALL_ID]{{ c.id }}[ARGS]{{ a }}").tools, ToolSyntax::mistral_named);
  EXPECT_EQ(syntax("").tools, ToolSyntax::none);
  const ChatFormat other = syntax("<function={{ n }}>{{ a }}</function>");
  EXPECT_EQ(other.tools, ToolSyntax::unsupported);
  EXPECT_EQ(other.unsupported_tools, "<function=quandex_probe>{\"probe_key\": \"probe_value\"}</function>");
  const ChatFormat unshown = from("{{ tools | tojson }}{{ messages[0].content }}").format();
  EXPECT_EQ(unshown.tools, ToolSyntax::unsupported);
  EXPECT_EQ(unshown.unsupported_tools, "");
}

TEST(ChatFormat, tags_of_reasoning_are_those_of_the_template) {
  const auto tags = [](const char* source) { return find_reasoning_tags({source}).value_or(ReasoningTags{}); };
  EXPECT_EQ(tags("nothing"), ReasoningTags{});
  EXPECT_EQ(tags("content.split('</think>')"), (ReasoningTags{"<think>", "</think>", {}, ""}));
  EXPECT_EQ(tags("'[THINK]' + t + '[/THINK]'"), (ReasoningTags{"[THINK]", "[/THINK]", {}, ""}));
  EXPECT_EQ(tags("<think></think><response></response>"),
            (ReasoningTags{"<think>", "</think>", {"<response>"}, "</response>"}));
  EXPECT_EQ(find_reasoning_tags({"default", "<reasoning></reasoning>"})->close, "</reasoning>");
}

TEST(ChatFormat, the_end_of_the_prompt_says_whether_the_model_is_thinking) {
  const ChatFormat think = {ReasoningTags{"<think>", "</think>", {}, ""}, {}, {}};
  EXPECT_EQ(prompt_end(think, "<|im_start|>assistant\n<think>\n"), PromptEnd::in_reasoning);
  EXPECT_EQ(prompt_end(think, "<|im_start|>assistant\n<think>\n\n</think>\n\n"), PromptEnd::past_reasoning);
  EXPECT_EQ(prompt_end(think, "<|im_start|>assistant\n"), PromptEnd::plain);
  EXPECT_EQ(prompt_end({}, "<think>"), PromptEnd::plain);
}

TEST(ChatFormat, control_tokens_among_the_markers_are_named) {
  Metadata metadata = testing::bpe_metadata(
      "qwen2", {}, {{"<think>", 4}, {"</think>", 4}, {"[TOOL_CALLS]", 3}, {"[ARGS]", 3}, {"[INST]", 3}});
  const auto tokenizer = make_tokenizer(metadata);
  const ChatFormat format = {ReasoningTags{"<think>", "</think>", {}, ""}, ToolSyntax::mistral_named, {}};
  EXPECT_EQ(marker_tokens(format, *tokenizer), (testing::Ids{258, 259}));
  EXPECT_EQ(marker_tokens({}, *tokenizer), testing::Ids());
}

TEST(EncodeChat, bos_comes_once_whoever_writes_it) {
  for (const bool adds : {false, true}) {
    Metadata metadata = model();
    metadata.set_bool("tokenizer.ggml.add_bos_token", adds);
    metadata.set_bool("tokenizer.ggml.add_eos_token", true);
    const auto tokenizer = make_tokenizer(metadata);
    EXPECT_EQ(encode_chat(*tokenizer, "<s>a"), (testing::Ids{256, 'a'}));
    EXPECT_EQ(encode_chat(*tokenizer, "a<|im_start|>"),
              adds ? (testing::Ids{256, 'a', 258}) : (testing::Ids{'a', 258}));
    EXPECT_EQ(encode_chat(*tokenizer, ""), adds ? testing::Ids{256} : testing::Ids{});
  }
}

}  // namespace
}  // namespace quandex
