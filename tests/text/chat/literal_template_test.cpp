#include "text/chat/literal_template.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "text/qwen3c_vocabulary.h"

namespace quandex {
namespace {

Metadata qwen3_texts() {
  Metadata metadata("m.bin");
  for (const Qwen3cTemplate& entry : qwen3c_templates())
    metadata.set_string(std::string(entry.key), std::string(entry.qwen));
  metadata.set_string("quandex.template.family", "qwen3");
  return metadata;
}

ChatInput input_of(std::initializer_list<std::pair<const char*, const char*>> messages) {
  ChatInput input;
  for (const auto& [role, content] : messages) input.messages.push_back({{"role", role}, {"content", content}});
  return input;
}

std::string refusal(const Metadata& metadata, const ChatInput& input) {
  try {
    (void)LiteralTemplate::find(metadata)->render(input);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(LiteralTemplate, each_of_the_four_texts_is_filled_literally) {
  const auto found = LiteralTemplate::find(qwen3_texts());
  ASSERT_TRUE(found);
  ChatInput plain = input_of({{"user", "100%s %d %%"}}), with_system = input_of({{"system", "S %s"}, {"user", "U"}});
  const std::string asked = "<|im_start|>user\n100%s %d %%<|im_end|>\n<|im_start|>assistant\n";
  const std::string system =
      "<|im_start|>system\nS %s<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n";
  EXPECT_EQ(found->render(plain), asked);
  EXPECT_EQ(found->render(with_system), system);
  plain.enable_thinking = with_system.enable_thinking = false;
  EXPECT_EQ(found->render(plain), asked + "<think>\n\n</think>\n\n");
  EXPECT_EQ(found->render(with_system), system + "<think>\n\n</think>\n\n");
}

TEST(LiteralTemplate, earlier_turns_of_qwen3_are_put_together_without_their_thinking) {
  ChatInput input = input_of({{"system", "S"}, {"user", "A"}, {"assistant", "B"}, {"user", "C"}});
  input.messages[2]["reasoning_content"] = "dropped";
  input.enable_thinking = false;
  EXPECT_EQ(LiteralTemplate::find(qwen3_texts())->render(input),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\nB<|im_end|>\n"
            "<|im_start|>user\nC<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n");
}

TEST(LiteralTemplate, a_conversation_that_is_over_begins_the_next_prompt) {
  ChatInput over = input_of({{"user", "A"}, {"assistant", "B"}}), next = over;
  over.add_generation_prompt = false;
  next.messages.push_back({{"role", "user"}, {"content", "C"}});
  over.enable_thinking = next.enable_thinking = false;
  const std::string text = LiteralTemplate::find(qwen3_texts())->render(over);
  EXPECT_EQ(text, "<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\nB<|im_end|>\n");
  EXPECT_TRUE(LiteralTemplate::find(qwen3_texts())->render(next).starts_with(text));
}

TEST(LiteralTemplate, texts_of_other_models_take_one_question_only) {
  Metadata metadata("m.bin");
  metadata.set_string("quandex.template.thinking", "Q: %s\nA:");
  EXPECT_EQ(LiteralTemplate::find(metadata)->render(input_of({{"user", "why?"}})), "Q: why?\nA:");
  EXPECT_EQ(
      refusal(metadata, input_of({{"user", "A"}, {"assistant", "B"}, {"user", "C"}})),
      "m.bin: its prompt texts are not those of Qwen3 and do not say how an answer ends, so earlier turns cannot be "
      "put into the prompt; name a template instead");
}

TEST(LiteralTemplate, what_the_texts_cannot_express_is_refused) {
  const Metadata texts = qwen3_texts();
  ChatInput tools = input_of({{"user", "A"}}), closed = tools;
  tools.tools = {{{"type", "function"}}};
  closed.add_generation_prompt = false;
  EXPECT_EQ(refusal(texts, tools), "qwen3.c's prompt texts have no place for tools");
  EXPECT_EQ(refusal(texts, closed), "qwen3.c's prompt texts always end where the answer begins");
  EXPECT_NE(refusal(texts, input_of({{"user", "A"}, {"user", "B"}})).find("messages[1].role: found user"),
            std::string::npos);
  EXPECT_NE(refusal(texts, input_of({{"user", "A"}, {"assistant", "B"}})).find("message of the user at the end"),
            std::string::npos);
  Metadata one("m.bin");
  one.set_string("quandex.template.plain", "%s");
  EXPECT_EQ(refusal(one, input_of({{"system", "S"}, {"user", "A"}})),
            "m.bin: has no prompt text with a system prompt and with thinking (the file "
            "'.template.with-system-and-thinking')");
}

TEST(LiteralTemplate, a_text_with_another_number_of_places_is_refused) {
  EXPECT_FALSE(LiteralTemplate::find(Metadata("m.bin")));
  Metadata metadata("m.bin");
  metadata.set_string("quandex.template.system", "only %s");
  EXPECT_THROW((void)LiteralTemplate::find(metadata), Error);
}

}  // namespace
}  // namespace quandex
